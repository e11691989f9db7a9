/** Medians and spreads that keep infinities in: a seed that never reached the target counts as infinitely late. */

/**
 * The median: the middle value, or the mean of the two middle ones. Infinities are ordinary values, so the median of
 * `[40, Infinity, Infinity]` is Infinity ("not reached"), and so is that of `[40, Infinity]`. NaN for an empty list;
 * NaN members are not allowed.
 */
export function median(values: readonly number[]): number {
  const { length } = values;
  if (length === 0) return NaN;
  const sorted = Float64Array.from(values).sort();
  const upper = sorted[length >> 1]!;
  return length % 2 === 1 ? upper : middleOf(sorted[(length >> 1) - 1]!, upper);
}

/** Half-way between two values. Halves are added, because a sum of two large values could overflow. */
export function middleOf(lower: number, upper: number): number {
  return lower === upper ? lower : lower / 2 + upper / 2;
}

/** Arithmetic mean; NaN for an empty list. */
export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Sample standard deviation (divisor n - 1); NaN for fewer than two values. */
export function sampleDeviation(values: readonly number[]): number {
  const centre = mean(values);
  const squares = values.reduce((sum, value) => sum + (value - centre) ** 2, 0);
  return values.length < 2 ? NaN : Math.sqrt(squares / (values.length - 1));
}
