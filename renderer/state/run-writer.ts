/**
 * Brings what one run produces into the store, in order and without losing rows: opening the session, appends, the
 * end. While the store cannot write, rows wait here; the run may go on or pause, nothing is dropped.
 */
import type { ApiInput, Client } from '../../contract/api.ts';
import { KronlabError } from '../../contract/errors.ts';
import type { Environment, LayerReport, MetricBatch, RunEvent } from '../../contract/runs.ts';

export type RunOutcome = Omit<ApiInput<'runs.finish'>, 'id'>;

export interface RunWriterListener {
  /** The last step that is safe on disk. */
  saved(step: number): void;
  /** The store refuses to write (`storage`) or is away (`unavailable`); null once it works again. */
  trouble(error: KronlabError | null): void;
  /** The store will never take this run's rows, e.g. because the run is unknown. Nothing more is sent. */
  rejected(error: KronlabError): void;
}

type Job =
  | { kind: 'start'; environment: Environment; layers: LayerReport[] }
  | { kind: 'append'; metrics: MetricBatch; events: RunEvent[] }
  | { kind: 'finish'; outcome: RunOutcome; settled: () => void };

/** Rows sent in one call at most; after an outage the backlog goes out in pieces of this size. */
const ROWS_PER_CALL = 4096;
const RETRY_MS = 2000;

export class RunWriter {
  #client: Client;
  #runId: string;
  #listener: RunWriterListener;
  #jobs: Job[] = [];
  #busy = false;
  #troubled = false;
  #rejected = false;
  #timer: ReturnType<typeof setTimeout> | null = null;

  constructor(client: Client, runId: string, listener: RunWriterListener) {
    this.#client = client;
    this.#runId = runId;
    this.#listener = listener;
  }

  start(environment: Environment, layers: LayerReport[]): void {
    this.#add({ kind: 'start', environment, layers });
  }

  append(metrics: MetricBatch, events: RunEvent[]): void {
    if (metrics.keys.length === 0 && events.length === 0) return;
    const last = this.#jobs.at(-1);
    const waiting = this.#jobs.length > 1 || !this.#busy;
    if (last?.kind === 'append' && waiting && last.metrics.keys.length < ROWS_PER_CALL) {
      joinBatch(last.metrics, metrics);
      last.events.push(...events);
      this.#pump();
      return;
    }
    this.#add({ kind: 'append', metrics: joinBatch(emptyBatch(), metrics), events: [...events] });
  }

  /** Resolves when the end is in the store, or when the store has refused the run for good. */
  finish(outcome: RunOutcome): Promise<void> {
    return new Promise((settled) => this.#add({ kind: 'finish', outcome, settled }));
  }

  /** Tries a refused write again now. */
  retry(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#pump();
  }

  #add(job: Job): void {
    if (this.#rejected) {
      if (job.kind === 'finish') job.settled();
      return;
    }
    this.#jobs.push(job);
    this.#pump();
  }

  #pump(): void {
    if (this.#busy || this.#timer !== null || this.#jobs.length === 0) return;
    this.#busy = true;
    void this.#work().finally(() => {
      this.#busy = false;
      if (this.#jobs.length > 0) this.#pump();
    });
  }

  async #work(): Promise<void> {
    const job = this.#jobs[0];
    if (!job) return;
    try {
      await this.#send(job);
    } catch (error) {
      this.#fail(KronlabError.from(error));
      return;
    }
    this.#jobs.shift();
    if (job.kind === 'finish') job.settled();
    if (this.#troubled) this.#listener.trouble(null);
    this.#troubled = false;
  }

  async #send(job: Job): Promise<void> {
    const id = this.#runId;
    if (job.kind === 'start') {
      await this.#client.call('runs.start', { id, environment: job.environment, layers: job.layers });
    } else if (job.kind === 'append') {
      const answer = await this.#client.call('runs.append', { id, metrics: job.metrics, events: job.events });
      this.#listener.saved(answer.savedStep);
    } else {
      await this.#client.call('runs.finish', { id, ...job.outcome });
    }
  }

  #fail(error: KronlabError): void {
    if (error.code === 'storage' || error.code === 'unavailable') {
      this.#troubled = true;
      this.#timer = setTimeout(() => this.retry(), RETRY_MS);
      this.#listener.trouble(error);
      return;
    }
    this.#rejected = true;
    for (const job of this.#jobs.splice(0)) if (job.kind === 'finish') job.settled();
    this.#listener.rejected(error);
  }
}

export function emptyBatch(): MetricBatch {
  return { keys: [], steps: [], activeMs: [], wallMs: [], values: [] };
}

/** Appends `more` to `batch` and answers `batch`. */
export function joinBatch(batch: MetricBatch, more: MetricBatch): MetricBatch {
  batch.keys.push(...more.keys);
  batch.steps.push(...more.steps);
  batch.activeMs.push(...more.activeMs);
  batch.wallMs.push(...more.wallMs);
  batch.values.push(...more.values);
  return batch;
}
