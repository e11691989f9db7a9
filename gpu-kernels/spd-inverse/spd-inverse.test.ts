import { describe, expect, test } from 'vitest';
import type { GpuContext } from '../device.ts';
import { record, replay } from '../dispatch.ts';
import { readRegions } from '../readback.ts';
import { Region } from '../region.ts';
import { emptyRegion, testGpu } from '../test-gpu.ts';
import { spdInverse } from './spd-inverse.ts';
import {
  asymmetricEntries,
  relativeDistance,
  inverseResidual,
  spdInverseFloat64,
  spdMatrix,
  variants,
} from './test-support.ts';

/** Rounding of f32 times the condition number, which is what a backward stable inverse may lose. */
const residualBound = (condition: number) => 5e-8 * condition;

interface Inverted {
  inverses: Float32Array[];
  status: number[];
}

/** Records the launches once; every call of the result uploads fresh matrices and replays. */
async function recorded(
  gpu: GpuContext,
  n: number,
  batch: number,
): Promise<(matrices: Float32Array[]) => Promise<Inverted>> {
  const matrices = emptyRegion(gpu, 'matrices', batch * n * n);
  const inverse = emptyRegion(gpu, 'inverse', batch * n * n);
  const status = emptyRegion(gpu, 'status', batch);
  const launches = await record(gpu, spdInverse(gpu, { label: 'test', n, batch, matrices, inverse, status }));
  return async (inputs) => {
    inputs.forEach((matrix, i) => {
      gpu.device.queue.writeBuffer(
        matrices.buffer,
        matrices.offset + i * n * n * 4,
        withoutUpperTriangle(matrix, n),
      );
    });
    const encoder = gpu.device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    replay(pass, launches);
    pass.end();
    gpu.device.queue.submit([encoder.finish()]);
    const [x, s] = await readRegions(gpu, [inverse, status]);
    const all = new Float32Array(x ?? new ArrayBuffer(0));
    return {
      inverses: inputs.map((_, i) => all.slice(i * n * n, (i + 1) * n * n)),
      status: [...new Uint32Array(s ?? new ArrayBuffer(0))],
    };
  };
}

async function invert(gpu: GpuContext, n: number, matrices: Float32Array[]): Promise<Inverted> {
  const run = await recorded(gpu, n, matrices.length);
  return run(matrices);
}

/** NaN above the diagonal: proof that nothing reads it. */
function withoutUpperTriangle(matrix: Float32Array, n: number): Float32Array<ArrayBuffer> {
  return Float32Array.from(matrix, (value, i) => (i % n > Math.floor(i / n) ? NaN : value));
}

function batchOf(n: number, batch: number, condition: number): Float32Array[] {
  return Array.from({ length: batch }, (_, i) => spdMatrix(n, condition, 100 * n + i));
}

function expectInverse(
  matrix: Float32Array,
  inverse: Float32Array | undefined,
  n: number,
  condition: number,
): void {
  const x = inverse ?? new Float32Array();
  expect(inverseResidual(matrix, x, n)).toBeLessThanOrEqual(residualBound(condition));
  expect(relativeDistance(x, spdInverseFloat64(matrix, n))).toBeLessThanOrEqual(residualBound(condition));
  expect(asymmetricEntries(x, n)).toBe(0);
}

const changed = (matrix: Float32Array, index: number, value: number) => {
  const copy = matrix.slice();
  copy[index] = value;
  return copy;
};

describe.each(Object.entries(variants))('SPD inverse, %s', (_, variant) => {
  test.each([
    { n: 32, batch: 7 },
    { n: 64, batch: 5 },
    { n: 96, batch: 3 },
    { n: 160, batch: 2 },
  ])('agrees with float64: $batch of size $n', async ({ n, batch }) => {
    const gpu = variant(await testGpu());
    for (const condition of [1e2, 1e4]) {
      const matrices = batchOf(n, batch, condition);
      const { inverses, status } = await invert(gpu, n, matrices);
      expect(status).toEqual(matrices.map(() => 0));
      matrices.forEach((matrix, i) => expectInverse(matrix, inverses[i], n, condition));
    }
  });

  test('a matrix that is not positive definite sets its own status word and leaves its neighbours alone', async () => {
    const gpu = variant(await testGpu());
    const n = 96;
    const [first, second, third] = batchOf(n, 3, 1e2) as [Float32Array, Float32Array, Float32Array];
    const pivot = 70;
    const { inverses, status } = await invert(gpu, n, [first, changed(second, pivot * n + pivot, -1), third]);
    expect(status).toEqual([0, pivot + 1, 0]);
    expectInverse(first, inverses[0], n, 1e2);
    expectInverse(third, inverses[2], n, 1e2);
  });

  test.each([
    { what: 'NaN on the diagonal', row: 40, column: 40, value: NaN },
    { what: 'NaN below the diagonal, in an earlier block column', row: 50, column: 3, value: NaN },
    { what: 'infinity', row: 5, column: 5, value: Infinity },
    { what: 'minus infinity below the diagonal', row: 63, column: 62, value: -Infinity },
    { what: 'a zero pivot', row: 0, column: 0, value: 0 },
  ])('$what is reported at the pivot of its row', async ({ row, column, value }) => {
    const gpu = variant(await testGpu());
    const n = 64;
    const [good, other] = batchOf(n, 2, 1e2) as [Float32Array, Float32Array];
    const { inverses, status } = await invert(gpu, n, [changed(other, row * n + column, value), good]);
    expect(status).toEqual([row + 1, 0]);
    expectInverse(good, inverses[1], n, 1e2);
  });
});

