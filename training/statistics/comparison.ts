/**
 * The comparison itself: groups of seeds against a reference, by steps and by training time to a target. The window,
 * the command line and the CSV export all call `compare`, so they can never disagree.
 */
import { isFirstOrder } from '../../contract/optimizer-family.ts';
import type { RunSummary, Series } from '../../contract/runs.ts';
import { medianInterval, ratioInterval, type Interval } from './bootstrap.ts';
import { groupRuns, type RunGroup } from './groups.ts';
import { median } from './summary.ts';
import { hitTarget, isBetter, type Point, type Target, type TargetHit } from './target.ts';

export interface ComparisonInput {
  runs: readonly RunSummary[];
  /** Raw series; other metrics than the target's are ignored. */
  series: readonly Series[];
  target: Target;
  /** Group hash the ratios refer to; default: `defaultReference`. */
  reference?: string | undefined;
}

/** A quantity over the seeds of a group, runs that did not reach the target kept in as Infinity. */
export interface Spread {
  /** Infinity: not reached by at least half of the seeds. NaN: no seed counts yet. */
  median: number;
  /** Over the seeds that reached the target; Infinity where none did. */
  min: number;
  max: number;
  /** 95 % bootstrap interval of the median; null under three seeds. */
  interval: Interval | null;
  /** Median over the reference's median; null where either was not reached. The reference itself has 1. */
  ratio: number | null;
  /** 95 % bootstrap interval of the ratio; null without a ratio, under three seeds, and for the reference. */
  ratioInterval: Interval | null;
}

export interface ComparedRun {
  run: RunSummary;
  hit: TargetHit;
  /** Waiting or still training and not there yet: says nothing so far, so it is left out of n and of the medians. */
  pending: boolean;
}

export interface ComparedGroup {
  group: RunGroup;
  runs: ComparedRun[];
  isReference: boolean;
  /** Runs that count: over, or at the target already. */
  n: number;
  nReached: number;
  nPending: number;
  /** Runs that ended because their loss was no longer finite. */
  nDiverged: number;
  steps: Spread;
  /** Seconds of training; null where times cannot be compared. */
  seconds: Spread | null;
  /** Median over the counting runs of the last value; NaN where that run ended non-finite, null without any. */
  finalMetric: number | null;
  /** Best finite value of any of its runs. */
  best: Point | null;
  /** Median over runs of training time a step in ms; null before the first step. */
  msPerStep: number | null;
}

export interface Comparison {
  target: Target;
  /** In order of median time to target (of steps where times cannot be compared); never-reachers last, best value first. */
  groups: ComparedGroup[];
  reference: ComparedGroup | null;
  /** Adapters of the runs. With more than one, wall-clock says nothing about the optimisers and is withheld. */
  adapters: string[];
  /** False with more than one adapter. */
  timesComparable: boolean;
}

/** Compares the groups of `runs`. An unknown `reference` falls back to the default. */
export function compare(input: ComparisonInput): Comparison {
  const { target } = input;
  const adapters = adaptersOf(input.runs);
  const timesComparable = adapters.length <= 1;
  const hits = groupRuns(input.runs, input.series, target.metric).map((group) => ({
    group,
    runs: group.members.map(({ run, series }) => compareRun(run, hitTarget(series, target))),
  }));
  const referenceHash = hits.some(({ group }) => group.hash === input.reference)
    ? input.reference
    : defaultReference(hits);
  const reference = hits.find(({ group }) => group.hash === referenceHash)?.runs ?? [];
  const groups = hits.map(({ group, runs }) =>
    compareGroup(group, runs, reference, group.hash === referenceHash, target, timesComparable),
  );
  return {
    target,
    groups: groups.toSorted((a, b) => orderOf(a, b, target)),
    reference: groups.find((group) => group.isReference) ?? null,
    adapters,
    timesComparable,
  };
}

/** The adapters the runs trained on, sorted; runs that never started have none. */
export function adaptersOf(runs: readonly RunSummary[]): string[] {
  return [
    ...new Set(runs.flatMap((run) => (run.environment === null ? [] : [run.environment.adapter]))),
  ].sort();
}

function compareRun(run: RunSummary, hit: TargetHit): ComparedRun {
  const open = run.status === 'queued' || run.status === 'running';
  return { run, hit, pending: open && hit.stepsToTarget === Infinity };
}

