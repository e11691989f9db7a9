/**
 * What a run list shows of a metric: count, last, best, and how often it was not a number. Kept beside the rows in the
 * same transaction, so a list never has to read them. Two ways lead to the same numbers: adding rows that come after all
 * others (the usual case), and counting again from the rows (after a repeated or corrected batch).
 */
import { int, intOrNull, type Db } from '../sqlite.ts';
import type { SummaryRow } from './run-row.ts';

export type Summary = Omit<SummaryRow, 'run_id' | 'key'>;

export interface Point {
  step: number;
  /** May be NaN or infinite. */
  value: number;
}

/**
 * `summary` (null: no rows yet) after further rows, whose steps must grow and lie beyond `summary.last_step`.
 * `last` is null when the last value is not finite; extremes are taken over finite values, the first step wins ties.
 */
export function extendSummary(summary: Summary | null, points: readonly Point[]): Summary | null {
  let next = summary;
  for (const point of points) next = extendByOne(next, point);
  return next;
}

function extendByOne(before: Summary | null, { step, value }: Point): Summary {
  const base = before ?? emptySummary;
  const counted = { ...base, n: base.n + 1, last_step: step };
  if (!Number.isFinite(value)) {
    const first = base.first_nonfinite_step ?? step;
    return { ...counted, last: null, nonfinite_n: base.nonfinite_n + 1, first_nonfinite_step: first };
  }
  const lower = base.min === null || value < base.min;
  const higher = base.max === null || value > base.max;
  return {
    ...counted,
    last: value,
    ...(lower && { min: value, min_step: step }),
    ...(higher && { max: value, max_step: step }),
  };
}

const emptySummary: Summary = {
  n: 0,
  last: null,
  last_step: 0,
  min: null,
  min_step: null,
  max: null,
  max_step: null,
  nonfinite_n: 0,
  first_nonfinite_step: null,
};

export function createSummaryQueries(db: Db) {
  const select = db.prepare<Summary>(`SELECT n, last, last_step, min, min_step, max, max_step, nonfinite_n,
    first_nonfinite_step FROM metric_summary WHERE run_id = ? AND key_id = ?`);
  const upsert = db.prepare(`INSERT OR REPLACE INTO metric_summary
    (run_id, key_id, n, last, last_step, min, min_step, max, max_step, nonfinite_n, first_nonfinite_step)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`);
  const rows = db.prepare<{ step: number; v: number | null }>(
    'SELECT step, v FROM metric WHERE run_id = ? AND key_id = ? ORDER BY step',
  );

  function write(runId: number, keyId: number, summary: Summary): void {
    upsert.run(
      int(runId),
      int(keyId),
      int(summary.n),
      summary.last,
      int(summary.last_step),
      summary.min,
      intOrNull(summary.min_step),
      summary.max,
      intOrNull(summary.max_step),
      int(summary.nonfinite_n),
      intOrNull(summary.first_nonfinite_step),
    );
  }

  return {
    /** Call after the rows were written. `points` in step order, each step once. */
    update(runId: number, keyId: number, points: readonly Point[]): void {
      const before = select.get(int(runId), int(keyId)) ?? null;
      const first = points[0];
      if (first === undefined) return;
      const after =
        before === null || first.step > before.last_step
          ? extendSummary(before, points)
          : extendSummary(
              null,
              rows.all(int(runId), int(keyId)).map(({ step, v }) => ({ step, value: v ?? NaN })),
            );
      if (after !== null) write(runId, keyId, after);
    },
  };
}
