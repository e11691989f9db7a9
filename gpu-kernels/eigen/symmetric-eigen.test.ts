import { describe, expect, test } from 'vitest';
import type { GpuContext } from '../device.ts';
import { record, replay } from '../dispatch.ts';
import { readRegions } from '../readback.ts';
import { seededUniform, spdMatrix } from '../spd-inverse/test-support.ts';
import { emptyRegion, testGpu } from '../test-gpu.ts';
import { eigenStatus, symmetricEigen } from './symmetric-eigen.ts';
import { eigenResidual, jacobiEigen, orthogonality } from './test-support.ts';

const variants = {
  'as chosen for this adapter': (gpu: GpuContext) => gpu,
  gpu: (gpu: GpuContext): GpuContext => ({ ...gpu, adapterClass: 'gpu', fourLaneSubgroups: false }),
};

/** What f32 arithmetic may lose, relative to the largest eigenvalue. */
const bound = 1e-5;

interface Decomposed {
  values: Float32Array[];
  vectors: Float32Array[];
  status: number[];
}

async function decompose(gpu: GpuContext, n: number, inputs: Float32Array[]): Promise<Decomposed> {
  const batch = inputs.length;
  const matrices = emptyRegion(gpu, 'matrices', batch * n * n);
  const vectors = emptyRegion(gpu, 'vectors', batch * n * n);
  const values = emptyRegion(gpu, 'values', batch * n);
  const status = emptyRegion(gpu, 'status', batch);
  const scratch = (label: string, words: number) => emptyRegion(gpu, label, words);
  const launches = await record(
    gpu,
    symmetricEigen(gpu, { label: 'test', n, batch, matrices, vectors, values, status, scratch }),
  );
  // What an earlier use left behind must not matter.
  const dirt = new Float32Array(batch * n * n).fill(NaN);
  gpu.device.queue.writeBuffer(vectors.buffer, vectors.offset, dirt);
  inputs.forEach((input, i) => {
    const bytes = input as Float32Array<ArrayBuffer>;
    gpu.device.queue.writeBuffer(matrices.buffer, matrices.offset + i * n * n * 4, bytes);
  });
  const encoder = gpu.device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  replay(pass, launches);
  pass.end();
  gpu.device.queue.submit([encoder.finish()]);
  const [q, l, s] = await readRegions(gpu, [vectors, values, status]);
  const split = (bytes: ArrayBuffer | undefined, size: number) => {
    const all = new Float32Array(bytes ?? new ArrayBuffer(0));
    return inputs.map((_, i) => all.slice(i * size, (i + 1) * size));
  };
  return { values: split(l, n), vectors: split(q, n * n), status: [...new Uint32Array(s ?? [])] };
}

const sorted = (values: ArrayLike<number>) => Float64Array.from(values).sort();

function expectDecomposition(matrix: Float32Array, n: number, result: Decomposed, index: number): void {
  const [values, vectors] = [result.values[index] ?? [], result.vectors[index] ?? []];
  expect(result.status[index]).toBe(eigenStatus.converged);
  expect(orthogonality(vectors, n)).toBeLessThanOrEqual(bound);
  expect(eigenResidual(matrix, n, values, vectors)).toBeLessThanOrEqual(bound);
  const expected = sorted(jacobiEigen(matrix, n).values);
  const largest = expected.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
  sorted(values).forEach((value, i) => {
    expect(Math.abs(value - (expected[i] ?? NaN))).toBeLessThanOrEqual(bound * largest);
  });
}

const square = (n: number, entry: (i: number, j: number) => number) =>
  Float32Array.from({ length: n * n }, (_, at) => entry(Math.floor(at / n), at % n));

/** X X^T of `rank` random columns: the other eigenvalues are zero, as those of most Kronecker factors. */
function lowRank(n: number, rank: number, seed: number): Float32Array {
  const uniform = seededUniform(seed);
  const x = Array.from({ length: n }, () => Array.from({ length: rank }, () => uniform() - 0.5));
  return square(n, (i, j) => {
    let sum = 0;
    for (let r = 0; r < rank; r++) sum += (x[i]?.[r] ?? NaN) * (x[j]?.[r] ?? NaN);
    return sum;
  });
}

const times = (matrix: Float32Array, factor: number) => matrix.map((x) => x * factor);

/** The matrix in the upper left corner of a larger one. */
const padded = (matrix: Float32Array, size: number, n: number) =>
  square(n, (i, j) => (i < size && j < size ? (matrix[i * size + j] ?? NaN) : 0));

/** Matrices of side n that each go wrong in a decomposition of its own kind. */
function difficult(n: number): Record<string, Float32Array> {
  const spd = spdMatrix(n, 1e3, 7 * n);
  return {
    'well conditioned': spdMatrix(n, 10, n),
    'condition 1e6': spdMatrix(n, 1e6, n + 1),
    indefinite: square(n, (i, j) => (spd[i * n + j] ?? NaN) - (i === j ? 0.3 : 0)),
    identity: square(n, (i, j) => (i === j ? 1 : 0)),
    zero: new Float32Array(n * n),
    diagonal: square(n, (i, j) => (i === j ? 1 + ((i * 7) % n) : 0)),
    'all ones': new Float32Array(n * n).fill(1),
    'rank 2': lowRank(n, 2, n + 2),
    'half rank': lowRank(n, n / 2, n + 3),
    'two values, each half of the time': square(n, (i, j) => {
      // I - 2 v v^T on blocks of two: eigenvalues +1 and -1.
      return Math.floor(i / 2) === Math.floor(j / 2) ? (i === j ? 0.28 * (i % 2 === 0 ? -1 : 1) : 0.96) : 0;
    }),
    tridiagonal: square(n, (i, j) => (i === j ? 2 : Math.abs(i - j) === 1 ? -1 : 0)),
    tiny: times(spd, 1e-30),
    huge: times(spd, 1e30),
    padded: padded(spdMatrix(n - 3, 100, n + 4), n - 3, n),
    'one entry': padded(Float32Array.of(5), 1, n),
  };
}