test('agrees with float64 for size 256', async () => {
  const gpu = await testGpu();
  for (const condition of [1e2, 1e4]) {
    const matrices = batchOf(256, 2, condition);
    const { inverses, status } = await invert(gpu, 256, matrices);
    expect(status).toEqual([0, 0]);
    matrices.forEach((matrix, i) => expectInverse(matrix, inverses[i], 256, condition));
  }
});

test('a block padded with the identity gives its own inverse, and the identity for the rest', async () => {
  const gpu = await testGpu();
  const [size, n] = [33, 64];
  const block = spdMatrix(size, 1e2, 5);
  const padded = Float32Array.from({ length: n * n }, (_, index) => {
    const [i, j] = [Math.floor(index / n), index % n];
    if (i < size && j < size) return block[i * size + j] ?? NaN;
    return i === j ? 1 : 0;
  });
  const { inverses, status } = await invert(gpu, n, [padded]);
  expect(status).toEqual([0]);
  const inverse = inverses[0] ?? new Float32Array();
  const inner = Float32Array.from(
    { length: size * size },
    (_, index) => inverse[Math.floor(index / size) * n + (index % size)] ?? NaN,
  );
  expectInverse(block, inner, size, 1e2);
  const outside = [...inverse].filter((_, index) => Math.floor(index / n) >= size || index % n >= size);
  expect(outside.filter((value) => value === 1)).toHaveLength(n - size);
  expect(outside.filter((value) => value === 0)).toHaveLength(outside.length - (n - size));
});

test('a large batch', async () => {
  const gpu = await testGpu();
  const matrices = batchOf(32, 64, 1e2);
  const { inverses, status } = await invert(gpu, 32, matrices);
  expect(status).toEqual(matrices.map(() => 0));
  matrices.forEach((matrix, i) => expectInverse(matrix, inverses[i], 32, 1e2));
});

test('the same recorded launches give the same bits for the same matrices, and forget a failure', async () => {
  const gpu = await testGpu();
  const n = 96;
  const matrices = batchOf(n, 2, 1e4);
  const [first, second] = matrices as [Float32Array, Float32Array];
  const run = await recorded(gpu, n, 2);
  const once = await run(matrices);
  const failing = await run([changed(first, 0, -1), second]);
  const again = await run(matrices);
  expect(failing.status).toEqual([1, 0]);
  expect(failing.inverses[1]).toEqual(once.inverses[1]);
  expect(again).toEqual(once);
  expect(once.status).toEqual([0, 0]);
});

test('all regions may lie in one buffer', async () => {
  const gpu = await testGpu();
  const [n, matrix] = [64, spdMatrix(64, 1e2, 9)];
  const whole = emptyRegion(gpu, 'arena', 2 * n * n + 64);
  const part = (label: string, word: number, words: number) => {
    const region = new Region(label, words * 4);
    region.locate(whole.buffer, whole.offset + word * 4);
    return region;
  };
  const [matrices, inverse, status] = [
    part('matrices', 0, n * n),
    part('inverse', n * n, n * n),
    part('status', 2 * n * n, 1),
  ];
  gpu.device.queue.writeBuffer(whole.buffer, whole.offset, new Float32Array(matrix));
  const launches = await record(
    gpu,
    spdInverse(gpu, { label: 'arena', n, batch: 1, matrices, inverse, status }),
  );
  const encoder = gpu.device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  replay(pass, launches);
  pass.end();
  gpu.device.queue.submit([encoder.finish()]);
  const [x] = await readRegions(gpu, [inverse]);
  expectInverse(matrix, new Float32Array(x ?? new ArrayBuffer(0)), n, 1e2);
});

test('few launches, and one set of kernels for all sizes and batches', async () => {
  const gpu = await testGpu();
  const launches = (n: number, batch: number) =>
    spdInverse(gpu, {
      label: 'count',
      n,
      batch,
      matrices: new Region('matrices', batch * n * n * 4),
      inverse: new Region('inverse', batch * n * n * 4),
      status: new Region('status', batch * 4),
    });
  expect([32, 64, 256, 1024].map((n) => launches(n, 2).length)).toEqual([2, 6, 24, 96]);
  const kernels = new Set(
    [...launches(32, 1), ...launches(64, 3), ...launches(512, 7)].map((launch) => launch.code),
  );
  expect(kernels.size).toBe(4);
});

test('refuses sizes and regions that do not fit', async () => {
  const gpu = await testGpu();
  const region = new Region('small', 32 * 32 * 4);
  const of = (n: number, batch: number) => () =>
    spdInverse(gpu, { label: 'layer 1 A', n, batch, matrices: region, inverse: region, status: region });
  expect(of(33, 1)).toThrow('layer 1 A: size 33 must be a positive multiple of 32');
  expect(of(32, 0)).toThrow('layer 1 A: 0 matrices; at least 1 is needed');
  expect(of(32, 2)).toThrow('layer 1 A: matrices has 4096 bytes; 2 of size 32 need 8192');
});
