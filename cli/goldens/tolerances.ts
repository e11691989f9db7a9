/**
 * How far f32 may be from the float64 fixtures, and why. One home for every tolerance of the goldens. Errors measured on
 * SwiftShader are given beside each; the room above them is for adapters whose `exp` and division are less exact (WGSL
 * allows an error of 3 + 2|x| units in the last place to `exp`, 2.5 to a division) and for longer sums.
 */

import type { RelativeErrors } from './conditioning.ts';

/** Unit roundoff of f32. */
const roundoff = 2 ** -24;

/**
 * Outputs, loss, gradients, layer inputs and output gradients, A and G, relative to the largest value of the array: a
 * few dozen roundings of the net's own operations (measured: 14 units), and sums over `terms` examples and positions,
 * whose roundings add up like the square root of their number.
 */
export function directTolerance(terms: number): number {
  return (64 + Math.sqrt(terms)) * roundoff;
}

/**
 * Relative errors that are granted to the factors and to the gradient before they are amplified on the way to the
 * preconditioned gradient (`conditioning.ts`). Measured, if one of the two had to explain all of the error: 7 units of the
 * factors, 2 of the gradient where its own amplification is the larger.
 */
export const preconditioningErrors: RelativeErrors = { factors: 32 * roundoff, gradient: 8 * roundoff };
