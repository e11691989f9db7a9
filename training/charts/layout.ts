/**
 * The geometry of a line chart as a pure function of data and size: scales, ticks, paths, marks and labels in px.
 * It stands in `training` and not in `renderer` because the window, the command line and the export draw the same
 * chart, and `training` may not import the window. It knows no DOM and no theme: colours pass through as strings.
 */
import { bisectRight } from 'd3-array';
import { area, line } from 'd3-shape';
import type { Dash } from './encoding.ts';
import { spreadLabels } from './labels.ts';
import { focusDomain, horizontalDomain, makeScale, stepTicks, timeTicks, valueTicks } from './scales.ts';
import type { Domain, Scale, Tick } from './scales.ts';

/** One line and what belongs to it. Arrays run parallel to `x`; a non-finite `y` is a gap. */
export interface ChartSeries {
  id: string;
  name: string;
  /** Any CSS colour, e.g. `var(--c2)`. */
  color: string;
  dash: Dash;
  /** Steps, or seconds on a time axis; ascending. */
  x: readonly number[];
  y: readonly number[];
  /** Edges of the band. */
  low?: readonly number[] | undefined;
  high?: readonly number[] | undefined;
  /** The raw values behind a smoothed line. */
  raw?: readonly number[] | undefined;
  /** Thin lines in the same colour: each seed, where there is no band. */
  members?: readonly { x: readonly number[]; y: readonly number[] }[] | undefined;
  /** Written at the line's end; null: no label. Default: `name`. */
  label?: string | null | undefined;
  /** Last value, written behind the label. */
  endValue?: string | undefined;
  /** Still growing: a dot and the label at its tip. */
  live?: boolean | undefined;
  /** Context only (earlier seeds): thin, grey, without crosshair read-out. */
  context?: boolean | undefined;
  /** Runs that left the finite numbers: a triangle at the edge of the plot at the last finite step. */
  nonfinite?: readonly { x: number; text: string }[] | undefined;
}

export interface ChartMark {
  seriesId: string;
  x: number;
  y: number;
  color: string;
}

export interface ChartSpec {
  series: readonly ChartSeries[];
  /** What runs along x: steps, or training time in seconds. */
  xKind: 'step' | 'time';
  /** Default: 0 to the largest x, rounded up to a tick. */
  xDomain?: Domain | undefined;
  /** Default: `focusDomain` of all lines. */
  yDomain?: Domain | undefined;
  /** Direction of better values; decides which end of y may be cut. */
  goal: 'min' | 'max' | null;
  logY?: boolean | undefined;
  target?: number | undefined;
  /** Hollow marks with a dotted line down to the axis. */
  marks?: readonly ChartMark[] | undefined;
  /** Dashed vertical lines, e.g. a change by hand. */
  verticals?: readonly { x: number; text: string }[] | undefined;
  hideYLabels?: boolean | undefined;
  endLabels?: boolean | undefined;
}

/** Size in px; `rem` is the root font size, so that type and margins grow with the text. */
export interface ChartSize {
  width: number;
  height: number;
  rem: number;
  /** Space right of the plot in rem, for labels. Default: enough for the longest label. */
  rightRem?: number | undefined;
}

export interface PlotBox {
  left: number;
  right: number;
  top: number;
  bottom: number;
}

export interface SeriesPaths {
  series: ChartSeries;
  line: string;
  raw: string | null;
  band: string | null;
  members: string[];
}

export interface EndLabel {
  seriesId: string;
  color: string;
  text: string;
  value: string;
  x: number;
  y: number;
  /** Dotted lead from the line's end to a label that was pushed away; null when they touch. */
  lead: string | null;
  /** Dot at the tip of a live line. */
  tip: { x: number; y: number } | null;
}

export interface ChartLayout {
  width: number;
  height: number;
  rem: number;
  plot: PlotBox;
  x: Scale;
  y: Scale;
  xTicks: (Tick & { at: number; anchor: 'start' | 'middle' })[];
  yTicks: (Tick & { at: number })[];
  paths: SeriesPaths[];
  labels: EndLabel[];
  marks: (ChartMark & { atX: number; atY: number })[];
  targetY: number | null;
  triangles: { seriesId: string; color: string; x: number; y: number; text: string }[];
  verticals: { x: number; text: string }[];
}

