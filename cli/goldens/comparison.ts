/**
 * One array of the engine against one array of a fixture. Errors are relative to the array's largest value: sums that
 * cancel leave rounding of the size of their terms, so an element near zero cannot be held to its own size.
 */

export interface Comparison {
  /** Keys in the fixture, such as `grads.fc1.bias`. */
  where: string;
  /** Largest absolute difference over the scale; NaN when the engine's value is not a number. */
  error: number;
  tolerance: number;
  /** The element with the largest difference. */
  index: number;
  got: number;
  expected: number;
}

/** Below this share of the largest array of its quantity (f32's rounding of it), an array is zero as far as f32 can tell. */
const zeroShare = 1e-7;

export function largest(values: ArrayLike<number>): number {
  let most = 0;
  for (let i = 0; i < values.length; i++) most = Math.max(most, Math.abs(values[i] ?? 0));
  return most;
}

/**
 * What differences are divided by: the array's largest expected value, or, where the array is zero in exact arithmetic
 * (the gradient of a key bias, reduce's G of a key projection), that of the same quantity in the other layers.
 */
export function scaleOf(expected: ArrayLike<number>, quantityLargest: number): number {
  const own = largest(expected);
  return own > zeroShare * quantityLargest ? own : quantityLargest;
}

export function compare(
  where: string,
  got: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: number,
  scale = scaleOf(expected, 0),
): Comparison {
  let worst = 0;
  // Nothing expected is a fault of the fixture or of the lookup, never agreement.
  let difference = expected.length > 0 ? 0 : Number.NaN;
  for (let i = 0; i < expected.length; i++) {
    const here = Math.abs((got[i] ?? Number.NaN) - (expected[i] ?? Number.NaN));
    if (here <= difference) continue;
    worst = i;
    difference = here;
    if (Number.isNaN(here)) break;
  }
  return {
    where,
    error: difference === 0 ? 0 : difference / scale,
    tolerance,
    index: worst,
    got: got[worst] ?? Number.NaN,
    expected: expected[worst] ?? Number.NaN,
  };
}

/** Not a number fails. */
export function isWithin({ error, tolerance }: Comparison): boolean {
  return error <= tolerance;
}

/** How far an error is beyond what is allowed; a missing or non-finite number is beyond everything. */
export function excess({ error, tolerance }: Comparison): number {
  const ratio = error / tolerance;
  return Number.isNaN(ratio) ? Infinity : ratio;
}
