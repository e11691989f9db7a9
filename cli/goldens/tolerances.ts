/**
 * How far f32 may be from the float64 fixtures, and why. One home for every tolerance of the goldens. Errors measured on
 * SwiftShader are given beside each; the room above them is for adapters whose `exp` and division are less exact (WGSL
 * allows an error of 3 + 2|x| units in the last place to `exp`, 2.5 to a division) and for longer sums.
 */

import type { TrajectoryRun } from '../../goldens/fixture.ts';
import type { RelativeErrors } from './conditioning.ts';

/** Unit roundoff of f32. */
const roundoff = 2 ** -24;

/** Sums over `terms` examples and positions: their roundings add up like the square root of their number. */
function growth(terms: number): number {
  return 1 + Math.sqrt(terms) / 64;
}

/**
 * Outputs, loss, gradients, layer inputs and output gradients, A and G, relative to the largest value of the array: a
 * few dozen roundings of the net's own operations. Measured: 14 units of roundoff, 20 for sums of 600 terms.
 */
export function directTolerance(terms: number): number {
  return 64 * roundoff * growth(terms);
}

/**
 * What the factors and the gradient are granted before it is amplified on the way to the preconditioned gradient (see
 * `conditioning.ts`). Errors of up to half the resulting tolerance were measured, in layers of 3 to 130 inputs and
 * with 3 to 600 terms.
 */
export function preconditioningErrors(terms: number): RelativeErrors {
  return { factors: 8 * roundoff * growth(terms), gradient: 6 * roundoff * growth(terms) };
}

/** How a trajectory is compared: to which relative difference, and for how many steps that says anything. */
export interface TrajectoryTolerance {
  relative: number;
  /** Null: all of them. */
  steps: number | null;
  /** Whether to stop where a start moved by 1e-7 shows that f32 cannot follow (`sensitivity.ts`). */
  mayBeChaotic: boolean;
}

/** Steps that are compared however sensitive a run is. */
export const fewestSteps = 1;

/**
 * The f32 column of the README's table, by the settings that make a run sensitive. Damping each factor by lambda or its
 * root leaves singular factors with an inverse of 1/lambda, so a start moved by 1e-7, f32's rounding, moves the end of
 * the shipped runs by 8e-4 (expand, type-2), 5e-5 (expand, empirical) or 0.1 to 3 (reduce, chaotic: there only the first
 * two steps can be compared). First-order runs and the pi rule move by 4e-7.
 */
export function trajectoryTolerance(run: TrajectoryRun): TrajectoryTolerance {
  if (run.kind !== 'kfac' || run.config.damping_rule === 'pi') {
    return { relative: 1e-4, steps: null, mayBeChaotic: false };
  }
  if (run.config.approx === 'reduce') return { relative: 1e-2, steps: 2, mayBeChaotic: true };
  return { relative: run.config.fisher === 'empirical' ? 1e-3 : 1e-2, steps: null, mayBeChaotic: true };
}
