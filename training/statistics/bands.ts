/**
 * One curve for a group of seeds: a middle line and a band. Seeds are aligned on the step by exact match, nothing is
 * interpolated or extrapolated, and every point says over how many seeds it was taken.
 */
import type { GroupMember } from './groups.ts';
import { MIN_SEEDS } from './bootstrap.ts';
import { mean, median, sampleDeviation } from './summary.ts';

export const bandKinds = ['min-max', 'sd', 'seeds'] as const;
/**
 * `min-max`: median with the lowest and highest seed. `sd`: mean with one sample standard deviation on either side
 * (arithmetic, on a log axis too). `seeds`: median without a band, every seed as a thin line.
 */
export type BandKind = (typeof bandKinds)[number];

/** Parallel arrays in step order. */
export interface GroupCurve {
  steps: number[];
  /** Median over the seeds of the training time at that step, in seconds. */
  seconds: number[];
  middle: number[];
  /** Edges of the band; null under three seeds and for `seeds`. Where fewer than two seeds remain both equal `middle`. */
  low: number[] | null;
  high: number[] | null;
  /** Seeds with a finite value at that step. */
  n: number[];
  /** Seeds with any evaluation. */
  seeds: number;
  /** Thin lines of the single seeds, where there is no band. */
  members: { runId: string; steps: number[]; seconds: number[]; values: number[] }[];
  /**
   * Seeds that left the finite numbers: the last step and time before, and what came then (null: another metric left,
   * and the run ended as diverged).
   */
  nonfinite: {
    runId: string;
    seed: number;
    step: number;
    seconds: number;
    at: number;
    value: number | null;
  }[];
}

/** The curve of a group. Non-finite values are left out of middle and band and listed in `nonfinite`. */
export function groupCurve(members: readonly GroupMember[], kind: BandKind): GroupCurve {
  const points = pointsByStep(members);
  const steps = [...points.keys()].sort((a, b) => a - b);
  const columns = steps.map((step) => points.get(step)!);
  const seeds = members.filter((member) => member.series !== null).length;
  const centre = kind === 'sd' ? mean : median;
  const middle = columns.map((column) => centre(column.values));
  const banded = kind !== 'seeds' && seeds >= MIN_SEEDS;
  const edge = (sign: -1 | 1) => columns.map((column, i) => bandEdge(column.values, middle[i]!, kind, sign));
  return {
    steps,
    seconds: columns.map((column) => median(column.seconds)),
    middle,
    low: banded ? edge(-1) : null,
    high: banded ? edge(1) : null,
    n: columns.map((column) => column.values.length),
    seeds,
    members: banded || seeds < 2 ? [] : memberLines(members),
    nonfinite: members.flatMap(departure),
  };
}

function bandEdge(values: number[], middle: number, kind: BandKind, sign: -1 | 1): number {
  if (values.length < 2) return middle;
  if (kind === 'sd') return middle + sign * sampleDeviation(values);
  return sign < 0 ? Math.min(...values) : Math.max(...values);
}

function pointsByStep(members: readonly GroupMember[]): Map<number, { values: number[]; seconds: number[] }> {
  const points = new Map<number, { values: number[]; seconds: number[] }>();
  for (const { series } of members) {
    series?.steps.forEach((step, i) => {
      const value = series.values[i]!;
      if (!Number.isFinite(value)) return;
      const point = points.get(step) ?? { values: [], seconds: [] };
      point.values.push(value);
      point.seconds.push(series.activeMs[i]! / 1000);
      points.set(step, point);
    });
  }
  return points;
}

function memberLines(members: readonly GroupMember[]): GroupCurve['members'] {
  return members.flatMap(({ run, series }) =>
    series === null
      ? []
      : [
          {
            runId: run.id,
            steps: series.steps,
            seconds: series.activeMs.map((ms) => ms / 1000),
            values: series.values,
          },
        ],
  );
}

function departure({ run, series }: GroupMember): GroupCurve['nonfinite'] {
  if (series === null) return [];
  const first = series.values.findIndex((value) => !Number.isFinite(value));
  // A run that diverged in its training loss may have no value of this metric after that: it left all the same.
  if (first < 0 && run.status !== 'diverged') return [];
  const before = Math.max(0, (first < 0 ? series.steps.length : first) - 1);
  return [
    {
      runId: run.id,
      seed: run.seed,
      step: series.steps[before]!,
      seconds: series.activeMs[before]! / 1000,
      at: first < 0 ? run.lastStep : series.steps[first]!,
      value: first < 0 ? null : series.values[first]!,
    },
  ];
}
