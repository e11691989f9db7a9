/** What the charts of the run page draw, made from the series of the run and of the other seeds of its group. */
import type { RunSummary, Series } from '../../contract/runs.ts';
import { slotColor, type Dash } from '../../training/charts/encoding.ts';
import { formatMetric } from '../../training/charts/format.ts';
import type { ChartMark, ChartSeries } from '../../training/charts/layout.ts';
import { hitTarget } from '../../training/statistics/target.ts';

export type XKind = 'step' | 'time';

/** Share of the past in the smoothed training loss, at one point per step. */
const SMOOTHING = 0.9;

export function horizontal(series: Series, kind: XKind): number[] {
  return kind === 'step' ? series.steps : series.activeMs.map((ms) => ms / 1000);
}

export interface RunCurves {
  slot: number | null;
  live: boolean;
  kind: XKind;
}

/** Training loss smoothed over the raw line, validation loss in ink. */
export function lossSeries(train: Series | null, validation: Series | null, look: RunCurves): ChartSeries[] {
  const lines: ChartSeries[] = [];
  if (train && train.steps.length > 0) {
    const smooth = smoothed(train.values);
    lines.push({
      id: 'train',
      name: 'train',
      color: slotColor(look.slot),
      dash: 'solid',
      x: horizontal(train, look.kind),
      y: smooth,
      raw: train.values,
      ...tip(smooth, 'train.loss', look.live),
      nonfinite: nonfinite(train, look.kind),
    });
  }
  if (validation && validation.steps.length > 0) {
    lines.push({
      id: 'val',
      name: 'val',
      color: 'var(--ink)',
      dash: 'solid',
      x: horizontal(validation, look.kind),
      y: validation.values,
      ...tip(validation.values, 'val.loss', look.live),
      nonfinite: nonfinite(validation, look.kind),
    });
  }
  return lines;
}

/** The target metric of the run in its group's colour, the other seeds in grey behind it. */
export function targetSeries(
  run: RunSummary,
  own: Series | null,
  others: readonly { run: RunSummary; series: Series }[],
  look: RunCurves & { dash: Dash },
): ChartSeries[] {
  const grey: ChartSeries[] = others.map(({ run: other, series }) => ({
    id: other.id,
    name: `seed ${other.seed}`,
    color: 'var(--ink-3)',
    dash: 'solid',
    x: horizontal(series, look.kind),
    y: series.values,
    context: true,
  }));
  if (!own || own.steps.length === 0) return grey;
  return [
    ...grey,
    {
      id: run.id,
      name: `seed ${run.seed}`,
      color: slotColor(look.slot),
      dash: look.dash,
      x: horizontal(own, look.kind),
      y: own.values,
      ...tip(own.values, run.spec.target.metric, look.live),
      nonfinite: nonfinite(own, look.kind),
    },
  ];
}

/** The damping in use at every evaluation; empty where it is constant. */
export function dampingSeries(damping: Series | null, look: RunCurves & { dash: Dash }): ChartSeries[] {
  if (!damping || damping.steps.length === 0) return [];
  return [
    {
      id: 'damping',
      name: 'damping',
      color: slotColor(look.slot),
      dash: look.dash,
      x: horizontal(damping, look.kind),
      y: damping.values,
      ...tip(damping.values, 'curvature.damping', look.live),
      nonfinite: nonfinite(damping, look.kind),
    },
  ];
}

/** The hollow mark where the run reaches its target, if it does. */
export function targetMark(run: RunSummary, own: Series | null, look: RunCurves): ChartMark[] {
  const hit = hitTarget(own, run.spec.target);
  if (!own || !Number.isFinite(hit.stepsToTarget)) return [];
  const at = own.steps.indexOf(hit.stepsToTarget);
  const x = look.kind === 'step' ? hit.stepsToTarget : hit.secondsToTarget;
  return [{ seriesId: run.id, x, y: own.values[at] ?? run.spec.target.value, color: slotColor(look.slot) }];
}

/** Exponential average with bias correction; non-finite values stay gaps and do not enter it. */
export function smoothed(values: readonly number[]): number[] {
  let sum = 0;
  let weight = 0;
  return values.map((value) => {
    if (!Number.isFinite(value)) return value;
    sum = SMOOTHING * sum + (1 - SMOOTHING) * value;
    weight = SMOOTHING * weight + (1 - SMOOTHING);
    return sum / weight;
  });
}

function tip(
  values: readonly number[],
  key: Parameters<typeof formatMetric>[0],
  live: boolean,
): Pick<ChartSeries, 'endValue' | 'live'> {
  const last = values.findLast((value) => Number.isFinite(value));
  return { live, ...(last === undefined ? {} : { endValue: formatMetric(key, last) }) };
}

function nonfinite(series: Series, kind: XKind): NonNullable<ChartSeries['nonfinite']> {
  const at = series.values.findIndex((value) => !Number.isFinite(value));
  if (at < 0) return [];
  const x = horizontal(series, kind)[at] ?? 0;
  return [{ x, text: `not finite at step ${series.steps[at] ?? 0}` }];
}
