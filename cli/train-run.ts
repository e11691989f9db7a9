/** Trains one stored run and keeps what it produces, in order: the session, the rows, the end. */
import type { Client } from '../contract/api.ts';
import { KronlabError } from '../contract/errors.ts';
import type { MetricBatch, RunEvent, RunSummary } from '../contract/runs.ts';
import type { Trainer, TrainingControl, TrainingProgress, TrainingResult } from '../contract/training.ts';

export interface RunListener {
  progress(progress: TrainingProgress): void;
  /** Rows and events as they come, for a live table and its notes. */
  append(metrics: MetricBatch, events: readonly RunEvent[]): void;
}

/** Says `stop` to the training loop, once and for good. */
export class StopControl implements TrainingControl {
  command: 'run' | 'stop' = 'run';
  private wake: (() => void)[] = [];

  stop(): void {
    this.command = 'stop';
    for (const resolve of this.wake.splice(0)) resolve();
  }

  changed(): Promise<void> {
    return this.command === 'stop' ? Promise.resolve() : new Promise((resolve) => this.wake.push(resolve));
  }
}

/**
 * Trains to the end, to a stop, or to divergence; all three are results. Rejects with `KronlabError` when the engine
 * fails (the run is then `failed` and keeps its rows) or the store cannot be written (training stops; what was saved
 * is kept).
 */
export async function trainRun(
  client: Client,
  trainer: Trainer,
  run: RunSummary,
  control: StopControl,
  listener: RunListener,
): Promise<TrainingResult> {
  const writes = new WriteQueue(() => control.stop());
  let lastStep = 0;
  let activeMs = 0;
  const finish = (status: TrainingResult['status'] | 'failed', error: string | null) =>
    writes.add(() => client.call('runs.finish', { id: run.id, status, activeMs, lastStep, error }));
  try {
    const result = await trainer.train(
      run.spec,
      {
        started: ({ environment, layers }) =>
          writes.add(() => client.call('runs.start', { id: run.id, environment, layers })),
        progress(progress) {
          lastStep = progress.step;
          activeMs = progress.activeMs;
          listener.progress(progress);
        },
        append(metrics, events) {
          writes.add(() => client.call('runs.append', { id: run.id, metrics, events }));
          listener.append(metrics, events);
        },
      },
      control,
    );
    ({ lastStep, activeMs } = result);
    finish(result.status, null);
    await writes.settled();
    return result;
  } catch (error) {
    const failure = KronlabError.from(error);
    if (writes.failure === null) {
      finish('failed', failure.message);
      await writes.settled();
    }
    throw failure;
  }
}

/** Calls one after another. After the first failure nothing more is sent, and training is told to stop. */
class WriteQueue {
  failure: KronlabError | null = null;
  private last: Promise<void> = Promise.resolve();
  private readonly onFailure: () => void;

  constructor(onFailure: () => void) {
    this.onFailure = onFailure;
  }

  add(call: () => Promise<unknown>): void {
    this.last = this.last.then(async () => {
      if (this.failure !== null) return;
      try {
        await call();
      } catch (error) {
        this.failure = KronlabError.from(error);
        this.onFailure();
      }
    });
  }

  /** Resolves when everything is written; rejects with the first failure. */
  async settled(): Promise<void> {
    await this.last;
    if (this.failure !== null) throw this.failure;
  }
}
