/** Metric batches for tests; by itself, because the process that is killed in a test has no test runner in it. */
import type { MetricBatch, MetricKey } from '../contract/runs.ts';

/** Rows `[key, step, value]` as a batch; a step takes 2 ms. */
export function batchOf(rows: readonly (readonly [MetricKey, number, number])[]): MetricBatch {
  return {
    keys: rows.map(([key]) => key),
    steps: rows.map(([, step]) => step),
    activeMs: rows.map(([, step]) => step * 2),
    wallMs: rows.map(([, step]) => step * 3),
    values: rows.map(([, , value]) => value),
  };
}
