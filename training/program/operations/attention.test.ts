import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { trials } from '../../../contract/test-trials.ts';
import {
  adapterClasses,
  checkOperation,
  evaluate,
  expectClose,
  f32Tolerance,
  noise,
  prepare,
} from '../test-program.ts';
import { backward } from '../backward.ts';
import type { Tensor } from '../graph.ts';
import { attention } from './attention.ts';

function attentionReference(shape: readonly [number, number, number], heads: number, causal: boolean) {
  const [n, length, width] = shape;
  const headWidth = width / heads;
  return (q: Float64Array, k: Float64Array, v: Float64Array): Float64Array => {
    const result = new Float64Array(n * length * width);
    for (let example = 0; example < n; example++)
      for (let head = 0; head < heads; head++)
        for (let i = 0; i < length; i++) {
          const at = (position: number, d: number) =>
            (example * length + position) * width + head * headWidth + d;
          const weights = Array.from({ length: causal ? i + 1 : length }, (_, j) => {
            let score = 0;
            for (let d = 0; d < headWidth; d++) score += q[at(i, d)]! * k[at(j, d)]!;
            return Math.exp(score / Math.sqrt(headWidth));
          });
          const total = weights.reduce((sum, weight) => sum + weight, 0);
          weights.forEach((weight, j) => {
            for (let d = 0; d < headWidth; d++) result[at(i, d)]! += (weight / total) * v[at(j, d)]!;
          });
        }
    return result;
  };
}

interface Case {
  shape: readonly [number, number, number];
  heads: number;
}

const kernels = adapterClasses.flatMap((adapterClass) =>
  [false, true].map((causal) => ({ adapterClass, causal })),
);

describe.each(kernels)('$adapterClass kernels, causal: $causal', ({ adapterClass, causal }) => {
  test.each<Case & { name: string }>([
    { name: 'head width 1', shape: [2, 5, 3], heads: 3 },
    { name: 'head width 3', shape: [2, 4, 6], heads: 2 },
    { name: 'head width 4', shape: [2, 5, 8], heads: 2 },
    { name: 'head width 8', shape: [1, 4, 16], heads: 2 },
    { name: 'one head of width 8', shape: [2, 3, 8], heads: 1 },
    { name: 'a single position', shape: [3, 1, 4], heads: 1 },
    { name: 'more threads than one workgroup', shape: [3, 6, 4], heads: 4 },
  ])('$name', ({ shape, heads }) => {
    const values = [1, 2, 3].map((seed) => noise(shape[0] * shape[1] * shape[2], seed).map((x) => 2 * x));
    return checkOperation({
      inputs: values.map((numbers) => ({ shape, values: numbers })),
      build: (q, k, v) => attention(q, k, v, heads, causal),
      reference: (q, k, v) => attentionReference(shape, heads, causal)(q, k, v),
      tolerance: f32Tolerance,
      adapterClass,
    });
  });
});

it.each(adapterClasses)('attends over any length, heads of any width, on class %s', (adapterClass) =>
  fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 2 }),
      fc.integer({ min: 7, max: 37 }),
      fc.integer({ min: 1, max: 3 }),
      fc.constantFrom(1, 2, 3, 4, 8),
      fc.boolean(),
      (examples, length, heads, headWidth, causal) => {
        // Every number's slope takes two runs of the reference.
        fc.pre(examples * length * heads * headWidth <= 150);
        const shape = [examples, length, heads * headWidth] as const;
        return checkOperation({
          inputs: [{ shape }, { shape }, { shape }],
          build: (q, k, v) => attention(q, k, v, heads, causal),
          reference: (q, k, v) => attentionReference(shape, heads, causal)(q, k, v),
          tolerance: f32Tolerance,
          adapterClass,
        });
      },
    ),
    trials(5),
  ),
);

it.each(adapterClasses)('keeps no matrix of all pairs, nor makes one, on class %s', async (adapterClass) => {
  const [length, width, heads] = [256, 16, 4];
  const { program } = await prepare((graph, leaf) => {
    const inputs = [1, 2, 3].map((seed) => leaf(noise(length * width, seed), [1, length, width]));
    const [q, k, v] = inputs as [Tensor, Tensor, Tensor];
    const y = attention(q, k, v, heads);
    const seed = { tensor: y, gradient: leaf(noise(length * width, 4), y.shape) };
    const gradients = graph.inPhase('backward', () => backward(graph, [seed], inputs));
    return [...gradients.values()];
  }, adapterClass);
  // The result, and a number or two for each query of each head; the scores alone would be 1 MiB.
  expect(program.statistics.arenaBytes).toBeGreaterThanOrEqual(4 * length * width);
  expect(program.statistics.arenaBytes).toBeLessThan(4 * length * (2 * width + 4 * heads));
});

it('may take one tensor as queries, keys and values', () =>
  checkOperation({
    inputs: [{ shape: [2, 4, 8] }],
    build: (x) => attention(x, x, x, 2),
    reference: (x) => attentionReference([2, 4, 8], 2, false)(x, x, x),
    tolerance: f32Tolerance,
  }));

it('does not overflow on large scores', async () => {
  const q = noise(2 * 4 * 4, 1).map((x) => 100 * x);
  const k = noise(2 * 4 * 4, 2).map((x) => 5 * x);
  const v = noise(2 * 4 * 4, 3);
  const [result] = await evaluate((_, leaf) => {
    const shape = [2, 4, 4];
    return attention(leaf(q, shape), leaf(k, shape), leaf(v, shape), 1);
  });
  // Scores of a few hundred are rounded to about 2e-5, and the weights with them.
  expectClose(result!, attentionReference([2, 4, 4], 1, false)(q, k, v), 1e-4);
});

it('refuses a number of heads that does not divide the width', () =>
  expect(
    evaluate((_, leaf) => {
      const x = leaf(noise(12, 0), [1, 2, 6]);
      return attention(x, x, x, 4);
    }),
  ).rejects.toThrow('attention: 4 heads do not divide a width of 6'));
