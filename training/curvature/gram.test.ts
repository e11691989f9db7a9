/**
 * Second moments of rows against a float64 reference: every small size, odd widths, the column of ones, padding; and of
 * some columns, of the rows that count, of weighted rows.
 */
import { describe, expect, it } from 'vitest';
import type { AdapterClass, GpuContext } from '../../gpu-kernels/device.ts';
import { record, replay, type Dispatch } from '../../gpu-kernels/dispatch.ts';
import { readRegions } from '../../gpu-kernels/readback.ts';
import type { Region } from '../../gpu-kernels/region.ts';
import { emptyRegion, testGpu, uploaded } from '../../gpu-kernels/test-gpu.ts';
import { expectClose, f32Tolerance, noise } from '../program/test-program.ts';
import { gram } from './gram.ts';
import { paddedSide } from './padding.ts';

interface Case {
  rows: number;
  width: number;
  ones: boolean;
  accumulate: boolean;
  /** Columns before and behind those that are taken. */
  around?: [number, number];
  /** Rows that count. */
  limit?: number;
  weighted?: boolean;
  scale?: number;
}

const weightOf = (row: number) => (row * 5) % 4;
const alpha = 0.375;

/** Rubbish that must be overwritten, or for `accumulate` numbers to be added to, with zero padding. */
function before({ width, ones, accumulate }: Case): Float64Array {
  const size = width + (ones ? 1 : 0);
  const padded = paddedSide(size);
  const values = noise(padded * padded, 7);
  if (!accumulate) return values.fill(1e6);
  return values.map((value, i) => (Math.floor(i / padded) < size && i % padded < size ? value : 0));
}

function reference(one: Case, x: Float64Array): Float64Array {
  const { rows, width, ones, accumulate, around = [0, 0], limit = rows, weighted = false, scale = 1 } = one;
  const size = width + (ones ? 1 : 0);
  const padded = paddedSide(size);
  const stride = around[0] + width + around[1];
  const at = (row: number, column: number) =>
    (weighted ? weightOf(row) : 1) * (column < width ? (x[row * stride + around[0] + column] ?? NaN) : 1);
  const result = accumulate ? before(one) : new Float64Array(padded * padded);
  for (let i = 0; i < size; i++) {
    for (let j = 0; j < size; j++) {
      let sum = 0;
      for (let row = 0; row < Math.min(rows, limit); row++) sum += at(row, i) * at(row, j);
      result[i * padded + j] = (result[i * padded + j] ?? NaN) + scale * alpha * sum;
    }
  }
  return result;
}

interface Prepared {
  one: Case;
  x: Float64Array;
  factor: Region;
  dispatches: Dispatch[];
}

function prepare(gpu: GpuContext, one: Case): Prepared {
  const { rows, width, around = [0, 0], limit, weighted, scale } = one;
  const stride = around[0] + width + around[1];
  const x = noise(rows * stride, width + 100 * rows);
  const factor = uploaded(gpu, 'factor', before(one));
  const dispatches = gram(gpu, {
    label: 'gram',
    x: uploaded(gpu, 'x', x),
    ...{ rows, width, stride, first: around[0], ones: one.ones, accumulate: one.accumulate },
    ...(limit === undefined
      ? {}
      : { limit: { region: uploaded(gpu, 'counts', Uint32Array.of(7, limit)), at: 1 } }),
    ...(weighted
      ? {
          weights: uploaded(
            gpu,
            'weights',
            Float32Array.from({ length: rows }, (_, r) => weightOf(r)),
          ),
        }
      : {}),
    ...(scale === undefined ? {} : { scale: uploaded(gpu, 'scale', Float32Array.of(scale)) }),
    factor,
    padded: paddedSide(one.width + (one.ones ? 1 : 0)),
    alpha,
    scratch: (label, words) => {
      const region = emptyRegion(gpu, label, words);
      gpu.device.queue.writeBuffer(region.buffer, 0, new Float32Array(words).fill(1e6));
      return region;
    },
  });
  return { one, x, factor, dispatches };
}

