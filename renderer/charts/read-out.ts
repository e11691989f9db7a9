/** What the crosshair reads: the value every line has at one x, best first, and which lines have ended. Pure functions. */
import { indexAt, type ChartSeries } from '../../training/charts/layout.ts';

export interface ReadOutRow {
  series: ChartSeries;
  /** Null: the line has no finite value there. */
  value: number | null;
  /** The value before smoothing, where the line is smoothed. */
  raw: number | null;
  /** The run was over before this x. */
  ended: boolean;
}

/**
 * Each line's value at the last point at or before `x`. Lines that end before `x` are listed last as ended, unless
 * they are still growing; context lines are left out.
 */
export function readOut(all: readonly ChartSeries[], x: number, goal: 'min' | 'max' | null): ReadOutRow[] {
  const rows = all
    .filter((series) => series.context !== true && series.x.length > 0 && x >= series.x[0]!)
    .map((series): ReadOutRow => {
      const ended = x > series.x.at(-1)! * (1 + 1e-9);
      const i = indexAt(series.x, x);
      const value = series.y[i] ?? NaN;
      const raw = series.raw?.[i] ?? NaN;
      return {
        series,
        value: !ended && Number.isFinite(value) ? value : null,
        raw: !ended && Number.isFinite(raw) ? raw : null,
        ended,
      };
    })
    .filter((row) => row.value !== null || (row.ended && row.series.live !== true));
  const rank = (row: ReadOutRow) => (row.value === null ? Infinity : goal === 'max' ? -row.value : row.value);
  return rows.sort((a, b) => (rank(a) === rank(b) ? 0 : rank(a) - rank(b)));
}

/** Every x at which some line has a point, ascending: the stops of the arrow keys. */
export function stops(all: readonly ChartSeries[]): number[] {
  const xs = new Set(all.filter((series) => series.context !== true).flatMap((series) => [...series.x]));
  return [...xs].sort((a, b) => a - b);
}

/** The stop nearest to `x`, or `x` itself without any. */
export function nearestStop(sorted: readonly number[], x: number): number {
  const i = indexAt(sorted, x);
  const before = sorted[i];
  const after = sorted[i + 1];
  if (before === undefined) return after ?? x;
  if (after === undefined) return before;
  return x - before <= after - x ? before : after;
}
