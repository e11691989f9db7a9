/** The target on the compare page: its preset, how far a key moves it, and what it may be. Pure. */
import { metricDefinitions, type MetricKey, type RunSummary } from '../../contract/runs.ts';
import { isBetter, median, targetOp, type RunGroup, type Target } from '../../training/statistics/index.ts';

/** What can be compared of these runs: what they were to reach, then everything else that was measured of them. */
export function comparedMetrics(runs: readonly RunSummary[]): MetricKey[] {
  const planned = runs.map((run) => run.spec.target.metric);
  const measured = runs.flatMap((run) => run.metrics.map(({ key }) => key));
  const others = (Object.keys(metricDefinitions) as MetricKey[]).filter(
    (key) => key.startsWith('val.') && measured.includes(key),
  );
  return [...new Set<MetricKey>([...planned, ...others, 'val.loss', 'train.loss'])];
}

/** Metrics that lie between 0 and 1. */
const shares: readonly MetricKey[] = ['val.accuracy', 'val.ece', 'val.map'];

/** The target the runs were planned with; for other metrics the best value that every group gets to in the median. */
export function presetTarget(
  runs: readonly RunSummary[],
  groups: readonly RunGroup[],
  metric: MetricKey,
): Target {
  const planned = runs.find((run) => run.spec.target.metric === metric)?.spec.target;
  if (planned !== undefined) return planned;
  const op = targetOp(metric);
  return { metric, op, value: reachableByAll(groups, op) ?? 1 };
}

/** Accuracies and their like move by 0.002, other metrics by the second digit of their size. */
export function targetStep(metric: MetricKey, value: number): number {
  if (metricDefinitions[metric].goal === 'max') return 0.002;
  return 10 ** (Math.floor(Math.log10(Math.max(value, 1e-6))) - 1);
}

/** As it is shown, so that the number on the tag is the number that is compared; inside what the metric can be. */
export function tidyTarget(metric: MetricKey, value: number): number {
  const least = shares.includes(metric) ? 0 : metric === 'val.r2' ? -Infinity : 1e-6;
  const most = shares.includes(metric) || metric === 'val.r2' ? 1 : Infinity;
  const inside = Math.min(most, Math.max(least, value));
  if (metricDefinitions[metric].goal === 'max') return Math.round(inside * 1000) / 1000;
  return Number(inside.toPrecision(3));
}

function reachableByAll(groups: readonly RunGroup[], op: Target['op']): number | null {
  let worst: number | null = null;
  for (const group of groups) {
    const best = group.members.flatMap(({ series }) => bestOf(series?.values ?? [], op) ?? []);
    if (best.length === 0) continue;
    const middle = median(best);
    if (worst === null || isBetter(worst, middle, op)) worst = middle;
  }
  // Three digits, rounded to the easy side, so that rounding does not put the target out of reach.
  if (worst === null) return null;
  const unit = 10 ** (Math.floor(Math.log10(Math.max(Math.abs(worst), 1e-6))) - 2);
  const round = op === '>=' ? Math.floor : Math.ceil;
  return Number((round(worst / unit) * unit).toPrecision(3));
}

function bestOf(values: readonly number[], op: Target['op']): number | null {
  const finite = values.filter((value) => Number.isFinite(value));
  if (finite.length === 0) return null;
  return finite.reduce((best, value) => (isBetter(value, best, op) ? value : best));
}
