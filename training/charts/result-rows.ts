/** The words and numbers of a row in the result table: the same in the window and in the terminal. */
import { formatCount, formatDuration, formatMetric, formatMilliseconds, formatRatio } from './format.ts';
import type { ComparedGroup, Comparison, Interval, Spread } from '../statistics/index.ts';

export interface RatioCell {
  ratio: number | null;
  interval: Interval | null;
  /** `0.57 ×`, `1 ×`, or why there is none. */
  text: string;
}

export interface ResultRow {
  hash: string;
  name: string;
  isReference: boolean;
  /** `5 of 5`, and what else became of the runs: `2 of 3, 1 diverged, 1 open`. */
  reached: string;
  /** Null: the median was not reached, and `missed` says how close it came. */
  steps: { value: string; interval: string; ratio: RatioCell } | null;
  time: { value: string; interval: string; ratio: RatioCell } | null;
  missed: { what: 'Not reached' | 'Not over yet'; detail: string };
  msPerStep: string;
  final: string;
}

/** Rows in the order of the comparison. */
export function resultRows(comparison: Comparison): ResultRow[] {
  return comparison.groups.map((group) => {
    const reached = Number.isFinite(group.steps.median);
    return {
      hash: group.group.hash,
      name: group.group.name,
      isReference: group.isReference,
      reached: reachedWords(group),
      steps: reached ? measured(group.steps, formatCount, group.isReference) : null,
      time:
        reached && group.seconds !== null ? measured(group.seconds, formatDuration, group.isReference) : null,
      missed: missedWords(group, comparison),
      msPerStep: group.msPerStep === null ? '' : formatMilliseconds(group.msPerStep),
      final: group.finalMetric === null ? '' : formatMetric(comparison.target.metric, group.finalMetric),
    };
  });
}

function reachedWords(group: ComparedGroup): string {
  const parts = [`${group.nReached} of ${group.n}`];
  if (group.nDiverged > 0) parts.push(`${group.nDiverged} diverged`);
  if (group.nPending > 0) parts.push(`${group.nPending} open`);
  return parts.join(', ');
}

function measured(spread: Spread, format: (value: number) => string, isReference: boolean) {
  return {
    value: format(spread.median),
    interval: intervalText(spread.interval, format),
    ratio: ratioCell(spread, isReference),
  };
}

/** `[1 400, 1 600]`; an end that was never reached says so. */
export function intervalText(interval: Interval | null, format: (value: number) => string): string {
  if (interval === null) return '';
  const end = (value: number) => (Number.isFinite(value) ? format(value) : 'never');
  return `[${end(interval.low)}, ${end(interval.high)}]`;
}

function ratioCell(spread: Spread, isReference: boolean): RatioCell {
  if (spread.ratio === null) return { ratio: null, interval: null, text: 'reference not reached' };
  return {
    ratio: spread.ratio,
    interval: spread.ratioInterval,
    text: isReference ? '1 ×' : `${formatRatio(spread.ratio)} ×`,
  };
}

/** A group of which no run is over has not failed to reach anything yet. */
function missedWords(group: ComparedGroup, comparison: Comparison): ResultRow['missed'] {
  const best =
    group.best === null
      ? 'no value'
      : `best ${formatMetric(comparison.target.metric, group.best.value)} at step ${formatCount(group.best.step)}`;
  if (group.n === 0) return { what: 'Not over yet', detail: best };
  return { what: 'Not reached', detail: group.nReached > 0 ? `by most seeds · ${best}` : best };
}
