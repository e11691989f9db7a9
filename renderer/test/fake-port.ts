/** A training worker for tests: keeps what it was told and says what the test makes it say. */
import type { WorkerMessage, WorkerRequest } from '../../contract/training.ts';
import type { TrainingPort } from '../state/trainer.svelte.ts';

export class FakePort implements TrainingPort {
  readonly requests: WorkerRequest[] = [];
  terminated = false;
  #message: (message: WorkerMessage) => void = () => undefined;
  #crash: (reason: string) => void = () => undefined;

  postMessage(request: WorkerRequest, transfer: Transferable[] = []): void {
    // A real worker gets a structured clone; anything that cannot be cloned must fail here too.
    this.requests.push(structuredClone(request, { transfer }));
  }

  onMessage(listener: (message: WorkerMessage) => void): void {
    this.#message = listener;
  }

  onCrash(listener: (reason: string) => void): void {
    this.#crash = listener;
  }

  terminate(): void {
    this.terminated = true;
  }

  say(message: WorkerMessage): void {
    this.#message(message);
  }

  crash(reason: string): void {
    this.#crash(reason);
  }
}
