import { describe, expect, test } from 'vitest';
import { emptyRegion, runAndRead, testGpu, uploaded } from '../test-gpu.ts';
import { matmul, matmulLaunches, type MatmulArguments } from './matmul.ts';
import { noise, reference, type Case } from './test-product.ts';
import { turnedProduct } from './turned.ts';

async function withOperands(c: Case, transposeA = false) {
  const gpu = await testGpu();
  const { m, n, k, batch = 1, alpha } = c;
  const [a, b, bias] = [noise(batch * m * k, 1), noise(batch * n * k, 2), noise(n, 3)];
  const out = emptyRegion(gpu, 'c', batch * m * n);
  const args: MatmulArguments = {
    label: 'test',
    a: uploaded(gpu, 'a', a),
    b: uploaded(gpu, 'b', b),
    c: out,
    ...{ m, n, k, batch, transposeA, transposeB: true },
    ...(c.bias && { bias: uploaded(gpu, 'bias', bias) }),
    ...(alpha !== undefined && { alpha }),
  };
  const scratch = (label: string, words: number) => emptyRegion(gpu, label, words);
  return { gpu, args, out, lowering: { gpu, scratch }, data: { a, b, bias } };
}

describe('a product with B turned first', () => {
  const cases: Case[] = [
    { m: 8, n: 4, k: 4 },
    { m: 20, n: 68, k: 36, batch: 3, alpha: 0.5 },
    { m: 33, n: 132, k: 140, bias: true },
  ];
  test.each(cases.flatMap((c) => [false, true].map((transposeA) => ({ ...c, transposeA }))))(
    'm=$m n=$n k=$k batch=$batch transposeA=$transposeA',
    async ({ transposeA, ...sizes }) => {
      // A transposed A has whole vec4s along m.
      const c = transposeA ? { ...sizes, m: Math.ceil(sizes.m / 4) * 4 } : sizes;
      const { gpu, args, out, lowering, data } = await withOperands(c, transposeA);
      const result = await runAndRead(gpu, turnedProduct(lowering, args), out);
      const expected = reference(c, data.a, data.b, data.bias, transposeA, true);
      for (let i = 0; i < expected.length; i++)
        expect(Math.abs((result[i] ?? NaN) - (expected[i] ?? NaN))).toBeLessThan(2e-6 * c.k + 1e-6);
    },
  );

  test('one B for a whole batch is turned once, and rows may lie apart', async () => {
    const { gpu, args, out, lowering, data } = await withOperands({ m: 4, n: 8, k: 4, batch: 2 });
    // B is the first four of every eight numbers.
    const shared = { ...args, strideB: 0, ldb: 8 };
    const launches = turnedProduct(lowering, shared);
    const result = await runAndRead(gpu, launches, out);
    expect(launches[0]!.workgroups[2]).toBe(1);
    for (let i = 0; i < result.length; i++) {
      const [z, row, col] = [Math.floor(i / 32), Math.floor(i / 8) % 4, i % 8];
      let sum = 0;
      for (let q = 0; q < 4; q++) sum += data.a[z * 16 + row * 4 + q]! * data.b[col * 8 + q]!;
      expect(result[i]).toBeCloseTo(sum, 5);
    }
  });

  test('is what large products take on a software adapter, with the same bits as in one launch', async () => {
    const { gpu, args, out, lowering } = await withOperands({ m: 644, n: 700, k: 644 });
    const software = { gpu: { ...gpu, adapterClass: 'software' as const }, scratch: lowering.scratch };
    const launches = matmulLaunches(software, args);
    expect(launches.map(({ label }) => label)).toEqual(['test: turn B', 'test']);
    const turned = await runAndRead(gpu, launches, out);
    expect(await runAndRead(gpu, [matmul(software.gpu, args)], out)).toEqual(turned);
  });

  test('is not taken by small products, by few rows, nor where rows are no whole vec4s', async () => {
    const { gpu, args, lowering } = await withOperands({ m: 4, n: 4, k: 4 });
    const software = { gpu: { ...gpu, adapterClass: 'software' as const }, scratch: lowering.scratch };
    const launchesOf = (sizes: Partial<MatmulArguments>) => matmulLaunches(software, { ...args, ...sizes });
    expect(launchesOf({ m: 644, n: 644, k: 644 })).toHaveLength(1);
    expect(launchesOf({ m: 128, n: 4096, k: 1024 })).toHaveLength(1);
    expect(launchesOf({ m: 1024, n: 1024, k: 1021 })).toHaveLength(1);
    expect(launchesOf({ m: 1024, n: 1024, k: 1024 })).toHaveLength(2);
  });
});
