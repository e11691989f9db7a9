/** What a comparison says, as data; `training/charts/verdict-sentence.ts` puts it into words. Computed, never canned. */
import type { ComparedGroup, Comparison } from './comparison.ts';

export type Verdict =
  /** No run is over and none has reached the target. */
  | { kind: 'pending' }
  | { kind: 'nobody'; closest: ComparedGroup | null }
  | { kind: 'reference-missed'; reached: ComparedGroup[]; reference: ComparedGroup }
  | { kind: 'only-reference'; reference: ComparedGroup }
  /** `leader` is the fastest group beside the reference; `others` follow in order. */
  | { kind: 'ratio'; leader: ComparedGroup; others: ComparedGroup[]; reference: ComparedGroup };

/** What the comparison says. */
export function verdictOf(comparison: Comparison): Verdict {
  const { groups, reference } = comparison;
  if (reference === null || groups.every((group) => group.n === 0)) return { kind: 'pending' };
  const reached = groups.filter((group) => Number.isFinite(group.steps.median));
  if (reached.length === 0) return { kind: 'nobody', closest: closestOf(comparison) };
  if (!reached.includes(reference)) return { kind: 'reference-missed', reached, reference };
  const [leader, ...others] = reached.filter((group) => group !== reference);
  return leader === undefined
    ? { kind: 'only-reference', reference }
    : { kind: 'ratio', leader, others, reference };
}

function closestOf(comparison: Comparison): ComparedGroup | null {
  const sign = comparison.target.op === '>=' ? -1 : 1;
  const ranked = comparison.groups
    .filter((group) => group.best !== null)
    .toSorted((a, b) => b.nReached - a.nReached || sign * (a.best!.value - b.best!.value));
  return ranked[0] ?? null;
}
