/**
 * From a comparison to lines: the same curves, bands, marks and captions for the compare page and for the exported
 * SVG, so that the picture in the paper is the picture on the screen.
 */
import { metricDefinitions, type MetricKey } from '../../contract/runs.ts';
import { groupCurve, type BandKind, type GroupCurve } from '../statistics/bands.ts';
import type { Comparison } from '../statistics/comparison.ts';
import type { RunGroup } from '../statistics/groups.ts';
import type { Encoding } from './encoding.ts';
import { formatCount, formatMetric } from './format.ts';
import type { ChartMark, ChartSeries } from './layout.ts';

export interface ComparisonLines {
  /** x in steps. */
  byStep: ChartSeries[];
  /** x in seconds of training. */
  byTime: ChartSeries[];
  /** What the middle line and the band are, with n: `median of 3 seeds, band from lowest to highest`. */
  caption: string;
}

export interface LineOptions {
  metric: MetricKey;
  band: BandKind;
  encodings: ReadonlyMap<string, Encoding>;
  /** Colour of a slot; null: no slot is left. */
  color: (slot: number | null) => string;
}

/** The lines of all groups; groups without any value are left out. */
export function comparisonLines(groups: readonly RunGroup[], options: LineOptions): ComparisonLines {
  const curves = groups
    .map((group) => ({ group, curve: groupCurve(group.members, options.band) }))
    .filter(({ curve }) => curve.steps.length > 0 || curve.nonfinite.length > 0);
  return {
    byStep: curves.map(({ group, curve }) => lineOf(group, curve, options, false)),
    byTime: curves.map(({ group, curve }) => lineOf(group, curve, options, true)),
    caption: bandCaption(
      curves.map(({ curve }) => curve),
      options.band,
    ),
  };
}

/** Hollow marks where a group's median reaches the target, in steps and in seconds. */
export function comparisonMarks(
  comparison: Comparison,
  colorOf: (hash: string) => string,
): { byStep: ChartMark[]; byTime: ChartMark[] } {
  const marks = (xOf: (group: Comparison['groups'][number]) => number): ChartMark[] =>
    comparison.groups
      .map((group) => ({
        seriesId: group.group.hash,
        x: xOf(group),
        y: comparison.target.value,
        color: colorOf(group.group.hash),
      }))
      .filter((mark) => Number.isFinite(mark.x));
  return {
    byStep: marks((group) => group.steps.median),
    byTime: marks((group) => group.seconds?.median ?? Infinity),
  };
}

function lineOf(group: RunGroup, curve: GroupCurve, options: LineOptions, time: boolean): ChartSeries {
  const encoding = options.encodings.get(group.hash);
  const last = curve.middle.at(-1);
  return {
    id: group.hash,
    name: group.name,
    color: options.color(encoding?.slot ?? null),
    dash: encoding?.dash ?? 'solid',
    x: time ? curve.seconds : curve.steps,
    y: curve.middle,
    low: curve.low ?? undefined,
    high: curve.high ?? undefined,
    members: curve.members.map((m) => ({ x: time ? m.seconds : m.steps, y: m.values })),
    endValue: last === undefined ? undefined : formatMetric(options.metric, last),
    nonfinite: curve.nonfinite.map((exit) => ({
      x: time ? exit.seconds : exit.step,
      text: `${group.name}, seed ${exit.seed}: ${exitWords(options.metric, exit.value)} at step ${formatCount(exit.at)}`,
    })),
  };
}

function exitWords(metric: MetricKey, value: number | null): string {
  if (value === null) return 'diverged';
  return `${metricDefinitions[metric].label.toLowerCase()} became ${formatMetric(metric, value)}`;
}

function bandCaption(curves: readonly GroupCurve[], band: BandKind): string {
  const seeds = curves.map((curve) => curve.seeds);
  if (seeds.length === 0) return 'no values yet';
  const [fewest, most] = [Math.min(...seeds), Math.max(...seeds)];
  const count = fewest === most ? `${most} ${most === 1 ? 'seed' : 'seeds'}` : `${fewest} to ${most} seeds`;
  const middle = band === 'sd' ? 'mean' : 'median';
  const line = most === 1 ? 'one seed' : `${middle} of ${count}`;
  const banded = curves.some((curve) => curve.low !== null);
  const spread = banded
    ? `, band ${band === 'sd' ? '± one standard deviation' : 'from lowest to highest'}`
    : '';
  const thin = !banded && most > 1 ? ', each seed as a thin line' : '';
  const fallen = Math.min(...curves.map((curve) => Math.min(...curve.n)));
  const falls = curves.some((curve) => curve.n.some((n) => n < curve.seeds));
  return line + spread + thin + (falls ? `, n falls to ${fallen} where seeds end` : '');
}
