/** Newton-Schulz steps against float64 inverses: what they mend, what they refuse, and who then takes its place. */
import { describe, expect, test } from 'vitest';
import type { GpuContext } from '../device.ts';
import { record, replay, type Dispatch } from '../dispatch.ts';
import { readRegions } from '../readback.ts';
import type { Region } from '../region.ts';
import { writeRegion } from '../region.ts';
import { emptyRegion, testGpu } from '../test-gpu.ts';
import { mostResidual, polish, warmStart } from './newton-schulz.ts';
import { spdInverse } from './spd-inverse.ts';
import {
  asymmetricEntries,
  relativeDistance,
  inverseResidual,
  spdInverseFloat64,
  spdMatrix,
  variants,
} from './test-support.ts';

/** Rounding of f32 times the condition number. */
const residualBound = (condition: number) => 5e-8 * condition + 5e-7;

interface Round {
  inverses: Float32Array[];
  accepted: number[];
  status: number[];
}

const scratchOf = (gpu: GpuContext) => ({
  gpu,
  scratch: (label: string, words: number) => emptyRegion(gpu, label, words),
});

async function submit(gpu: GpuContext, dispatches: Dispatch[]): Promise<void> {
  const launches = await record(gpu, dispatches);
  const encoder = gpu.device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  replay(pass, launches);
  pass.end();
  gpu.device.queue.submit([encoder.finish()]);
}

function upload(gpu: GpuContext, region: Region, n: number, matrices: readonly Float32Array[]): void {
  const all = new Float32Array(matrices.length * n * n);
  matrices.forEach((matrix, i) => {
    all.set(matrix, i * n * n);
  });
  writeRegion(gpu, region, all);
}

const split = (bytes: ArrayBuffer | undefined, n: number, batch: number) =>
  Array.from({ length: batch }, (_, i) => new Float32Array(bytes ?? []).slice(i * n * n, (i + 1) * n * n));

/** A warm start of every matrix from the start beside it, and Cholesky for what it did not do. */
async function round(
  gpu: GpuContext,
  n: number,
  matrices: Float32Array[],
  starts: Float32Array[],
): Promise<Round> {
  const batch = matrices.length;
  const region = (label: string) => emptyRegion(gpu, label, batch * n * n);
  const [a, inverse] = [region('matrices'), region('inverse')];
  const [accepted, status] = [emptyRegion(gpu, 'accepted', batch), emptyRegion(gpu, 'status', batch)];
  upload(gpu, a, n, matrices);
  upload(gpu, inverse, n, starts);
  // What an earlier round left behind.
  writeRegion(gpu, status, new Uint32Array(batch).fill(7));
  const all = { n, batch, matrices: a, inverse };
  await submit(gpu, [
    ...warmStart(scratchOf(gpu), { ...all, label: 'warm start', accepted }),
    ...spdInverse(gpu, { ...all, label: 'invert', status, skip: accepted }),
  ]);
  const [x, flags, failed] = await readRegions(gpu, [inverse, accepted, status]);
  return {
    inverses: split(x, n, batch),
    accepted: [...new Uint32Array(flags ?? [])],
    status: [...new Uint32Array(failed ?? [])],
  };
}

/** Inverses by Cholesky on the GPU, and the same with a step behind. */
async function polished(gpu: GpuContext, n: number, matrices: Float32Array[]) {
  const batch = matrices.length;
  const region = (label: string) => emptyRegion(gpu, label, batch * n * n);
  const [a, again, plain, inverse] = [region('A'), region('A again'), region('plain'), region('inverse')];
  const status = emptyRegion(gpu, 'status', batch);
  for (const place of [a, again]) upload(gpu, place, n, matrices);
  await submit(gpu, spdInverse(gpu, { label: 'invert', n, batch, matrices: a, inverse: plain, status }));
  const [before, failed] = await readRegions(gpu, [plain, status]);
  writeRegion(gpu, inverse, new Float32Array(before ?? []));
  await submit(gpu, polish(scratchOf(gpu), { label: 'polish', n, batch, matrices: again, inverse }));
  const [after] = await readRegions(gpu, [inverse]);
  return {
    before: split(before, n, batch),
    after: split(after, n, batch),
    status: [...new Uint32Array(failed ?? [])],
  };
}

function expectInverse(matrix: Float32Array, x: Float32Array | undefined, n: number, bound: number): void {
  const inverse = x ?? new Float32Array();
  expect(inverseResidual(matrix, inverse, n)).toBeLessThanOrEqual(bound);
  expect(relativeDistance(inverse, spdInverseFloat64(matrix, n))).toBeLessThanOrEqual(bound);
  expect(asymmetricEntries(inverse, n)).toBe(0);
}

