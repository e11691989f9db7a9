import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { trials } from '../../../contract/test-trials.ts';
import { size, type Tensor } from '../graph.ts';
import { checkOperation, evaluate, expectClose, f32Tolerance, noise } from '../test-program.ts';
import {
  clip,
  divide,
  exp,
  log,
  maximum,
  negate,
  rsqrt,
  sigmoid,
  silu,
  sqrt,
  square,
  subtract,
} from './activations.ts';

const logistic = (x: number): number => 1 / (1 + Math.exp(-x));
const signed = (shape: readonly number[]) => noise(size(shape), 5).map((x) => Math.fround(3 * x));
const positive = (shape: readonly number[]) => noise(size(shape), 6).map((x) => Math.fround(x + 1.25));

interface Unary {
  name: string;
  build: (a: Tensor) => Tensor;
  f: (x: number) => number;
  values: (shape: readonly number[]) => Float64Array;
}

const functions: Unary[] = [
  { name: 'sigmoid', build: sigmoid, f: logistic, values: signed },
  { name: 'silu', build: silu, f: (x) => x * logistic(x), values: signed },
  { name: 'negate', build: negate, f: (x) => -x, values: signed },
  { name: 'square', build: square, f: (x) => x * x, values: signed },
  { name: 'exp', build: exp, f: Math.exp, values: signed },
  { name: 'sqrt', build: sqrt, f: Math.sqrt, values: positive },
  { name: 'rsqrt', build: rsqrt, f: (x) => 1 / Math.sqrt(x), values: positive },
  { name: 'log', build: log, f: Math.log, values: positive },
  {
    name: 'clip',
    build: (a) => clip(a, -0.5, 1e-3),
    f: (x) => Math.min(Math.max(x, -0.5), 1e-3),
    values: signed,
  },
];

describe.each(functions)('$name', ({ build, f, values }) => {
  test.each([[[7, 5]], [[3, 8]], [[1]]])('of shape %j', (shape) =>
    checkOperation({
      inputs: [{ shape, values: values(shape) }],
      build,
      reference: (x) => x.map(f),
      // WGSL allows exp and log 3 + 2 |x| ulp; measured on SwiftShader: below 1e-6.
      tolerance: f32Tolerance,
    }),
  );
});

it('sigmoid and silu stay finite and exact far from zero', async () => {
  const far = Float64Array.of(-1e4, -60, -20, 20, 60, 1e4);
  const [s, u] = await evaluate((_, leaf) => {
    const x = leaf(far, [6]);
    return [sigmoid(x), silu(x)];
  });
  expectClose(s!, far.map(logistic), f32Tolerance);
  // Relative: the small values matter for logarithms.
  expect(Math.abs(s![2]! / logistic(-20) - 1)).toBeLessThan(1e-5);
  expectClose(
    u!,
    far.map((x) => x * logistic(x)),
    f32Tolerance,
  );
});

it('answers NaN to NaN, so that a net that diverged cannot look sound', async () => {
  const results = await evaluate((_, leaf) => {
    const x = leaf([1, NaN, 2, 0.5], [4]);
    const y = leaf([1, 2, NaN, 3], [4]);
    const unary = functions.map(({ build }) => build(x));
    return [...unary, maximum(x, y), maximum(y, x), subtract(x, y), divide(x, y)];
  });
  results.forEach((values, i) => {
    const expected = i < functions.length ? [false, true, false, false] : [false, true, true, false];
    expect([...values].map(Number.isNaN), `function ${i}`).toEqual(expected);
  });
});

const pairs: [string, (a: Tensor, b: Tensor) => Tensor, (x: number, y: number) => number][] = [
  ['subtract', subtract, (x, y) => x - y],
  ['divide', divide, (x, y) => x / y],
  ['maximum', maximum, Math.max],
];

test.each(pairs)('%s of random shapes, one broadcast over rows', (_, build, f) =>
  fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 9 }), (rows, width) =>
      checkOperation({
        inputs: [{ shape: [rows, width] }, { shape: [width], values: positive([width]) }],
        build,
        reference: (x, y) => x.map((value, i) => f(value, y[i % width]!)),
        tolerance: f32Tolerance,
      }),
    ),
    trials(3),
  ),
);

it('maximum shares the gradient of equal numbers, as central differences do', () =>
  checkOperation({
    inputs: [
      { shape: [4], values: Float64Array.of(1, 2, -1, 0) },
      { shape: [4], values: Float64Array.of(1, 1, -1, 0.5) },
    ],
    build: maximum,
    reference: (x, y) => x.map((value, i) => Math.max(value, y[i]!)),
    tolerance: f32Tolerance,
  }));

it('clip refuses bounds in the wrong order', () =>
  expect(evaluate((_, leaf) => clip(leaf([1], [1]), 2, 1))).rejects.toThrow(
    'clip: the bounds 2 and 1 are not in ascending order',
  ));
