/** The error of a preconditioned gradient under a damping rule of the fixtures, in f32: `conditioning.ts` by rule. */
import { exactlyDampedError, preconditionedError, type Preconditioning } from './conditioning.ts';
import type { FixtureRule } from './net-program.ts';
import { directTolerance, preconditioningErrors } from './tolerances.ts';

export interface FixtureDamping {
  rule: FixtureRule;
  lambda: number;
  /** Read by the rule `pi` only. */
  pi: number;
}

/** Size of the largest element that rounding may change, for factors and a gradient that are sums over `rows` rows. */
export function pairError(
  preconditioning: Preconditioning,
  { rule, lambda, pi }: FixtureDamping,
  rows: number,
): number {
  const root = Math.sqrt(lambda);
  const errors = preconditioningErrors(rows);
  const split = (a: number, g: number) =>
    preconditionedError({ ...preconditioning, damping: { a, g } }, errors);
  switch (rule) {
    case 'separate':
      return split(lambda, lambda);
    case 'sqrt':
      return split(root, root);
    case 'pi':
      return split(root * pi, root / pi);
    case 'eigen':
      return exactlyDampedError(preconditioning, lambda, { ...errors, gradient: directTolerance(rows) });
    default:
      return rule satisfies never;
  }
}