/** A block of `size` in a matrix of n, the rest of it the identity. */
function padded(block: Float32Array, size: number, n: number): Float32Array {
  return Float32Array.from({ length: n * n }, (_, index) => {
    const [i, j] = [Math.floor(index / n), index % n];
    if (i < size && j < size) return block[i * size + j] ?? NaN;
    return i === j ? 1 : 0;
  });
}

/** [n, n], as wide a spectrum as a condition number of `condition`, `share` of it from another matrix of the same kind. */
function moved(matrix: Float32Array, n: number, condition: number, share: number, seed: number) {
  const other = spdMatrix(n, condition, seed);
  return matrix.map((value, i) => (1 - share) * value + share * (other[i] ?? NaN));
}

const f32Inverse = (matrix: Float32Array, n: number) => Float32Array.from(spdInverseFloat64(matrix, n));

/** |I - A X|, its Frobenius norm, in float64. */
const frobenius = (matrix: Float32Array, x: Float32Array, n: number) =>
  inverseResidual(matrix, x, n) * Math.sqrt(n);

describe.each(Object.entries(variants))('a step behind an inversion, %s', (_, variant) => {
  test.each([
    { size: 32, n: 32, batch: 3 },
    { size: 33, n: 64, batch: 2 },
    { size: 96, n: 96, batch: 2 },
  ])('agrees with float64: $batch of size $size in $n', async ({ size, n, batch }) => {
    const gpu = variant(await testGpu());
    for (const condition of [10, 1e2, 1e4]) {
      const matrices = Array.from({ length: batch }, (_, i) =>
        padded(spdMatrix(size, condition, 10 * size + i), size, n),
      );
      const { before, after, status } = await polished(gpu, n, matrices);
      expect(status).toEqual(matrices.map(() => 0));
      matrices.forEach((matrix, i) => {
        expectInverse(matrix, after[i], n, residualBound(condition));
      });
      // Kept where it is measured to be better: as well as f32 can measure.
      matrices.forEach((matrix, i) => {
        const [old, kept] = [before[i], after[i]].map((x) => frobenius(matrix, x as Float32Array, n));
        expect(kept).toBeLessThan(1.25 * (old ?? NaN));
      });
      if (condition === 10) expect(after).not.toEqual(before);
      // What rounding adds here is a hundred times what it would mend: the step is not kept.
      if (condition === 1e4) expect(after).toEqual(before);
    }
  });
});

describe('a step behind an inversion', () => {
  test('squares the residual of an inverse that is worse than rounding', async () => {
    const gpu = await testGpu();
    const n = 64;
    const matrix = spdMatrix(n, 10, 3);
    const a = emptyRegion(gpu, 'A', n * n);
    const inverse = emptyRegion(gpu, 'inverse', n * n);
    upload(gpu, a, n, [matrix]);
    const rough = f32Inverse(moved(matrix, n, 10, 0.02, 4), n);
    upload(gpu, inverse, n, [rough]);
    await submit(gpu, polish(scratchOf(gpu), { label: 'polish', n, batch: 1, matrices: a, inverse }));
    const [x] = await readRegions(gpu, [inverse]);
    const [before, after] = [rough, new Float32Array(x ?? [])].map((X) => frobenius(matrix, X, n));
    expect(before).toBeGreaterThan(0.05);
    expect(after).toBeLessThan((before ?? NaN) ** 2);
    expect(after).toBeGreaterThan(0);
  });

  test('is not taken from what is no inverse, nor from NaN, and leaves neighbours alone', async () => {
    const gpu = await testGpu();
    const n = 32;
    const matrices = [1, 2, 3].map((seed) => spdMatrix(n, 1e2, seed));
    const [first, second, third] = matrices as [Float32Array, Float32Array, Float32Array];
    const rough = f32Inverse(first, n).map((value) => 0.9 * value);
    // |I - A X| of 2.5 A^-1 is 1.5 sqrt(32), and 2.25 sqrt(32) after a step.
    const wrong = f32Inverse(second, n).map((value) => 2.5 * value);
    const spoilt = f32Inverse(third, n).map((value, i) => (i === 5 ? NaN : value));
    const [a, inverse] = [emptyRegion(gpu, 'A', 3 * n * n), emptyRegion(gpu, 'inverse', 3 * n * n)];
    upload(gpu, a, n, matrices);
    upload(gpu, inverse, n, [rough, wrong, spoilt]);
    await submit(gpu, polish(scratchOf(gpu), { label: 'polish', n, batch: 3, matrices: a, inverse }));
    const [x] = await readRegions(gpu, [inverse]);
    const after = split(x, n, 3);
    expect(inverseResidual(first, after[0] as Float32Array, n)).toBeCloseTo(0.01, 4);
    expect(after[1]).toEqual(wrong);
    expect(after[2]).toEqual(spoilt);
  });
});

