/** Which runs the compare page shows, read from its address. Pure. */
import type { Comparison, RunSummary } from '../../contract/runs.ts';

export interface CompareSelection {
  /** In order of creation. */
  runs: RunSummary[];
  title: string;
  /** Null for runs picked by hand. */
  comparison: Comparison | null;
  /** Runs named in the address that are gone or in the trash. */
  missing: number;
}

/**
 * `?comparison=ID`, `?runs=ID,ID`, or neither: then the newest comparison that has runs. Null: there is nothing to
 * compare at all.
 */
export function selectRuns(
  query: URLSearchParams,
  runs: readonly RunSummary[],
  comparisons: readonly Comparison[],
): CompareSelection | null {
  const byId = new Map(runs.map((run) => [run.id, run]));
  const picked = query.get('runs');
  if (picked !== null) {
    const ids = picked.split(',').filter((id) => id !== '');
    return { ...present(ids, byId), title: titleOf(ids, byId), comparison: null };
  }
  const wanted = query.get('comparison');
  const comparison =
    wanted === null
      ? comparisons.find((c) => c.runIds.some((id) => byId.has(id)))
      : comparisons.find((c) => c.id === wanted);
  if (comparison !== undefined)
    return { ...present(comparison.runIds, byId), title: comparison.name, comparison };
  return wanted === null ? null : { runs: [], title: 'Unknown comparison', comparison: null, missing: 0 };
}

function present(ids: readonly string[], byId: ReadonlyMap<string, RunSummary>) {
  const found = ids.flatMap((id) => byId.get(id) ?? []);
  return { runs: found.toSorted((a, b) => a.createdMs - b.createdMs), missing: ids.length - found.length };
}

function titleOf(ids: readonly string[], byId: ReadonlyMap<string, RunSummary>): string {
  const names = new Set(ids.flatMap((id) => byId.get(id)?.comparisonName ?? []));
  const [name] = names;
  return name !== undefined && names.size === 1 ? `${name}, selected runs` : 'Selected runs';
}
