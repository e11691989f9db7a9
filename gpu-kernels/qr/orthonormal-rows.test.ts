/** Q of S = Q R: orthonormal whatever S is, and with S^T Q triangular, which is what makes it that one. */
import { describe, expect, it } from 'vitest';
import type { GpuContext } from '../device.ts';
import { orthogonality } from '../eigen/test-support.ts';
import { seededUniform } from '../spd-inverse/test-support.ts';
import { emptyRegion, runAndRead, testGpu, uploaded } from '../test-gpu.ts';
import { orthonormalRows } from './orthonormal-rows.ts';

/** Rounding of f32 over some hundred reflections. */
const bound = 1e-5;

function random(n: number, seed: number): Float32Array {
  const uniform = seededUniform(seed);
  return Float32Array.from({ length: n * n }, () => uniform() - 0.5);
}

async function run(gpu: GpuContext, n: number, inputs: Float32Array[]): Promise<Float32Array[]> {
  const batch = inputs.length;
  const all = Float32Array.from(
    { length: batch * n * n },
    (_, i) => inputs[Math.floor(i / (n * n))]?.[i % (n * n)] ?? NaN,
  );
  const result = emptyRegion(gpu, 'result', batch * n * n);
  const launches = orthonormalRows(gpu, {
    ...{ label: 'test', n, batch, rows: uploaded(gpu, 'rows', all), result },
    scratch: (label, words) => emptyRegion(gpu, label, words),
  });
  const values = await runAndRead(gpu, launches, result);
  return inputs.map((_, i) => values.slice(i * n * n, (i + 1) * n * n));
}

/** Largest |q_i . s_j| with i > j, relative to |s_j|: what R would have below its diagonal. */
function belowDiagonal(s: Float32Array, q: Float32Array, n: number): number {
  let worst = 0;
  for (let j = 0; j < n; j++) {
    const length = Math.hypot(...s.subarray(j * n, (j + 1) * n));
    for (let i = j + 1; i < n; i++) {
      let sum = 0;
      for (let k = 0; k < n; k++) sum += (q[i * n + k] ?? NaN) * (s[j * n + k] ?? NaN);
      if (length > 0) worst = Math.max(worst, Math.abs(sum) / length);
    }
  }
  return worst;
}

const variants = {
  'as chosen for this adapter': (gpu: GpuContext) => gpu,
  gpu: (gpu: GpuContext): GpuContext => ({ ...gpu, adapterClass: 'gpu', fourLaneSubgroups: false }),
};

describe.each(Object.entries(variants))('kernels %s', (_, variant) => {
  it.each([4, 8, 36, 100])('of random matrices of side %i', async (n) => {
    const inputs = [random(n, n), random(n, n + 1), random(n, n + 2)];
    const results = await run(variant(await testGpu()), n, inputs);
    results.forEach((q, i) => {
      expect(orthogonality(q, n)).toBeLessThan(bound);
      expect(belowDiagonal(inputs[i] as Float32Array, q, n)).toBeLessThan(bound);
    });
  });

  it('of columns of any size, of columns that repeat others, and of zeros', async () => {
    const n = 12;
    const sizes = random(n, 5).map((x, i) => x * 10 ** (-3 * Math.floor(i / n)));
    const repeated = random(n, 6).map((x, i, all) => (Math.floor(i / n) % 2 ? (all[i % n] ?? NaN) : x));
    const results = await run(variant(await testGpu()), n, [sizes, repeated, new Float32Array(n * n)]);
    for (const q of results) expect(orthogonality(q, n)).toBeLessThan(bound);
    expect(belowDiagonal(sizes, results[0] as Float32Array, n)).toBeLessThan(bound);
    expect(belowDiagonal(repeated, results[1] as Float32Array, n)).toBeLessThan(bound);
  });

  it('keeps trailing zeros apart', async () => {
    const [n, size] = [8, 6];
    const input = random(n, 9).map((x, i) => (i % n < size && Math.floor(i / n) < size ? x : 0));
    const [q] = await run(variant(await testGpu()), n, [input]);
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++) {
        if (i < size && j < size) continue;
        expect(Math.abs(q?.[i * n + j] ?? NaN)).toBe(i === j ? 1 : 0);
      }
    }
  });
});

it('cuts long work into launches', async () => {
  const gpu = await testGpu();
  const n = 512;
  const region = emptyRegion(gpu, 'matrix', n * n);
  const scratch = (label: string, words: number) => emptyRegion(gpu, label, words);
  const launches = orthonormalRows(gpu, {
    label: 'test',
    n,
    batch: 1,
    rows: region,
    result: region,
    scratch,
  });
  const [, last] = launches
    .filter(({ label }) => label.includes('reflections'))
    .map((l) => l.params?.data) as [Uint32Array, Uint32Array];
  expect(launches.length).toBeGreaterThan(2);
  expect(last[1]).toBe(launches[0]?.params?.data[2]);
});

it('refuses what does not fit', async () => {
  const gpu = await testGpu();
  const region = emptyRegion(gpu, 'matrix', 64);
  const args = { label: 'test', batch: 1, rows: region, result: region, scratch: () => region };
  expect(() => orthonormalRows(gpu, { ...args, n: 6 })).toThrow('size 6 must be a positive multiple of 4');
  expect(() => orthonormalRows(gpu, { ...args, n: 12 })).toThrow('rows has 256 bytes; 1 of size 12 need 576');
});