describe.each(Object.entries(variants))('a warm start, %s', (_, variant) => {
  test.each([
    { size: 32, n: 32, batch: 3 },
    { size: 33, n: 64, batch: 2 },
    { size: 96, n: 96, batch: 2 },
  ])('agrees with float64: $batch of size $size in $n', async ({ size, n, batch }) => {
    const gpu = variant(await testGpu());
    for (const condition of [10, 1e2]) {
      const old = Array.from({ length: batch }, (_, i) => spdMatrix(size, condition, 10 * size + i));
      // What moves a matrix moves it most where it is smallest.
      const now = old.map((matrix, i) => moved(matrix, size, condition, 0.4 / condition, 999 + i));
      const starts = old.map((matrix) => padded(f32Inverse(matrix, size), size, n));
      const matrices = now.map((matrix) => padded(matrix, size, n));
      matrices.forEach((matrix, i) => {
        expect(frobenius(matrix, starts[i] as Float32Array, n)).toBeGreaterThan(0.1);
      });
      const { inverses, accepted, status } = await round(gpu, n, matrices, starts);
      expect(accepted).toEqual(matrices.map(() => 1));
      expect(status).toEqual(matrices.map(() => 0));
      matrices.forEach((matrix, i) => {
        const x = inverses[i] ?? new Float32Array();
        expect(frobenius(matrix, x, n)).toBeLessThan(mostResidual);
        expect(relativeDistance(x, spdInverseFloat64(matrix, n))).toBeLessThan(mostResidual);
        expect(asymmetricEntries(x, n)).toBe(0);
        // Two steps, not what it started from.
        expect(frobenius(matrix, x, n)).toBeLessThan(frobenius(matrix, starts[i] as Float32Array, n) ** 2);
      });
    }
  });

  test('leaves to Cholesky what it cannot do, and each matrix of a batch to its own fate', async () => {
    const gpu = variant(await testGpu());
    const n = 64;
    const condition = 1e2;
    const matrices = Array.from({ length: 7 }, (_, i) => spdMatrix(n, condition, 50 + i));
    const near = (i: number) => f32Inverse(matrices[i] as Float32Array, n);
    const spoil = (values: Float32Array, value: number) => values.map((x, i) => (i === 70 ? value : x));
    const starts = [
      near(0),
      // Of another matrix, nothing at all, and numbers that are none.
      f32Inverse(spdMatrix(n, condition, 1), n),
      new Float32Array(n * n),
      spoil(near(3), NaN),
      spoil(near(4), Infinity),
      // A matrix without a pivot, from what was its inverse.
      near(5),
      near(6),
    ];
    const pivot = 40;
    matrices[5] = (matrices[5] as Float32Array).map((x, i) => (i === pivot * n + pivot ? -1 : x));
    const { inverses, accepted, status } = await round(gpu, n, matrices, starts);
    expect(accepted).toEqual([1, 0, 0, 0, 0, 0, 1]);
    expect(status).toEqual([0, 0, 0, 0, 0, pivot + 1, 0]);
    matrices.forEach((matrix, i) => {
      if (i !== 5) expectInverse(matrix, inverses[i], n, residualBound(condition));
    });
    // Those that fell back are what Cholesky alone gives, to the bit.
    const { before } = await polished(gpu, n, matrices);
    for (const i of [1, 2, 3, 4]) expect(inverses[i]).toEqual(before[i]);
    for (const i of [0, 6]) expect(inverses[i]).not.toEqual(before[i]);
  });
});

describe('a warm start', () => {
  test('is taken up to its bound and not beyond', async () => {
    const gpu = await testGpu();
    const n = 64;
    const matrix = spdMatrix(n, 1e2, 8);
    // From (1 - r) A^-1 the residual after two steps is r^4 I.
    const rest = (mostResidual / Math.sqrt(n)) ** (1 / 4);
    const starts = [0.98, 1.02].map((x) => f32Inverse(matrix, n).map((value) => (1 - x * rest) * value));
    const { accepted } = await round(gpu, n, [matrix, matrix], starts);
    expect(accepted).toEqual([1, 0]);
  });

  test('gives the same bits again', async () => {
    const gpu = await testGpu();
    const n = 96;
    const old = [1, 2, 3].map((seed) => spdMatrix(n, 1e2, seed));
    const matrices = old.map((matrix, i) => moved(matrix, n, 1e2, 0.005, 20 + i));
    const starts = [...old.slice(0, 2).map((matrix) => f32Inverse(matrix, n)), new Float32Array(n * n)];
    const once = await round(gpu, n, matrices, starts);
    expect(once.accepted).toEqual([1, 1, 0]);
    expect(await round(gpu, n, matrices, starts)).toEqual(once);
  });
});
