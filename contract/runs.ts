/** Runs as the store keeps them and the UI lists them. Times are milliseconds since the epoch unless named otherwise. */
import { z } from 'zod';
import type { DatasetTask } from './data-kinds.ts';
import { runSpecSchema } from './run-spec.ts';

export const runStatuses = [
  'queued',
  'running',
  'finished',
  'stopped',
  'diverged',
  'failed',
  'interrupted',
] as const;
export const runStatusSchema = z.enum(runStatuses);
export type RunStatus = z.infer<typeof runStatusSchema>;

/** Every metric the training loop writes. `goal` says which direction is better; null: neither. */
export const metricDefinitions = {
  'train.loss': { goal: 'min', unit: '', label: 'Training loss' },
  'train.lr': { goal: null, unit: '', label: 'Learning rate' },
  'val.loss': { goal: 'min', unit: '', label: 'Validation loss' },
  'val.accuracy': { goal: 'max', unit: '', label: 'Validation accuracy' },
  'val.ece': { goal: 'min', unit: '', label: 'Validation calibration error' },
  'val.rmse': { goal: 'min', unit: '', label: 'Validation root mean squared error' },
  'val.mae': { goal: 'min', unit: '', label: 'Validation mean absolute error' },
  'val.r2': { goal: 'max', unit: '', label: 'Validation R²' },
  'val.perplexity': { goal: 'min', unit: '', label: 'Validation perplexity' },
  'val.bits_per_char': { goal: 'min', unit: 'bit', label: 'Validation bits per character' },
  'val.map': { goal: 'max', unit: '', label: 'Validation mean average precision' },
  'curvature.damping': { goal: null, unit: '', label: 'Damping in use' },
  'curvature.warm_starts': { goal: null, unit: '', label: 'Share of warm started inverses' },
  'time.step_ms': { goal: 'min', unit: 'ms', label: 'Time per step' },
} as const satisfies Record<string, { goal: 'min' | 'max' | null; unit: string; label: string }>;
export type MetricKey = keyof typeof metricDefinitions;

/** The side from which a target on a metric is reached. */
export function fittingOp(metric: MetricKey): '>=' | '<=' {
  return metricDefinitions[metric].goal === 'max' ? '>=' : '<=';
}

/** What an evaluation of each task measures, the metric one looks at first in front. */
export const taskMetrics = {
  classification: ['val.accuracy', 'val.loss', 'val.ece'],
  regression: ['val.rmse', 'val.mae', 'val.r2', 'val.loss'],
  language: ['val.loss', 'val.perplexity', 'val.bits_per_char'],
  'multi-label': ['val.map', 'val.loss'],
} as const satisfies Record<DatasetTask, readonly MetricKey[]>;
export const metricKeySchema = z.enum(Object.keys(metricDefinitions) as [MetricKey, ...MetricKey[]]);

/** Phases of a training step, in the order they run. */
export const phases = ['forward', 'backward', 'factors', 'inverses', 'precondition', 'update'] as const;
export type Phase = (typeof phases)[number];

/**
 * A batch of metric rows as parallel arrays, so that it crosses by structured clone cheaply.
 * `values` may hold NaN and infinities: they are kept as such.
 */
export interface MetricBatch {
  keys: MetricKey[];
  steps: number[];
  /** Training time at that step in ms: compilation, evaluation and pauses left out. */
  activeMs: number[];
  /** Time since the run's start in ms, everything included. */
  wallMs: number[];
  values: number[];
}
export const metricBatchSchema: z.ZodType<MetricBatch, MetricBatch> = z
  .strictObject({
    keys: z.array(metricKeySchema),
    steps: z.array(z.int().gte(0)),
    activeMs: z.array(z.number()),
    wallMs: z.array(z.number()),
    values: z.array(z.union([z.number(), z.nan(), z.literal(Infinity), z.literal(-Infinity)])),
  })
  .refine((b) => [b.steps, b.activeMs, b.wallMs, b.values].every((a) => a.length === b.keys.length), {
    message: 'the arrays of a metric batch must have one length',
  });

