/** `metrics_long.csv`: one observation a row, full resolution, unsmoothed. The shape that loses nothing. */
import { epochExamples } from '../../datasets/epoch-length.ts';
import { datasets } from '../../datasets/registry.ts';
import { metricDefinitions, type MetricKey, type Series } from '../../contract/runs.ts';
import type { RunSpec } from '../../contract/run-spec.ts';
import type { RunGroup } from '../statistics/groups.ts';
import type { Cell } from './csv.ts';

export const metricsLongHeader = [
  'run_id',
  'run_name',
  'group',
  'seed',
  'metric',
  'step',
  'epoch',
  'process_time_s',
  'wall_time_s',
  'value',
] as const;

/** Rows by group, seed, metric and step. */
export function metricsLongRows(groups: readonly RunGroup[], series: readonly Series[]): Cell[][] {
  const order = Object.keys(metricDefinitions) as MetricKey[];
  const byRun = Map.groupBy(series, (s) => s.runId);
  return groups.flatMap((group) =>
    group.members.flatMap(({ run }) => {
      const epochOf = epochs(run.spec);
      const own = (byRun.get(run.id) ?? []).toSorted((a, b) => order.indexOf(a.key) - order.indexOf(b.key));
      return own.flatMap((s) =>
        s.steps.map((step, i): Cell[] => [
          run.id,
          run.name,
          group.name,
          run.seed,
          s.key,
          step,
          epochOf(step),
          s.activeMs[i]! / 1000,
          s.wallMs[i]! / 1000,
          s.values[i]!,
        ]),
      );
    }),
  );
}

/** Passes over the training part at a step; null for a data set this version does not know. */
function epochs(spec: RunSpec): (step: number) => number | null {
  const entry = datasets.find((dataset) => dataset.id === spec.dataset.id);
  if (entry === undefined) return () => null;
  const examples = epochExamples(entry, spec.dataset);
  return (step) => (step * spec.batchSize) / examples;
}