/** The first-order group (SGD, AdamW) whose median reaches the target in the fewest steps; else the first one; else the first group. */
function defaultReference(hits: readonly { group: RunGroup; runs: ComparedRun[] }[]): string | undefined {
  const firstOrder = hits.filter(({ group }) => isFirstOrder(group.spec.optimizer));
  const stepsOf = (runs: ComparedRun[]) => {
    const value = median(counting(runs).map((run) => run.hit.stepsToTarget));
    return Number.isNaN(value) ? Infinity : value;
  };
  // A stable sort: with equal medians, or none reached, the group that was created first stays in front.
  const ranked = firstOrder.toSorted((a, b) => compareNumbers(stepsOf(a.runs), stepsOf(b.runs)));
  return (ranked[0] ?? hits[0])?.group.hash;
}

function compareGroup(
  group: RunGroup,
  runs: ComparedRun[],
  reference: readonly ComparedRun[],
  isReference: boolean,
  target: Target,
  timesComparable: boolean,
): ComparedGroup {
  const counted = counting(runs);
  const referenceRuns = counting(reference);
  const spread = (of: (hit: TargetHit) => number) =>
    spreadOf(
      counted.map((run) => of(run.hit)),
      referenceRuns.map((run) => of(run.hit)),
      isReference,
    );
  return {
    group,
    runs,
    isReference,
    n: counted.length,
    nReached: counted.filter((run) => run.hit.stepsToTarget < Infinity).length,
    nPending: runs.length - counted.length,
    nDiverged: runs.filter(({ run }) => run.status === 'diverged').length,
    steps: spread((hit) => hit.stepsToTarget),
    seconds: timesComparable ? spread((hit) => hit.secondsToTarget) : null,
    finalMetric: finalMetric(counted, target),
    best: bestOf(runs, target),
    msPerStep: msPerStep(runs),
  };
}

function counting(runs: readonly ComparedRun[]): ComparedRun[] {
  return runs.filter((run) => !run.pending);
}

function spreadOf(values: number[], reference: number[], isReference: boolean): Spread {
  const reached = values.filter((value) => value < Infinity);
  const middle = median(values);
  const referenceMiddle = median(reference);
  const hasRatio = Number.isFinite(middle) && Number.isFinite(referenceMiddle) && referenceMiddle > 0;
  return {
    median: middle,
    min: reached.length === 0 ? Infinity : Math.min(...reached),
    max: reached.length === 0 ? Infinity : Math.max(...reached),
    interval: medianInterval(values),
    ratio: hasRatio ? middle / referenceMiddle : null,
    ratioInterval: hasRatio && !isReference ? ratioInterval(values, reference) : null,
  };
}

/** A run that ended non-finite ranks as the worst of all, so it can only pull the median towards failure. */
function finalMetric(runs: readonly ComparedRun[], target: Target): number | null {
  const finals = runs.flatMap((run) => (run.hit.last === null ? [] : [run.hit.last.value]));
  if (finals.length === 0) return null;
  const worst = target.op === '>=' ? -Infinity : Infinity;
  const middle = median(finals.map((value) => (Number.isFinite(value) ? value : worst)));
  return Number.isFinite(middle) ? middle : NaN;
}

function bestOf(runs: readonly ComparedRun[], target: Target): Point | null {
  let best: Point | null = null;
  for (const { hit } of runs) {
    if (hit.best !== null && (best === null || isBetter(hit.best.value, best.value, target.op)))
      best = hit.best;
  }
  return best;
}

function msPerStep(runs: readonly ComparedRun[]): number | null {
  const each = runs
    .filter(({ run }) => run.lastStep > 0 && run.activeMs > 0)
    .map(({ run }) => run.activeMs / run.lastStep);
  return each.length === 0 ? null : median(each);
}

function orderOf(a: ComparedGroup, b: ComparedGroup, target: Target): number {
  const rank = (group: ComparedGroup) => {
    const { median: value } = group.seconds ?? group.steps;
    return Number.isNaN(value) ? Infinity : value;
  };
  const bestRank = (group: ComparedGroup) =>
    group.best === null ? Infinity : target.op === '>=' ? -group.best.value : group.best.value;
  return (
    compareNumbers(rank(a), rank(b)) ||
    compareNumbers(a.steps.min, b.steps.min) ||
    compareNumbers(bestRank(a), bestRank(b))
  );
}

/** Ascending; equal infinities compare as equal, where a difference would be NaN. */
function compareNumbers(a: number, b: number): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
