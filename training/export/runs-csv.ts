/** `runs.csv`: one row a run with its settings, its best and last values, and when it reached the target. */
import { flattenSpec } from '../../contract/flatten-spec.ts';
import {
  metricDefinitions,
  type MetricKey,
  type MetricSummary,
  type RunSummary,
} from '../../contract/runs.ts';
import { hitTarget, type Target } from '../statistics/target.ts';
import type { RunGroup } from '../statistics/groups.ts';
import { writeTime, type Cell } from './csv.ts';
import { optimizerId } from './optimizer-id.ts';

const fixedColumns = [
  'run_id',
  'run_name',
  'comparison_id',
  'comparison',
  'group',
  'group_hash',
  'optimizer',
  'seed',
  'status',
  'error',
  'created_at',
  'started_at',
  'ended_at',
  'process_time_s',
  'wall_time_s',
  'last_step',
  'adapter',
  'software_adapter',
  'host',
  'app_version',
] as const;

const summaryColumns = [
  'last',
  'last_step',
  'min',
  'min_step',
  'max',
  'max_step',
  'n',
  'nonfinite_n',
] as const;

/** Header and rows, in the order of the groups and of the seeds within. */
export function runsTable(groups: readonly RunGroup[], target: Target): { header: string[]; rows: Cell[][] } {
  const params = paramNames(groups);
  const metrics = metricKeys(groups);
  const header = [
    ...fixedColumns,
    ...params.map((name) => `param.${name}`),
    ...metrics.flatMap((key) => summaryColumns.map((column) => `metric.${key}.${column}`)),
    ...['op', 'value', 'reached', 'step', 'process_time_s'].map(
      (column) => `target.${target.metric}.${column}`,
    ),
  ];
  const rows = groups.flatMap((group) =>
    group.members.map(({ run, series }) => {
      const settings = new Map(flattenSpec(run.spec));
      const hit = hitTarget(series, target);
      const reached = hit.stepsToTarget < Infinity;
      return [
        ...fixedCells(run, group),
        ...params.map((name) => settings.get(name) ?? null),
        ...metrics.flatMap((key) => summaryCells(run.metrics.find((metric) => metric.key === key))),
        target.op,
        target.value,
        reached,
        reached ? hit.stepsToTarget : null,
        reached ? hit.secondsToTarget : null,
      ];
    }),
  );
  return { header, rows };
}

function fixedCells(run: RunSummary, group: RunGroup): Cell[] {
  const wallMs = run.startedMs === null || run.endedMs === null ? null : run.endedMs - run.startedMs;
  return [
    run.id,
    run.name,
    run.comparisonId,
    run.comparisonName,
    group.name,
    run.groupHash,
    optimizerId(run.spec.optimizer),
    run.seed,
    run.status,
    run.error,
    writeTime(run.createdMs),
    writeTime(run.startedMs),
    writeTime(run.endedMs),
    run.activeMs / 1000,
    wallMs === null ? null : wallMs / 1000,
    run.lastStep,
    run.environment?.adapter ?? null,
    run.environment?.software ?? null,
    run.environment?.host ?? null,
    run.environment?.appVersion ?? null,
  ];
}

function summaryCells(metric: MetricSummary | undefined): Cell[] {
  if (metric === undefined) return summaryColumns.map(() => null);
  return [
    metric.last,
    metric.lastStep,
    metric.min,
    metric.minStep,
    metric.max,
    metric.maxStep,
    metric.n,
    metric.nonfiniteCount,
  ];
}

/** Every setting of every run, by name; `seed` is left out because it has its own column. */
function paramNames(groups: readonly RunGroup[]): string[] {
  const names = new Set(groups.flatMap((group) => flattenSpec(group.spec).map(([name]) => name)));
  names.delete('seed');
  return [...names].sort();
}

function metricKeys(groups: readonly RunGroup[]): MetricKey[] {
  const present = new Set(
    groups.flatMap((g) => g.members.flatMap(({ run }) => run.metrics.map((m) => m.key))),
  );
  return (Object.keys(metricDefinitions) as MetricKey[]).filter((key) => present.has(key));
}
