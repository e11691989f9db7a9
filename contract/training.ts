/**
 * What a training loop tells whoever started it, and what it can be told. The same interface serves the window's
 * training worker and the command line; the engine implements `Trainer` in `training/loop`.
 */
import type { StoredFiles } from './datasets.ts';
import type { ErrorShape } from './errors.ts';
import type { RunSpec } from './run-spec.ts';
import type { Environment, LayerReport, MetricBatch, Phase, RunEvent, RunStatus } from './runs.ts';

export interface TrainingProgress {
  state: 'compiling' | 'training' | 'evaluating' | 'paused';
  step: number;
  steps: number;
  /** Training time so far in ms; compilation, evaluation and pauses left out. */
  activeMs: number;
  /** Median and spread (interquartile range) of the last 50 step times in ms; null before the first step. */
  stepMs: number | null;
  stepMsSpread: number | null;
  /** Mean ms per step of each phase, where it is measured. */
  phaseMs: Partial<Record<Phase, number>>;
}

export interface TrainingListener {
  /** Once, before the first step. */
  started(info: { environment: Environment; layers: LayerReport[]; parameters: number }): void;
  progress(progress: TrainingProgress): void;
  /** Metric rows and events since the last call, in step order. Called before a pause and before the end as well. */
  append(metrics: MetricBatch, events: RunEvent[]): void;
}

export interface TrainingResult {
  status: Extract<RunStatus, 'finished' | 'stopped' | 'diverged'>;
  lastStep: number;
  activeMs: number;
}

/** Read by the loop between steps. */
export interface TrainingControl {
  readonly command: 'run' | 'pause' | 'stop';
  /** Resolves when `command` changes. */
  changed(): Promise<void>;
}

export interface AdapterReport {
  environment: Environment;
  features: string[];
  limits: Record<string, number>;
  subgroupSize: number | null;
}

/** Whose measured kernel choices: those of one adapter, with kernels of one version. */
export interface KernelOwner {
  adapter: string;
  version: string;
}

/** Keeps which kernel variants were measured to be the fastest, from one start of the engine to the next. */
export interface KernelStore {
  /** What was kept for this adapter and version, unchecked; anything that is no table stands for none. */
  read(owner: KernelOwner): Promise<unknown>;
  /** Rejects when it cannot be kept; all that is lost is the time to measure again. */
  keep(owner: KernelOwner, choices: Readonly<Record<string, string>>): Promise<void>;
}

/** A GPU device and the programs compiled on it, kept over many runs. */
export interface Trainer {
  readonly adapter: AdapterReport;
  /** Rejects with `KronlabError` on bad specs and lost devices; a NaN loss is a result (`diverged`), not an error. */
  train(spec: RunSpec, listener: TrainingListener, control: TrainingControl): Promise<TrainingResult>;
  dispose(): void;
}

/** What the window sends its training worker. */
export type WorkerRequest =
  | { type: 'probe' }
  | { type: 'train'; runId: string; spec: RunSpec }
  /** The answer to `read-kernels`. */
  | { type: 'kernels'; choices: unknown }
  /** The answer to `read-dataset` of this number. */
  | { type: 'dataset'; request: number; answer: StoredFiles | { error: ErrorShape } }
  /** The answer to `read-weights` of this number: a safetensors file. */
  | { type: 'weights'; request: number; answer: Uint8Array<ArrayBuffer> | { error: ErrorShape } }
  | { type: 'command'; command: 'run' | 'pause' | 'stop' };

/** What the training worker sends back. */
export type WorkerMessage =
  | { type: 'adapter'; report: AdapterReport }
  | { type: 'read-kernels'; owner: KernelOwner }
  | { type: 'keep-kernels'; owner: KernelOwner; choices: Readonly<Record<string, string>> }
  | { type: 'read-dataset'; request: number; id: string }
  /** The file of weights with this hash, which a run starts from. */
  | { type: 'read-weights'; request: number; hash: string }
  /** What a run ended with, as a safetensors file; comes before the run's end. */
  | { type: 'weights'; runId: string; bytes: Uint8Array<ArrayBuffer> }
  | { type: 'started'; runId: string; environment: Environment; layers: LayerReport[]; parameters: number }
  | { type: 'progress'; runId: string; progress: TrainingProgress }
  | { type: 'append'; runId: string; metrics: MetricBatch; events: RunEvent[] }
  | { type: 'finished'; runId: string; result: TrainingResult }
  | { type: 'failed'; runId: string | null; error: ErrorShape };
