/** `comparison.csv`: one row a group, by steps and by training time to the target. */
import type { Comparison } from '../statistics/comparison.ts';
import type { Cell } from './csv.ts';
import { optimizerId } from './optimizer-id.ts';

export const comparisonHeader = [
  'group',
  'optimizer',
  'n',
  'n_reached',
  'steps_to_target_median',
  'steps_to_target_min',
  'steps_to_target_max',
  'steps_ratio',
  'time_to_target_s_median',
  'time_ratio',
  'final_metric_median',
] as const;

/** Rows in the order of the table on the compare page; what was not reached, or cannot be compared, is empty. */
export function comparisonRows(comparison: Comparison): Cell[][] {
  return comparison.groups.map((group) => [
    group.group.name,
    optimizerId(group.group.spec.optimizer),
    group.n,
    group.nReached,
    finite(group.steps.median),
    finite(group.steps.min),
    finite(group.steps.max),
    group.steps.ratio,
    finite(group.seconds?.median),
    group.seconds?.ratio ?? null,
    group.finalMetric,
  ]);
}

function finite(value: number | undefined): number | null {
  return value !== undefined && Number.isFinite(value) ? value : null;
}
