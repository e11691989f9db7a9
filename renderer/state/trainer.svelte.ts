/**
 * The queue of runs and the training worker. Runs of a comparison are trained one after another; what they produce
 * goes to the store through a `RunWriter`. A run that fails does not take the others with it, but a machine that
 * cannot train at all (no adapter, a device lost twice in a row) holds the queue, and the runs stay queued.
 */
import type { Client } from '../../contract/api.ts';
import { fetchDatasetFiles } from '../../contract/dataset-files.ts';
import { KronlabError } from '../../contract/errors.ts';
import { createKernelStore } from '../../contract/kernel-store.ts';
import type { RunSummary } from '../../contract/runs.ts';
import { fetchWeights, keepWeights } from '../../contract/weights-files.ts';
import type {
  AdapterReport,
  KernelOwner,
  KernelStore,
  TrainingResult,
  WorkerMessage,
  WorkerRequest,
} from '../../contract/training.ts';
import { LiveRun } from './live-run.svelte.ts';
import { RunWriter, type RunOutcome } from './run-writer.ts';
import type { Toasts } from './toasts.svelte.ts';

/** The part of `Worker` the queue needs; tests put a fake in its place. */
export interface TrainingPort {
  /** `transfer`: what goes over without being copied, and is gone here. */
  postMessage(request: WorkerRequest, transfer?: Transferable[]): void;
  onMessage(listener: (message: WorkerMessage) => void): void;
  /** The worker itself broke, e.g. an error outside of any run. */
  onCrash(listener: (reason: string) => void): void;
  terminate(): void;
}

/** What the worker says of the run that it trains. */
type RunMessage = Extract<
  WorkerMessage,
  { type: 'started' | 'progress' | 'append' | 'weights' | 'finished' }
>;

/** How long a run may take to obey "stop" before its worker is ended. */
const STOP_PATIENCE_MS = 30_000;

export class TrainerStore {
  #client: Client;
  #kernels: KernelStore;
  #toasts: Toasts;
  #createPort: () => TrainingPort;
  #port: TrainingPort | null = null;
  #writer: RunWriter | null = null;
  #lostDevices = 0;
  /** Settles when the weights of the run that ended last are kept. */
  #keeping: Promise<void> = Promise.resolve();
  #stopTimer: ReturnType<typeof setTimeout> | null = null;

  adapter = $state.raw<AdapterReport | null>(null);
  /** Why there is no adapter; null while unknown or when there is one. */
  adapterError = $state.raw<KronlabError | null>(null);
  checkedMs = $state<number | null>(null);
  live = $state.raw<LiveRun | null>(null);
  queue = $state.raw<readonly RunSummary[]>([]);
  /** Why the queue does not go on by itself. */
  held = $state.raw<KronlabError | null>(null);

  constructor(client: Client, toasts: Toasts, createPort: () => TrainingPort) {
    this.#client = client;
    this.#kernels = createKernelStore(client);
    this.#toasts = toasts;
    this.#createPort = createPort;
  }

  /** Asks the worker which adapter it gets; the answer lands in `adapter` or `adapterError`. */
  probe(): void {
    if (this.live) return;
    this.adapterError = null;
    this.#restartPort();
    this.#send({ type: 'probe' });
  }

  /** Puts runs at the end of the queue and starts the first if nothing is training. */
  enqueue(runs: readonly RunSummary[]): void {
    const known = new Set([this.live?.run.id, ...this.queue.map((run) => run.id)]);
    this.queue = [...this.queue, ...runs.filter((run) => !known.has(run.id))];
    this.held = null;
    this.#next();
  }

  /** Goes on after the queue was held. */
  release(): void {
    this.held = null;
    this.#lostDevices = 0;
    this.#next();
  }

  pause(): void {
    this.#command('pause');
  }

  resume(): void {
    this.#writer?.retry();
    this.#command('run');
  }