export const eventLevels = ['info', 'warning', 'error'] as const;
export const runEventSchema = z.strictObject({
  step: z.int().gte(0),
  atMs: z.number(),
  level: z.enum(eventLevels),
  /** Machine-readable kind, e.g. `started`, `target-reached`, `pivot-failed`, `costly-fisher`, `diverged`, `paused`. */
  code: z.string().min(1).max(64),
  text: z.string().max(2000),
});
export type RunEvent = z.infer<typeof runEventSchema>;

/** The adapter and software a run was made with. */
export const environmentSchema = z.strictObject({
  /** e.g. `Google SwiftShader (software)` or `NVIDIA RTX 4070`. */
  adapter: z.string(),
  vendor: z.string(),
  architecture: z.string(),
  /** True for SwiftShader, llvmpipe and WARP: correct numbers, a CPU's speed. */
  software: z.boolean(),
  /** `Chromium 156`, `Node 24.21 (Dawn)`, `Electron 45.4`. */
  host: z.string(),
  appVersion: z.string(),
  /** Names the table of measured kernel choices: where it differs, last bits may. Missing where nothing is measured. */
  kernels: z.string().optional(),
});
export type Environment = z.infer<typeof environmentSchema>;

export const layerReportSchema = z.strictObject({
  name: z.string(),
  /** Positions per example that share the weight. */
  sharing: z.number(),
  /** Sides of the factors before they are cut into blocks. */
  aSize: z.number(),
  gSize: z.number(),
  flavour: z.enum(['expand', 'reduce']),
  /** Why it has that flavour, in a few words; missing in runs from before it was kept. */
  why: z.string().optional(),
  /** Groups of a convolution, each with its own pair of factors; missing: 1. */
  groups: z.number().optional(),
  /** Blocks along the diagonal of each A and each G: more than one where the factor would be too wide. Missing: 1. */
  aBlocks: z.number().optional(),
  gBlocks: z.number().optional(),
});
export type LayerReport = z.infer<typeof layerReportSchema>;

export const metricSummarySchema = z.object({
  key: metricKeySchema,
  n: z.number(),
  last: z.number().nullable(),
  lastStep: z.number(),
  min: z.number().nullable(),
  minStep: z.number().nullable(),
  max: z.number().nullable(),
  maxStep: z.number().nullable(),
  nonfiniteCount: z.number(),
  firstNonfiniteStep: z.number().nullable(),
});
export type MetricSummary = z.infer<typeof metricSummarySchema>;

export const runSummarySchema = z.object({
  id: z.string(),
  name: z.string(),
  comparisonId: z.string().nullable(),
  comparisonName: z.string().nullable(),
  status: runStatusSchema,
  /** Hash of the spec without its seed: runs that differ only by seed share it. */
  groupHash: z.string(),
  /** `AdamW`, `K-FAC expand`, ... */
  groupName: z.string(),
  seed: z.number(),
  spec: runSpecSchema,
  environment: environmentSchema.nullable(),
  layers: z.array(layerReportSchema),
  createdMs: z.number(),
  startedMs: z.number().nullable(),
  endedMs: z.number().nullable(),
  activeMs: z.number(),
  lastStep: z.number(),
  error: z.string().nullable(),
  trashedMs: z.number().nullable(),
  metrics: z.array(metricSummarySchema),
});
export type RunSummary = z.infer<typeof runSummarySchema>;

/** One metric of one run, in step order. */
export interface Series {
  runId: string;
  key: MetricKey;
  steps: number[];
  activeMs: number[];
  wallMs: number[];
  values: number[];
}
export const seriesSchema: z.ZodType<Series> = z.object({
  runId: z.string(),
  key: metricKeySchema,
  steps: z.array(z.number()),
  activeMs: z.array(z.number()),
  wallMs: z.array(z.number()),
  values: z.array(z.union([z.number(), z.nan(), z.literal(Infinity), z.literal(-Infinity)])),
});

export const comparisonSchema = z.object({
  id: z.string(),
  name: z.string(),
  createdMs: z.number(),
  runIds: z.array(z.string()),
});
export type Comparison = z.infer<typeof comparisonSchema>;