/** Runs all cases in one pass; answers how many launches each took. */
async function check(cases: readonly Case[], adapterClass?: AdapterClass): Promise<number[]> {
  const real = await testGpu();
  const gpu = { ...real, adapterClass: adapterClass ?? real.adapterClass };
  const prepared = cases.map((one) => prepare(gpu, one));
  const recorded = await record(
    gpu,
    prepared.flatMap(({ dispatches }) => dispatches),
  );
  const encoder = gpu.device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  replay(pass, recorded);
  pass.end();
  gpu.device.queue.submit([encoder.finish()]);
  const results = await readRegions(
    gpu,
    prepared.map(({ factor }) => factor),
  );
  prepared.forEach(({ one, x }, i) => {
    const got = new Float32Array(results[i] ?? new ArrayBuffer(0));
    const what = JSON.stringify(one);
    expectClose(got, reference(one, x), f32Tolerance, what);
    expectSymmetric(got, one, what);
  });
  return prepared.map(({ dispatches }) => dispatches.length);
}

/** Exactly symmetric, and exactly zero beyond the matrix. */
function expectSymmetric(got: Float32Array, { width, ones, accumulate }: Case, what: string): void {
  const size = width + (ones ? 1 : 0);
  const padded = paddedSide(size);
  const wrong: string[] = [];
  got.forEach((value, at) => {
    const [i, j] = [Math.floor(at / padded), at % padded];
    if (i >= size || j >= size) {
      if (value !== 0) wrong.push(`padding ${i}, ${j}`);
      // What is added to is not symmetric in these cases.
    } else if (!accumulate && value !== got[j * padded + i]) wrong.push(`${i}, ${j} is not ${j}, ${i}`);
  });
  expect(wrong, what).toEqual([]);
}

const widths = Array.from({ length: 70 }, (_, i) => i + 1);
const rowsOf = (width: number) => 1 + ((width * 11) % 37);

describe('gram', () => {
  it.each([
    { ones: false, accumulate: false },
    { ones: true, accumulate: false },
    { ones: false, accumulate: true },
    { ones: true, accumulate: true },
  ])('is right for every width up to 70: %o', async (options) => {
    await check(widths.map((width) => ({ rows: rowsOf(width), width, ...options })));
  });

  it('splits the rows of a small matrix on hardware adapters and adds the slices up', async () => {
    // Rows that fill the slices evenly, and rows that leave the last ones short or empty.
    const cases = [1, 3, 4, 7, 8, 31, 32, 67].flatMap((width) =>
      [64, 65, 97, 290, 1000].flatMap((rows) =>
        [false, true].map((ones) => ({ rows, width, ones, accumulate: rows % 2 === 0 })),
      ),
    );
    const launches = await check(cases, 'gpu');
    expect(Math.min(...launches)).toBeGreaterThan(1);
  });

  it.each(['software', 'gpu'] as const)(
    'takes some columns of the rows that count, weighted and scaled, as on %s',
    async (adapterClass) => {
      const sizes = [4, 5, 12, 33].flatMap((width) => [40, 130].map((rows) => ({ rows, width })));
      const options: Partial<Case>[] = [
        { around: [4, 8] },
        { around: [3, 2] },
        { around: [8, 1], ones: true },
        { limit: 0, ones: true },
        { limit: 37, ones: true },
        { limit: 1000 },
        { weighted: true, ones: true },
        { scale: 0.25 },
        { around: [4, 4], limit: 33, weighted: true, scale: 0.5, ones: true, accumulate: true },
      ];
      await check(
        sizes.flatMap((size) =>
          options.map((option) => ({ ones: false, accumulate: false, ...size, ...option })),
        ),
        adapterClass,
      );
    },
  );

  it('shares rows over four lanes on software adapters, in slices where the matrix is small', async () => {
    const sizes = [24, 28, 32, 36, 64, 68, 144].flatMap((width) =>
      [64, 66, 257, 530, 1027].map((rows) => ({ rows, width })),
    );
    const options: Partial<Case>[] = [
      {},
      { ones: true, accumulate: true },
      { around: [4, 8], weighted: true, ones: true },
      { scale: 0.25, accumulate: true },
    ];
    const launches = await check(
      sizes.flatMap((size) =>
        options.map((option) => ({ ones: false, accumulate: false, ...size, ...option })),
      ),
      'software',
    );
    expect(new Set(launches)).toEqual(new Set([1, 2]));
  });

  it('keeps to one launch where nothing is gained by splitting', async () => {
    const launches = await check(
      [
        { rows: 63, width: 5, ones: true, accumulate: false },
        { rows: 40, width: 70, ones: false, accumulate: false },
      ],
      'gpu',
    );
    expect(launches).toEqual([1, 1]);
  });
});