  /** Ends the run in training; it keeps what it has. The queue goes on. */
  stop(): void {
    const live = this.live;
    if (!live || live.command === 'stop') return;
    this.#command('stop');
    this.#stopTimer = setTimeout(() => {
      this.#restartPort();
      const lastStep = live.progress?.step ?? 0;
      void this.#settle(live, outcome('stopped', live, lastStep, null));
    }, STOP_PATIENCE_MS);
  }

  /** Takes the runs of a comparison out of the queue (they stay `queued` in the store) and stops the one in training. */
  stopComparison(comparisonId: string | null): number {
    const before = this.queue.length;
    this.queue = this.queue.filter((run) => run.comparisonId !== comparisonId);
    if (this.live?.run.comparisonId === comparisonId) this.stop();
    return before - this.queue.length;
  }

  /** Takes single runs out of the queue, e.g. before they go to the trash. */
  dequeue(ids: readonly string[]): void {
    this.queue = this.queue.filter((run) => !ids.includes(run.id));
  }

  #command(command: 'run' | 'pause' | 'stop'): void {
    if (!this.live || this.live.command === 'stop') return;
    this.live.command = command;
    this.#send({ type: 'command', command });
  }

  #next(): void {
    const [run, ...rest] = this.queue;
    if (this.live || this.held || !run) return;
    this.queue = rest;
    const live = new LiveRun(run);
    this.live = live;
    this.#writer = new RunWriter(this.#client, run.id, {
      saved: (step) => {
        live.savedStep = step;
      },
      trouble: (error) => this.#trouble(live, error),
      rejected: (error) => {
        this.#toasts.fail(error);
        this.stop();
      },
    });
    this.#send({ type: 'train', runId: run.id, spec: run.spec });
  }

  /** A full disk pauses the run; a lost connection only holds rows back. Both go on by themselves. */
  #trouble(live: LiveRun, error: KronlabError | null): void {
    const paused = live.trouble?.code === 'storage' && live.command === 'pause';
    live.trouble = error;
    if (error?.code === 'storage' && live.command === 'run') this.pause();
    if (error === null && paused) this.#command('run');
  }

  #send(request: WorkerRequest): void {
    this.#port ??= this.#openPort();
    this.#port.postMessage(request);
  }

  #openPort(): TrainingPort {
    const port = this.#createPort();
    port.onMessage((message) => {
      if (port === this.#port) this.#receive(message);
    });
    port.onCrash((reason) => {
      if (port === this.#port) this.#crash(reason);
    });
    return port;
  }

  #restartPort(): void {
    this.#port?.terminate();
    this.#port = null;
  }

  #receive(message: WorkerMessage): void {
    if (message.type === 'adapter') {
      this.adapter = message.report;
      this.adapterError = null;
      this.checkedMs = Date.now();
      return;
    }
    if (message.type === 'read-kernels') {
      void this.#answerKernels(message.owner);
      return;
    }
    if (message.type === 'read-dataset') {
      void this.#answerDataset(message.request, message.id);
      return;
    }
    if (message.type === 'read-weights') {
      void this.#answerWeights(message.request, message.hash);
      return;
    }
    if (message.type === 'keep-kernels') {
      // What cannot be kept is measured again at the next start.
      this.#kernels.keep(message.owner, message.choices).catch(() => undefined);
      return;
    }
    if (message.type === 'failed') {
      this.#fail(KronlabError.fromShape(message.error), message.runId);
      return;
    }
    const live = this.live;
    if (live?.run.id === message.runId) this.#receiveOfRun(live, message);
  }

  /** The worker waits for the answer; where the store gives none, it measures. */
  async #answerKernels(owner: KernelOwner): Promise<void> {
    const port = this.#port;
    const choices = await this.#kernels.read(owner).catch(() => null);
    port?.postMessage({ type: 'kernels', choices });
  }

  /** The run that waits for it fails with the reason where it does not come. */
  async #answerDataset(request: number, id: string): Promise<void> {
    const port = this.#port;
    try {
      const answer = await fetchDatasetFiles(this.#client, id);
      port?.postMessage({ type: 'dataset', request, answer }, [answer.bytes.buffer]);
    } catch (error) {
      const answer = { error: KronlabError.from(error).toShape() };
      port?.postMessage({ type: 'dataset', request, answer });
    }
  }

  /** As with data sets. */
  async #answerWeights(request: number, hash: string): Promise<void> {
    const port = this.#port;
    try {
      const answer = await fetchWeights(this.#client, { hash });
      port?.postMessage({ type: 'weights', request, answer }, [answer.buffer]);
    } catch (error) {
      const answer = { error: KronlabError.from(error).toShape() };
      port?.postMessage({ type: 'weights', request, answer });
    }
  }

  /** The run has its results whether or not its weights can be kept. */
  async #keepWeights(runId: string, bytes: Uint8Array): Promise<void> {
    try {
      await keepWeights(this.#client, runId, bytes);
    } catch (error) {
      this.#toasts.fail(error);
    }
  }

  #receiveOfRun(live: LiveRun, message: RunMessage): void {
    switch (message.type) {
      case 'started':
        live.environment = message.environment;
        live.layers = message.layers;
        live.parameters = message.parameters;
        this.#writer?.start(message.environment, message.layers);
        return;
      case 'progress':
        live.report(message.progress, Date.now());
        return;
      case 'append':
        live.add(message.metrics, message.events);
        this.#writer?.append(message.metrics, message.events);
        return;
      case 'weights':
        this.#keeping = this.#keepWeights(message.runId, message.bytes);
        return;
      case 'finished':
        this.#lostDevices = 0;
        void this.#settle(live, resultOutcome(message.result));
        return;
      default:
        message satisfies never;
    }
  }

  #crash(reason: string): void {
    this.#restartPort();
    this.#fail(
      new KronlabError('internal', `The training worker stopped: ${reason}`),
      this.live?.run.id ?? null,
    );
  }

  #fail(error: KronlabError, runId: string | null): void {
    if (error.code === 'no-adapter' || (runId === null && !this.adapter)) {
      this.adapter = null;
      this.adapterError = error;
      this.checkedMs = Date.now();
    }
    const live = this.live;
    if (!live || (runId !== null && runId !== live.run.id)) return;
    if (error.code === 'no-adapter') {
      this.#putBack(live, error);
      return;
    }
    if (error.code === 'device-lost' || error.code === 'internal') this.#lostDevices += 1;
    if (error.code === 'device-lost') this.#restartPort();
    if (this.#lostDevices >= 2) this.held = error;
    void this.#settle(live, outcome('failed', live, live.progress?.step ?? 0, error.message));
  }

  /** Nothing was trained: the run goes back to the head of the queue and waits. */
  #putBack(live: LiveRun, error: KronlabError): void {
    this.held = error;
    this.queue = [live.run, ...this.queue];
    this.#clear();
  }

  async #settle(live: LiveRun, end: RunOutcome): Promise<void> {
    if (this.#stopTimer !== null) clearTimeout(this.#stopTimer);
    this.#stopTimer = null;
    // Whoever sees that a run has ended finds its weights.
    await this.#keeping;
    await this.#writer?.finish(end);
    if (this.live !== live) return;
    this.#clear();
    this.#next();
  }

  #clear(): void {
    this.live = null;
    this.#writer = null;
  }
}

function outcome(
  status: RunOutcome['status'],
  live: LiveRun,
  lastStep: number,
  error: string | null,
): RunOutcome {
  return { status, activeMs: live.progress?.activeMs ?? 0, lastStep, error };
}

function resultOutcome(result: TrainingResult): RunOutcome {
  return { status: result.status, activeMs: result.activeMs, lastStep: result.lastStep, error: null };
}
