import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { trials } from '../../../contract/test-trials.ts';
import { size, type Graph } from '../graph.ts';
import {
  checkOperation,
  evaluate,
  expectClose,
  f32Tolerance,
  noise,
  prepare,
  type Leaf,
} from '../test-program.ts';
import { scale } from './elementwise.ts';
import { matmul } from './matmul.ts';
import { sumAxes } from './reduce.ts';

interface Case {
  batchA: number[];
  batchB: number[];
  m: number;
  n: number;
  k: number;
  transposeA?: boolean;
  transposeB?: boolean;
  alpha?: number;
  adapterClass?: 'gpu' | 'software';
}

function check(c: Case): Promise<void> {
  const { m, n, k, transposeA = false, transposeB = false, alpha = 1 } = c;
  const batch = Math.max(size(c.batchA), size(c.batchB));
  const reference = (a: Float64Array, b: Float64Array): Float64Array =>
    Float64Array.from({ length: batch * m * n }, (_, i) => {
      const [column, row] = [i % n, Math.floor(i / n) % m];
      const matrix = Math.floor(i / (m * n));
      const firstA = size(c.batchA) === 1 ? 0 : matrix * m * k;
      const firstB = size(c.batchB) === 1 ? 0 : matrix * k * n;
      let sum = 0;
      for (let j = 0; j < k; j++) {
        const x = a[firstA + (transposeA ? j * m + row : row * k + j)]!;
        sum += x * b[firstB + (transposeB ? column * k + j : j * n + column)]!;
      }
      return alpha * sum;
    });
  return checkOperation({
    inputs: [
      { shape: [...c.batchA, ...(transposeA ? [k, m] : [m, k])] },
      { shape: [...c.batchB, ...(transposeB ? [n, k] : [k, n])] },
    ],
    build: (a, b) => matmul(a, b, { transposeA, transposeB, alpha }),
    reference,
    tolerance: f32Tolerance,
    ...(c.adapterClass ? { adapterClass: c.adapterClass } : {}),
  });
}

const layouts = [
  { transposeA: false, transposeB: false },
  { transposeA: false, transposeB: true },
  { transposeA: true, transposeB: false },
  { transposeA: true, transposeB: true },
];

describe.each(layouts)('$transposeA $transposeB', (layout) => {
  test.each([
    { name: 'one matrix, odd', batchA: [], batchB: [], m: 5, n: 3, k: 7 },
    { name: 'one matrix, whole quads', batchA: [], batchB: [], m: 8, n: 12, k: 4 },
    { name: 'two leading axes', batchA: [2, 3], batchB: [2, 3], m: 4, n: 5, k: 3 },
    { name: 'single numbers', batchA: [3], batchB: [3], m: 1, n: 1, k: 1 },
    { name: 'one A for many B', batchA: [1], batchB: [3], m: 3, n: 4, k: 5 },
    { name: 'one B for many A', batchA: [2, 2], batchB: [], m: 4, n: 8, k: 4 },
    { name: 'scaled', batchA: [2], batchB: [2], m: 3, n: 4, k: 2, alpha: -0.35 },
  ])('$name', ({ name: _, ...shape }) => check({ ...shape, ...layout }));

  it('on a GPU, odd and whole quads', async () => {
    await check({ batchA: [2], batchB: [2], m: 5, n: 3, k: 6, ...layout, adapterClass: 'gpu' });
    await check({ batchA: [2], batchB: [2], m: 4, n: 8, k: 12, ...layout, adapterClass: 'gpu' });
  });
});

it('multiplies matrices of any sizes', () => {
  const dim = fc.integer({ min: 1, max: 9 });
  const cases = fc.record({
    m: dim,
    n: dim,
    k: dim,
    batch: fc.integer({ min: 1, max: 4 }),
    which: fc.nat(2),
  });
  return fc.assert(
    fc.asyncProperty(cases, fc.constantFrom(...layouts), ({ batch, which, ...shape }, layout) =>
      check({ ...shape, ...layout, batchA: [which === 1 ? 1 : batch], batchB: [which === 2 ? 1 : batch] }),
    ),
    trials(6),
  );
});

it.each(['software', 'gpu'] as const)(
  'reads one tensor in both places without a copy, on class %s',
  async (adapterClass) => {
    const x = noise(2 * 4 * 8, 1);
    const build = (_: Graph, leaf: Leaf) => {
      // Operand and result lie in one arena, so that one buffer is read twice and written.
      const doubled = scale(leaf(x, [2, 4, 8]), 2);
      return sumAxes(matmul(doubled, doubled, { transposeB: true }), 0, 0);
    };
    const test = await prepare(build, adapterClass);
    const labels = test.program.statistics.kernels.map(({ label }) => label);
    expect(labels).toEqual(['scale', 'matmul', 'sum']);
    const [got] = await test.run();
    const expected = Float64Array.from({ length: 16 }, (_, i) => {
      let sum = 0;
      for (const matrix of [0, 32]) {
        const [row, column] = [matrix + 8 * Math.floor(i / 4), matrix + 8 * (i % 4)];
        for (let j = 0; j < 8; j++) sum += 4 * x[row + j]! * x[column + j]!;
      }
      return sum;
    });
    expectClose(got!, expected, f32Tolerance);
  },
);

it('may take one tensor as both operands', () =>
  checkOperation({
    inputs: [{ shape: [2, 4, 8] }],
    build: (x) => matmul(x, x, { transposeB: true }),
    reference: (x) =>
      Float64Array.from({ length: 32 }, (_, i) => {
        const [column, row, matrix] = [i % 4, Math.floor(i / 4) % 4, Math.floor(i / 16)];
        let sum = 0;
        for (let j = 0; j < 8; j++) sum += x[matrix * 32 + row * 8 + j]! * x[matrix * 32 + column * 8 + j]!;
        return sum;
      }),
    tolerance: f32Tolerance,
  }));

it('refuses shapes that do not fit and names them', async () => {
  const product = (a: number[], b: number[]) =>
    evaluate((_, leaf) => matmul(leaf(noise(size(a), 0), a), leaf(noise(size(b), 1), b)));
  await expect(product([2, 3], [4, 2])).rejects.toThrow(
    'matmul of [2, 3] and [4, 2]: inner sizes 3 and 4 differ',
  );
  await expect(product([2, 2, 3], [3, 3, 2])).rejects.toThrow('leading axes are neither equal nor 1');
  await expect(product([3], [3, 2])).rejects.toThrow('input of shape [3] is no matrix');
});
