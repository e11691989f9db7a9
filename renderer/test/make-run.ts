/** A complete run for tests: every field has a plain value, and a test says only what matters to it. */
import { runSpecSchema, type RunSpec } from '../../contract/run-spec.ts';
import type { RunSummary } from '../../contract/runs.ts';

export function makeSpec(changes: Partial<RunSpec> = {}): RunSpec {
  const spec = runSpecSchema.parse({
    dataset: { id: 'digits' },
    model: { kind: 'vit', patch: 2, width: 32, blocks: 2, heads: 4 },
    optimizer: { name: 'kfac', flavour: 'expand', lr: 0.02 },
    batchSize: 128,
    steps: 200,
    evaluateEvery: 5,
    seed: 0,
    target: { metric: 'val.accuracy', op: '>=', value: 0.93 },
  });
  return { ...spec, ...changes };
}

export function makeRun(changes: Partial<RunSummary> = {}): RunSummary {
  return {
    id: 'run-1',
    name: 'K-FAC expand, seed 0',
    comparisonId: 'comparison-1',
    comparisonName: 'A comparison',
    status: 'queued',
    groupHash: 'group-1',
    groupName: 'K-FAC expand',
    seed: 0,
    spec: makeSpec(),
    environment: null,
    layers: [],
    createdMs: 1000,
    startedMs: null,
    endedMs: null,
    activeMs: 0,
    lastStep: 0,
    error: null,
    trashedMs: null,
    metrics: [],
    ...changes,
  };
}
