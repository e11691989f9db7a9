/**
 * When a run reaches a target. The answer decides which optimiser the lab calls faster, so it is taken from the raw
 * evaluations only: never smoothed, never interpolated, and a run that does not get there is kept as such.
 */
import { metricDefinitions, type MetricKey, type Series } from '../../contract/runs.ts';

export interface Target {
  metric: MetricKey;
  /** `>=`: higher is better and the target is a floor; `<=`: the other way round. */
  op: '>=' | '<=';
  value: number;
}

export interface Point {
  step: number;
  value: number;
}

/** One run's answer to a target. */
export interface TargetHit {
  /** Step of the first evaluation at or beyond the target; Infinity: not reached. */
  stepsToTarget: number;
  /** Training time at that evaluation in seconds, compilation, evaluation and pauses left out; Infinity: not reached. */
  secondsToTarget: number;
  /** Best finite value (the earliest, where several are equal); null without any. */
  best: Point | null;
  /** Last evaluation, which may be NaN or infinite; null without any. */
  last: Point | null;
}

/** Whether `value` is at or beyond the target. NaN and infinities never are: they are failures, not results. */
export function reaches(value: number, target: Pick<Target, 'op' | 'value'>): boolean {
  if (!Number.isFinite(value)) return false;
  return target.op === '>=' ? value >= target.value : value <= target.value;
}

/** Whether `a` is a better value than `b` for this target's direction. */
export function isBetter(a: number, b: number, op: Target['op']): boolean {
  return op === '>=' ? a > b : a < b;
}

/**
 * The first evaluation at or beyond the target. A later fall below it changes nothing. `series` is one run's raw
 * series of `target.metric` in step order; null: the run has no evaluation yet.
 */
export function hitTarget(series: Series | null, target: Pick<Target, 'op' | 'value'>): TargetHit {
  const hit: TargetHit = { stepsToTarget: Infinity, secondsToTarget: Infinity, best: null, last: null };
  if (series === null) return hit;
  series.values.forEach((value, i) => {
    const step = series.steps[i]!;
    hit.last = { step, value };
    if (!Number.isFinite(value)) return;
    if (hit.best === null || isBetter(value, hit.best.value, target.op)) hit.best = { step, value };
    if (hit.stepsToTarget === Infinity && reaches(value, target)) {
      hit.stepsToTarget = step;
      hit.secondsToTarget = series.activeMs[i]! / 1000;
    }
  });
  return hit;
}

/** The direction a metric asks for; metrics without a better direction count as lower is better. */
export function targetOp(metric: MetricKey): Target['op'] {
  return metricDefinitions[metric].goal === 'max' ? '>=' : '<=';
}
