/** Imported data sets, which the window has and the worker asks for. */
import type { StoredFiles } from '../../contract/datasets.ts';
import { KronlabError } from '../../contract/errors.ts';
import type { WorkerMessage, WorkerRequest } from '../../contract/training.ts';

type Answer = Extract<WorkerRequest, { type: 'dataset' }>;

export class WindowDatasets {
  #send: (message: WorkerMessage) => void;
  #waiting = new Map<number, PromiseWithResolvers<StoredFiles>>();
  #requests = 0;

  constructor(send: (message: WorkerMessage) => void) {
    this.#send = send;
  }

  /** Rejects with the `KronlabError` that the window was given. */
  fetch(id: string): Promise<StoredFiles> {
    const waiting = Promise.withResolvers<StoredFiles>();
    this.#requests += 1;
    this.#waiting.set(this.#requests, waiting);
    this.#send({ type: 'read-dataset', request: this.#requests, id });
    return waiting.promise;
  }

  /** Takes the window's answer to one request. */
  take({ request, answer }: Answer): void {
    const waiting = this.#waiting.get(request);
    this.#waiting.delete(request);
    if ('error' in answer) waiting?.reject(KronlabError.fromShape(answer.error));
    else waiting?.resolve(answer);
  }
}
