/** Carries pause, go on and stop from the window's messages to the training loop, which reads it between steps. */
import type { TrainingControl } from '../../contract/training.ts';

export class RunControl implements TrainingControl {
  #command: TrainingControl['command'] = 'run';
  #waiting: (() => void)[] = [];

  get command(): TrainingControl['command'] {
    return this.#command;
  }

  changed(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** A run that was told to stop stays stopped. */
  set(command: TrainingControl['command']): void {
    if (this.#command === 'stop' || this.#command === command) return;
    this.#command = command;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