/** Everything there is to draw, in px. The result holds no reference to any surface. */
export function layoutChart(chart: ChartSpec, size: ChartSize): ChartLayout {
  const plot = plotBox(chart, size);
  const xDomain = chart.xDomain ?? defaultXDomain(chart);
  const yDomain = chart.yDomain ?? defaultYDomain(chart);
  const x = makeScale(xDomain, [plot.left, plot.right], false);
  const y = makeScale(yDomain, [plot.bottom, plot.top], chart.logY ?? false);
  return {
    width: size.width,
    height: size.height,
    rem: size.rem,
    plot,
    x,
    y,
    xTicks: placeXTicks(chart.xKind, x, plot, size.rem),
    yTicks: valueTicks(yDomain, tickCount(plot.bottom - plot.top, 52 * designPixel(size)), y.log).map(
      (t) => ({
        ...t,
        at: y.at(t.value),
      }),
    ),
    paths: chart.series.map((series) => seriesPaths(series, x, y, plot)),
    labels: chart.endLabels === false ? [] : endLabels(chart.series, x, y, plot, designPixel(size)),
    marks: (chart.marks ?? [])
      .map((mark) => ({ ...mark, atX: x.at(mark.x), atY: y.at(mark.y) }))
      .filter((mark) => inside(mark.atX, plot.left, plot.right) && inside(mark.atY, plot.top, plot.bottom)),
    targetY: placeTarget(chart.target, y, plot),
    triangles: chart.series.flatMap((series) => triangles(series, chart.goal, x, plot)),
    verticals: (chart.verticals ?? [])
      .map((v) => ({ x: x.at(v.x), text: v.text }))
      .filter((v) => inside(v.x, plot.left, plot.right)),
  };
}

/** The default x domain of one chart: from 0, rounded up to a tick. */
export function defaultXDomain(chart: Pick<ChartSpec, 'series' | 'xKind'>): Domain {
  let largest = 0;
  for (const series of chart.series) {
    largest = Math.max(largest, series.x.at(-1) ?? 0);
    for (const member of series.members ?? []) largest = Math.max(largest, member.x.at(-1) ?? 0);
  }
  return horizontalDomain(largest, chart.xKind);
}

/** The default y domain: what all lines, single seeds and the target need. */
export function defaultYDomain(chart: Pick<ChartSpec, 'series' | 'goal' | 'target' | 'logY'>): Domain {
  const values = chart.series.flatMap((s) => [...s.y, ...(s.members ?? []).flatMap((m) => [...m.y])]);
  const highest = chart.series.flatMap((s) => [...((chart.goal === 'max' ? s.high : s.low) ?? [])]);
  const domain = focusDomain(values, chart.goal, { target: chart.target, log: chart.logY ?? false });
  const extremes = highest.filter((v) => Number.isFinite(v) && (chart.logY !== true || v > 0));
  if (extremes.length === 0) return domain;
  const best = chart.goal === 'max' ? Math.max(...extremes) : Math.min(...extremes);
  if (best >= domain[0] && best <= domain[1]) return domain;
  return focusDomain([domain[0], domain[1], best], null, { log: chart.logY ?? false });
}

/** Index of the last point at or before `x`, or -1: the value a run had at that time. */
export function indexAt(xs: readonly number[], x: number): number {
  return bisectRight(xs, x) - 1;
}

/** Width of a label in rem, by the mean advance of the interface font at 12 px. */
export function labelWidthRem(series: ChartSeries): number {
  const text = series.label === undefined ? series.name : (series.label ?? '');
  return text.length * 0.42 + (series.endValue === undefined ? 0 : 0.45 + series.endValue.length * 0.44);
}

/** One pixel of the design (at a root size of 16 px) in px. */
function designPixel(size: ChartSize): number {
  return size.rem / 16;
}

function plotBox(chart: ChartSpec, size: ChartSize): PlotBox {
  const k = designPixel(size);
  const labelled = chart.endLabels === false ? [] : chart.series.filter((s) => s.label !== null);
  const labelRem = Math.max(0, ...labelled.map(labelWidthRem));
  const right =
    size.rightRem !== undefined
      ? size.rightRem * size.rem
      : labelled.length === 0
        ? 14 * k
        : labelRem * size.rem + 12 * k;
  return {
    left: (chart.hideYLabels ? 8 : 46) * k,
    right: Math.max(size.width - Math.min(right, size.width * 0.4), (chart.hideYLabels ? 8 : 46) * k + 1),
    top: 10 * k,
    bottom: Math.max(size.height - 34 * k, 11 * k),
  };
}

function placeXTicks(kind: 'step' | 'time', x: Scale, plot: PlotBox, rem: number): ChartLayout['xTicks'] {
  const count = tickCount(plot.right - plot.left, (90 * rem) / 16);
  const ticks = kind === 'step' ? stepTicks(x.domain, count) : timeTicks(x.domain, count);
  return ticks.map((tick, i) => ({
    ...tick,
    at: x.at(tick.value),
    anchor: i === 0 && tick.value === x.domain[0] ? ('start' as const) : ('middle' as const),
  }));
}

