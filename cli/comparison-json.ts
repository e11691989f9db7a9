/** The comparison for other programs. JSON knows no infinity: what was not reached is null. */
import { plainText, verdictSentence } from '../training/charts/verdict-sentence.ts';
import type { Comparison, Spread } from '../training/statistics/comparison.ts';

/** `files`: paths of what was written. */
export function comparisonJson(
  comparison: Comparison,
  { name, files }: { name: string; files: readonly string[] },
) {
  return {
    name,
    target: comparison.target,
    verdict: plainText(verdictSentence(comparison)),
    adapters: comparison.adapters,
    timesComparable: comparison.timesComparable,
    groups: comparison.groups.map((group) => ({
      name: group.group.name,
      hash: group.group.hash,
      reference: group.isReference,
      n: group.n,
      reached: group.nReached,
      open: group.nPending,
      diverged: group.nDiverged,
      steps: spreadJson(group.steps),
      seconds: group.seconds === null ? null : spreadJson(group.seconds),
      finalMetric: finite(group.finalMetric),
      best: group.best,
      msPerStep: group.msPerStep,
    })),
    files,
  };
}

function spreadJson(spread: Spread) {
  const ends = (interval: { low: number; high: number } | null) =>
    interval === null ? null : [finite(interval.low), finite(interval.high)];
  return {
    median: finite(spread.median),
    min: finite(spread.min),
    max: finite(spread.max),
    interval: ends(spread.interval),
    ratio: spread.ratio,
    ratioInterval: ends(spread.ratioInterval),
  };
}

function finite(value: number | null): number | null {
  return value !== null && Number.isFinite(value) ? value : null;
}
