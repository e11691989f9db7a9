/** Runs and series for tests of everything that compares: written by hand, small, and never used by the app. */
import { groupHash } from '../../contract/group-hash.ts';
import {
  optimizerSpecSchema,
  runSpecSchema,
  type OptimizerSpec,
  type RunSpec,
} from '../../contract/run-spec.ts';
import type { MetricKey, RunSummary, Series } from '../../contract/runs.ts';

export const adamw = optimizerSpecSchema.parse({ name: 'adamw', lr: 0.015 });
export const expand = optimizerSpecSchema.parse({ name: 'kfac', flavour: 'expand', lr: 0.02 });
export const reduce = optimizerSpecSchema.parse({ name: 'kfac', flavour: 'reduce', lr: 0.02 });

export function testSpec(optimizer: OptimizerSpec = adamw, seed = 1): RunSpec {
  return runSpecSchema.parse({
    dataset: { id: 'digits' },
    model: { kind: 'vit', patch: 2, width: 32, blocks: 2, heads: 4 },
    optimizer,
    batchSize: 128,
    steps: 200,
    evaluateEvery: 5,
    seed,
    target: { metric: 'val.accuracy', op: '>=', value: 0.93 },
  });
}

export function testRun(
  id: string,
  groupName: string,
  spec: RunSpec,
  changes: Partial<RunSummary> = {},
): RunSummary {
  return {
    id,
    name: `${groupName} · seed ${spec.seed}`,
    comparisonId: 'c1',
    comparisonName: 'Test comparison',
    status: 'finished',
    groupHash: groupHash(spec),
    groupName,
    seed: spec.seed,
    spec,
    environment: {
      adapter: 'Test adapter',
      vendor: 'test',
      architecture: 'none',
      software: true,
      host: 'Node',
      appVersion: '0.1.0',
    },
    layers: [],
    createdMs: 1_700_000_000_000,
    startedMs: 1_700_000_001_000,
    endedMs: 1_700_000_009_500,
    activeMs: 4000,
    lastStep: 40,
    error: null,
    trashedMs: null,
    metrics: [],
    ...changes,
  };
}

/** Values at steps 10, 20, 30, ...; every step takes `msPerStep` of training. */
export function testSeries(
  runId: string,
  values: number[],
  msPerStep = 100,
  key: MetricKey = 'val.accuracy',
): Series {
  const steps = values.map((_, i) => (i + 1) * 10);
  return {
    runId,
    key,
    steps,
    activeMs: steps.map((step) => step * msPerStep),
    wallMs: steps.map((step) => step * msPerStep + 500),
    values,
  };
}

/** One group with a run per list of values. */
export function testGroup(
  groupName: string,
  optimizer: OptimizerSpec,
  valuesBySeed: number[][],
  msPerStep = 100,
  changes: Partial<RunSummary> = {},
): { runs: RunSummary[]; series: Series[] } {
  const runs = valuesBySeed.map((_, i) =>
    testRun(`${groupName}-${i}`, groupName, testSpec(optimizer, i), changes),
  );
  return { runs, series: runs.map((run, i) => testSeries(run.id, valuesBySeed[i]!, msPerStep)) };
}
