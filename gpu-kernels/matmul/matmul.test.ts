import { describe, expect, test } from 'vitest';
import { emptyRegion, runAndRead, testGpu, uploaded } from '../test-gpu.ts';
import { matmul } from './matmul.ts';
import { noise, reference, type Case } from './test-product.ts';

const cases: Case[] = [
  { m: 1, n: 1, k: 1 },
  { m: 5, n: 7, k: 3, bias: true },
  { m: 33, n: 10, k: 33, batch: 3, alpha: 0.5 },
  { m: 16, n: 32, k: 64, bias: true },
  { m: 70, n: 36, k: 20, batch: 2 },
  { m: 36, n: 68, k: 132, alpha: 2 },
  { m: 12, n: 8, k: 7 },
  { m: 300, n: 128, k: 32, bias: true },
  { m: 132, n: 136, k: 132 },
  { m: 100, n: 68, k: 320, bias: true },
];

describe.each([
  ['NN', false, false],
  ['TN', true, false],
  ['NT', false, true],
  ['TT', true, true],
] as const)('matmul %s', (_, transposeA, transposeB) => {
  test.each(cases)('m=$m n=$n k=$k batch=$batch bias=$bias', async (c) => {
    const gpu = await testGpu();
    const { m, n, k, batch = 1 } = c;
    const a = noise(batch * m * k, 1);
    const b = noise(batch * k * n, 2);
    const bias = noise(n, 3);
    const out = emptyRegion(gpu, 'c', batch * m * n);
    const dispatch = matmul(gpu, {
      label: 'test',
      a: uploaded(gpu, 'a', a),
      b: uploaded(gpu, 'b', b),
      c: out,
      m,
      n,
      k,
      batch,
      transposeA,
      transposeB,
      ...(c.bias ? { bias: uploaded(gpu, 'bias', bias) } : {}),
      ...(c.alpha === undefined ? {} : { alpha: c.alpha }),
    });
    const result = await runAndRead(gpu, [dispatch], out);
    const expected = reference(c, a, b, bias, transposeA, transposeB);
    for (let i = 0; i < expected.length; i++) {
      expect(Math.abs((result[i] ?? NaN) - (expected[i] ?? NaN))).toBeLessThan(2e-6 * k + 1e-6);
    }
  });
});

test.each([
  ['NN', false, false],
  ['TN', true, false],
  ['NT', false, true],
] as const)('the largest tiles, %s', async (_, transposeA, transposeB) => {
  const gpu = await testGpu();
  const [m, n, k] = [644, 700, 644];
  const [a, b] = [noise(m * k, 1), noise(k * n, 2)];
  const out = emptyRegion(gpu, 'c', m * n);
  const [left, right] = [uploaded(gpu, 'a', a), uploaded(gpu, 'b', b)];
  const dispatch = matmul(gpu, { label: 'test', a: left, b: right, c: out, m, n, k, transposeA, transposeB });
  const result = await runAndRead(gpu, [dispatch], out);
  const everySoOften = Array.from({ length: Math.ceil((m * n) / 331) }, (_, i) => 331 * i);
  for (const at of [...everySoOften, n - 1, m * n - 1]) {
    const [i, j] = [Math.floor(at / n), at % n];
    let sum = 0;
    for (let q = 0; q < k; q++)
      sum += (a[transposeA ? q * m + i : i * k + q] ?? NaN) * (b[transposeB ? j * k + q : q * n + j] ?? NaN);
    expect(Math.abs((result[at] ?? NaN) - sum)).toBeLessThan(2e-4);
  }
});

describe('row sums', () => {
  test.each([
    { m: 36, n: 20, k: 70 },
    { m: 40, n: 68, k: 33 },
    { m: 5, n: 7, k: 9 },
    { m: 64, n: 64, k: 512 },
  ])('of a transposed A come with the product: m=$m n=$n k=$k', async ({ m, n, k }) => {
    const gpu = await testGpu();
    const a = noise(m * k, 1);
    const rowSums = emptyRegion(gpu, 'sums', m);
    const out = emptyRegion(gpu, 'c', m * n);
    const regions = { a: uploaded(gpu, 'a', a), b: uploaded(gpu, 'b', noise(n * k, 2)), c: out };
    const dispatch = matmul(gpu, { label: 'test', ...regions, m, n, k, transposeA: true, rowSums });
    const sums = await runAndRead(gpu, [dispatch], rowSums);
    for (let i = 0; i < m; i++) {
      let sum = 0;
      for (let q = 0; q < k; q++) sum += a[q * m + i] ?? NaN;
      expect(Math.abs((sums[i] ?? NaN) - sum)).toBeLessThan(2e-6 * k + 1e-6);
    }
  });

  test('need one transposed A', async () => {
    const gpu = await testGpu();
    const region = emptyRegion(gpu, 'memory', 16);
    const args = { label: 'sum', a: region, b: region, c: region, m: 4, n: 4, k: 4, rowSums: region };
    expect(() => matmul(gpu, args)).toThrow('sum: row sums need one product with a transposed A');
    expect(() => matmul(gpu, { ...args, transposeA: true, batch: 2 })).toThrow('row sums need one product');
  });
});
