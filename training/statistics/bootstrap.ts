/**
 * Intervals by the percentile bootstrap over seeds (Efron & Tibshirani, An Introduction to the Bootstrap, ch. 13).
 * Seeded, and independent of the order of the runs: the same runs give the same interval in the window, the terminal
 * and the file. With a handful of seeds it is a rough interval; under three it would only pretend, so there is none.
 */
import { medianOfSorted } from './summary.ts';

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
  const random = uniform(1);
  const resample = resampler(values, random);
  const medians = new Float64Array(RESAMPLES);
  for (let i = 0; i < RESAMPLES; i++) medians[i] = resample();
  return percentiles(medians, medians.slice());
}

/**
 * 95 % interval of median(`values`) / median(`reference`), both resampled independently; null where either has fewer
 * than three seeds. A resample in which neither reaches the target says nothing about the ratio: it counts as 0 for
 * the lower end and as Infinity for the upper one, so that ignorance widens the interval.
 */
export function ratioInterval(values: readonly number[], reference: readonly number[]): Interval | null {
  if (values.length < MIN_SEEDS || reference.length < MIN_SEEDS) return null;
  const random = uniform(2);
  const above = resampler(values, random);
  const below = resampler(reference, random);
  const lows = new Float64Array(RESAMPLES);
  const highs = new Float64Array(RESAMPLES);
  for (let i = 0; i < RESAMPLES; i++) {
    const ratio = above() / below();
    lows[i] = Number.isNaN(ratio) ? 0 : ratio;
    highs[i] = Number.isNaN(ratio) ? Infinity : ratio;
  }
  return percentiles(lows, highs);
}

/** Draws medians of resamples with replacement. */
function resampler(values: readonly number[], random: () => number): () => number {
  const sorted = Float64Array.from(values).sort();
  const draw = new Float64Array(sorted.length);
  return () => {
    for (let i = 0; i < draw.length; i++) draw[i] = sorted[Math.floor(random() * sorted.length)]!;
    return medianOfSorted(draw.sort());
  };
}

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
