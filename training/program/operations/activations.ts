/**
 * The elementwise functions of models beyond those of `elementwise.ts`: sigmoid and SiLU, and arithmetic. All answer NaN
 * to NaN: WGSL's `max` and `clamp` may answer a bound there, which would hide that a net has diverged, so comparisons
 * choose instead.
 */
import { KronlabError } from '../../../contract/errors.ts';
import type { Tensor } from '../graph.ts';
import { elementwise } from './elementwise.ts';

/** By exp(-|a|), which cannot overflow. */
const logistic = '(select(exp(-abs(a)), T(1.0), a >= T(0.0)) / (T(1.0) + exp(-abs(a))))';
const logisticSlope = '(exp(-abs(a)) / ((T(1.0) + exp(-abs(a))) * (T(1.0) + exp(-abs(a)))))';

/** 1 / (1 + exp(-a)). */
export function sigmoid(a: Tensor): Tensor {
  const fn = { name: 'sigmoid', expression: logistic, gradients: [`b * ${logisticSlope}`] };
  return elementwise(fn, a);
}

/** SiLU (swish): a sigmoid(a). */
export function silu(a: Tensor): Tensor {
  const gradient = `b * (${logistic} + a * ${logisticSlope})`;
  return elementwise({ name: 'silu', expression: `a * ${logistic}`, gradients: [gradient] }, a);
}

/** -a. */
export function negate(a: Tensor): Tensor {
  return elementwise({ name: 'negate', expression: '-a', gradients: ['-b'] }, a);
}

/** a - b. */
export function subtract(a: Tensor, b: Tensor): Tensor {
  return elementwise({ name: 'subtract', expression: 'a - b', gradients: ['c', '-c'] }, a, b);
}

/** a / b. */
export function divide(a: Tensor, b: Tensor): Tensor {
  const gradients = ['c / b', '-(c / b) * (a / b)'];
  return elementwise({ name: 'divide', expression: 'a / b', gradients }, a, b);
}

/** a^2. */
export function square(a: Tensor): Tensor {
  return elementwise({ name: 'square', expression: 'a * a', gradients: ['T(2.0) * a * b'] }, a);
}

/** Square root of a >= 0; its slope at 0 is infinite, as in PyTorch. */
export function sqrt(a: Tensor): Tensor {
  return elementwise({ name: 'sqrt', expression: 'sqrt(a)', gradients: ['T(0.5) * b / sqrt(a)'] }, a);
}

/** 1 / sqrt(a). Not by `inverseSqrt`, which may be 2 ulp off. */
export function rsqrt(a: Tensor): Tensor {
  const gradients = ['T(-0.5) * b / (a * sqrt(a))'];
  return elementwise({ name: 'rsqrt', expression: 'T(1.0) / sqrt(a)', gradients }, a);
}

/** e^a. Drivers answer infinity to NaN, so NaN, which no comparison holds for, is passed on as it is. */
export function exp(a: Tensor): Tensor {
  const expression = 'select(a, exp(a), (a > T(0.0)) | (a <= T(0.0)))';
  return elementwise({ name: 'exp', expression, gradients: ['b * exp(a)'] }, a);
}

/** Natural logarithm; NaN for negative numbers and NaN, where WGSL's `log` is undefined. */
export function log(a: Tensor): Tensor {
  const expression = 'select(sqrt(a), log(a), a >= T(0.0))';
  return elementwise({ name: 'log', expression, gradients: ['b / a'] }, a);
}

/** The larger of a and b; where they are equal each gets half of the gradient, as in PyTorch. */
export function maximum(a: Tensor, b: Tensor): Tensor {
  // Neither a > b nor a <= b: one of them is NaN.
  const expression = 'select(select(b, a, a > b), a + b, !((a > b) | (a <= b)))';
  const share = (larger: string) => `select(select(T(0.0), c, ${larger}), T(0.5) * c, a == b)`;
  return elementwise({ name: 'maximum', expression, gradients: [share('a > b'), share('a < b')] }, a, b);
}

/** a held within [low, high]; outside no gradient passes, at the bounds it does. */
export function clip(a: Tensor, low: number, high: number): Tensor {
  if (!(low <= high)) {
    throw new KronlabError('invalid', `clip: the bounds ${low} and ${high} are not in ascending order`);
  }
  const expression = `select(select(a, T(${high}), a > T(${high})), T(${low}), a < T(${low}))`;
  const gradients = [`select(T(0.0), b, (a >= T(${low})) & (a <= T(${high})))`];
  return elementwise({ name: 'clip', expression, gradients }, a);
}