describe.each(Object.entries(variants))('symmetric eigendecomposition, %s', (_, variant) => {
  test.each([4, 8, 36, 64])('of all kinds of matrices of side %i', async (n) => {
    const gpu = variant(await testGpu());
    const matrices = Object.values(difficult(n));
    const result = await decompose(gpu, n, matrices);
    matrices.forEach((matrix, i) => {
      expectDecomposition(matrix, n, result, i);
    });
  });

  test('of larger matrices, whose launches are cut', async () => {
    const gpu = variant(await testGpu());
    const n = 224;
    const matrices = [1, 2, 3].map((seed) => spdMatrix(n, 1e4, seed));
    const result = await decompose(gpu, n, matrices);
    matrices.forEach((matrix, i) => {
      const [values, vectors] = [result.values[i] ?? [], result.vectors[i] ?? []];
      expect(orthogonality(vectors, n)).toBeLessThanOrEqual(bound);
      expect(eigenResidual(matrix, n, values, vectors)).toBeLessThanOrEqual(bound);
    });
  });

  test('of random batches', async () => {
    const gpu = variant(await testGpu());
    const uniform = seededUniform(99);
    for (let trial = 0; trial < 6; trial++) {
      const n = 4 * (1 + Math.floor(uniform() * 12));
      const matrices = Array.from({ length: 1 + Math.floor(uniform() * 6) }, (_, i) =>
        uniform() < 0.5
          ? spdMatrix(n, 10 ** (6 * uniform()), 1000 * trial + i)
          : lowRank(n, 1 + Math.floor(uniform() * n), 1000 * trial + i),
      );
      const result = await decompose(gpu, n, matrices);
      matrices.forEach((matrix, i) => {
        expectDecomposition(matrix, n, result, i);
      });
    }
  });

  test('keeps padding apart from the rest', async () => {
    const gpu = variant(await testGpu());
    const [size, n] = [29, 32];
    const { vectors, values } = await decompose(gpu, n, [padded(spdMatrix(size, 50, 3), size, n)]);
    for (let j = 0; j < n; j++) {
      const row = vectors[0]?.slice(j * n, (j + 1) * n) ?? new Float32Array();
      const inside = row.slice(0, size).some((x) => x !== 0);
      const outside = row.slice(size).some((x) => x !== 0);
      expect(inside).toBe(j < size);
      expect(outside).toBe(j >= size);
      if (outside) expect(values[0]?.[j]).toBe(0);
    }
  });

  test('gives the same bits every time', async () => {
    const gpu = variant(await testGpu());
    const matrices = [spdMatrix(48, 1e3, 5), lowRank(48, 9, 6)];
    expect(await decompose(gpu, 48, matrices)).toEqual(await decompose(gpu, 48, matrices));
  });

  test.each([NaN, Infinity, -Infinity])('names the matrix that contains %d and no other', async (value) => {
    const gpu = variant(await testGpu());
    const n = 16;
    const matrices = [1, 2, 3].map((seed) => spdMatrix(n, 100, seed));
    const bad = matrices[1] ?? new Float32Array();
    bad[5] = value;
    bad[5 * n] = value;
    const result = await decompose(gpu, n, matrices);
    expect(result.status).toEqual([eigenStatus.converged, eigenStatus.notFinite, eigenStatus.converged]);
    for (const good of [0, 2]) expectDecomposition(matrices[good] ?? new Float32Array(), n, result, good);
    expect(result.values[1]?.every(Number.isFinite)).toBe(true);
    expect(orthogonality(result.vectors[1] ?? [], n)).toBeLessThanOrEqual(bound);
  });
});

describe('symmetric eigendecomposition, arguments', () => {
  const withSizes = async (n: number, batch: number, words: number) => {
    const gpu = await testGpu();
    const region = () => emptyRegion(gpu, 'region', words);
    const [matrices, vectors, values, status] = [region(), region(), region(), region()];
    const scratch = (label: string, count: number) => emptyRegion(gpu, label, count);
    return () => symmetricEigen(gpu, { label: 'test', n, batch, matrices, vectors, values, status, scratch });
  };

  test.each([
    { n: 6, batch: 1, words: 64, error: 'size 6 must be a positive multiple of 4' },
    { n: 0, batch: 1, words: 64, error: 'size 0 must be a positive multiple of 4' },
    { n: 8, batch: 0, words: 64, error: '0 matrices; at least 1' },
    { n: 8, batch: 2, words: 64, error: 'matrices has 256 bytes; 2 of size 8 need 512' },
  ])('refuses $batch of size $n in $words words', async ({ n, batch, words, error }) => {
    expect(await withSizes(n, batch, words)).toThrow(error);
  });
});