function tickCount(length: number, each: number): number {
  return Math.min(7, Math.max(3, Math.round(length / each)));
}

function seriesPaths(series: ChartSeries, x: Scale, y: Scale, plot: PlotBox): SeriesPaths {
  const far = (plot.bottom - plot.top) * 8 + 4000;
  // Points far outside are pulled to a far edge: renderers lose precision at huge coordinates.
  const place = (value: number) => Math.max(-far, Math.min(far, y.at(value)));
  const path = (xs: readonly number[], ys: readonly number[]) =>
    line<number>()
      .defined((i) => Number.isFinite(y.at(ys[i] ?? NaN)))
      .x((i) => round(x.at(xs[i]!)))
      .y((i) => round(place(ys[i]!)))(xs.map((_, i) => i)) ?? '';
  return {
    series,
    line: path(series.x, series.y),
    raw: series.raw === undefined ? null : path(series.x, series.raw),
    band: bandPath(series, x, y, place),
    members: (series.members ?? []).map((member) => path(member.x, member.y)),
  };
}

function bandPath(series: ChartSeries, x: Scale, y: Scale, place: (value: number) => number): string | null {
  const { low, high } = series;
  if (low === undefined || high === undefined) return null;
  // On a log axis a band that falls to 0 or below (mean minus sd) runs out of the plot instead of vanishing.
  const floor = (value: number) => (y.log && value <= 0 ? y.domain[0] * 1e-3 : value);
  return area<number>()
    .defined((i) => Number.isFinite(low[i]) && Number.isFinite(high[i]))
    .x((i) => round(x.at(series.x[i]!)))
    .y0((i) => round(place(floor(low[i]!))))
    .y1((i) => round(place(floor(high[i]!))))(series.x.map((_, i) => i));
}

function endLabels(all: readonly ChartSeries[], x: Scale, y: Scale, plot: PlotBox, k: number): EndLabel[] {
  const ends = all.flatMap((series) => {
    const text = series.label === undefined ? series.name : series.label;
    const end = lastVisible(series, x, y);
    return text === null || end === null ? [] : [{ series, text, ...end }];
  });
  const wanted = ends.map((end) => Math.min(Math.max(end.y, plot.top), plot.bottom));
  const placed = spreadLabels(wanted, 15 * k, plot.top, plot.bottom);
  return ends.map((end, i) => {
    const live = end.series.live === true;
    const labelY = placed[i] ?? end.y;
    const labelX = live ? end.x + 8 * k : Math.max(end.x + 8 * k, plot.right + 6 * k);
    const apart = Math.abs(labelY - end.y) > 3 * k || end.x < plot.right - 8 * k;
    const leadX = Math.max(end.x + 5 * k, plot.right + 3 * k);
    return {
      seriesId: end.series.id,
      color: end.series.color,
      text: end.text,
      value: end.series.endValue ?? '',
      x: labelX,
      y: labelY,
      lead:
        !live && apart ? `M${round(end.x + 3 * k)} ${round(end.y)}L${round(leadX)} ${round(labelY)}` : null,
      tip: live ? { x: end.x, y: end.y } : null,
    };
  });
}

/** The last finite point that lies within the x domain, in px. */
function lastVisible(series: ChartSeries, x: Scale, y: Scale): { x: number; y: number } | null {
  for (let i = series.x.length - 1; i >= 0; i--) {
    const at = y.at(series.y[i] ?? NaN);
    if (series.x[i]! <= x.domain[1] * (1 + 1e-9) && Number.isFinite(at))
      return { x: x.at(series.x[i]!), y: at };
  }
  return null;
}

/** A diverged run leaves through the bad end of the plot: the top for a loss, the bottom for an accuracy. */
function triangles(
  series: ChartSeries,
  goal: ChartSpec['goal'],
  x: Scale,
  plot: PlotBox,
): ChartLayout['triangles'] {
  return (series.nonfinite ?? []).flatMap((mark) => {
    const at = x.at(mark.x);
    if (!inside(at, plot.left, plot.right)) return [];
    return [
      {
        seriesId: series.id,
        color: series.color,
        x: at,
        y: goal === 'max' ? plot.bottom : plot.top,
        text: mark.text,
      },
    ];
  });
}

function placeTarget(target: number | undefined, y: Scale, plot: PlotBox): number | null {
  if (target === undefined) return null;
  const at = y.at(target);
  return inside(at, plot.top, plot.bottom) ? at : null;
}

function inside(value: number, low: number, high: number): boolean {
  return value >= low - 0.5 && value <= high + 0.5;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
