/**
 * Intervals by the percentile bootstrap over seeds (Efron & Tibshirani, An Introduction to the Bootstrap, ch. 13).
 * Seeded, and independent of the order of the runs: the same runs give the same interval in the window, the terminal
 * and the file. With a handful of seeds it is a rough interval; under three it would only pretend, so there is none.
 */
import { middleOf } from './summary.ts';

export interface Interval {
  /** May be 0 for a ratio: the reference did not reach the target in that many resamples. */
  low: number;
  /** May be Infinity: the group did not reach the target in that many resamples. */
  high: number;
}

/** Seeds below which no interval is given. */
export const MIN_SEEDS = 3;

const RESAMPLES = 2000;
const TAIL = 0.025;

/** 95 % interval of the median of `values` (infinities allowed); null for fewer than three. */
export function medianInterval(values: readonly number[]): Interval | null {
  if (values.length < MIN_SEEDS) return null;
  const sorted = ascending(values);
  return remembered(sorted.join(), () => {
    const resample = resampler(sorted, uniform(1));
    const medians = new Float64Array(RESAMPLES);
    for (let i = 0; i < RESAMPLES; i++) medians[i] = resample();
    return percentiles(medians, medians);
  });
}

/**
 * 95 % interval of median(`values`) / median(`reference`), both resampled independently; null where either has fewer
 * than three seeds. A resample in which neither reaches the target says nothing about the ratio: it counts as 0 for
 * the lower end and as Infinity for the upper one, so that ignorance widens the interval.
 */
export function ratioInterval(values: readonly number[], reference: readonly number[]): Interval | null {
  if (values.length < MIN_SEEDS || reference.length < MIN_SEEDS) return null;
  const [numerators, denominators] = [ascending(values), ascending(reference)];
  return remembered(`${numerators.join()}/${denominators.join()}`, () => {
    const random = uniform(2);
    const above = resampler(numerators, random);
    const below = resampler(denominators, random);
    const lows = new Float64Array(RESAMPLES);
    const highs = new Float64Array(RESAMPLES);
    for (let i = 0; i < RESAMPLES; i++) {
      const ratio = above() / below();
      lows[i] = Number.isNaN(ratio) ? 0 : ratio;
      highs[i] = Number.isNaN(ratio) ? Infinity : ratio;
    }
    return percentiles(lows, highs);
  });
}

/**
 * While a target is dragged most seeds keep their evaluation from one frame to the next: an interval that was computed
 * for the same numbers is taken again. It only saves time; the answer is the same.
 */
const memory = new Map<string, Interval>();
const MEMORY_SIZE = 2000;

function remembered(key: string, computeInterval: () => Interval): Interval {
  const known = memory.get(key);
  if (known !== undefined) return known;
  if (memory.size >= MEMORY_SIZE) memory.clear();
  const interval = computeInterval();
  memory.set(key, interval);
  return interval;
}

function ascending(values: readonly number[]): number[] {
  return values.toSorted((a, b) => (a < b ? -1 : a > b ? 1 : 0));
}

/** Draws medians of resamples with replacement from values in ascending order. */
function resampler(sorted: readonly number[], random: () => number): () => number {
  const n = sorted.length;
  // How often each value was drawn: in ascending order already, so that no resample needs sorting.
  const times = new Uint32Array(n);
  return () => {
    times.fill(0);
    for (let i = 0; i < n; i++) times[Math.floor(random() * n)]! += 1;
    const upper = drawnAt(sorted, times, n >> 1);
    if (n % 2 === 1) return upper;
    return middleOf(drawnAt(sorted, times, (n >> 1) - 1), upper);
  };
}

/** The draw of that rank, counted from 0. */
function drawnAt(sorted: readonly number[], times: Uint32Array, rank: number): number {
  let seen = 0;
  for (let i = 0; i < sorted.length; i++) {
    seen += times[i]!;
    if (seen > rank) return sorted[i]!;
  }
  return NaN;
}

/** `lows` and `highs` may be the same array. */
function percentiles(lows: Float64Array, highs: Float64Array): Interval {
  lows.sort();
  highs.sort();
  return {
    low: lows[Math.floor(TAIL * RESAMPLES)]!,
    high: highs[Math.ceil((1 - TAIL) * RESAMPLES) - 1]!,
  };
}

/** Uniform numbers in [0, 1) from a 32-bit Weyl sequence with a mixing step (mulberry32). */
function uniform(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
