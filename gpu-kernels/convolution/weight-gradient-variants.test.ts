import { describe, expect, test } from 'vitest';
import { releaseScope, type AdapterClass } from '../device.ts';
import { noise } from '../matmul/test-product.ts';
import { Region } from '../region.ts';
import { emptyRegion, runAndRead, uploaded } from '../test-gpu.ts';
import { convolutionWeightGradient } from './convolution.ts';
import { imagePadding } from './padding.ts';
import {
  adjoint,
  gpuScope,
  limitedGpu,
  outputSize,
  shapeOf,
  withZeros,
  type Case,
} from './test-convolution.ts';
import {
  weightGradientCandidates,
  weightGradientLaunches,
  weightGradientProblem,
} from './weight-gradient-variants.ts';

/** Edges within a tile, in outputs and columns; numbers one by one and in whole quads; every way a window can walk. */
const cases = {
  'whole quads': { image: [2, 9, 7, 8], outputs: 21, kernel: [3, 3], padding: 1 },
  'odd sizes, stride 2': { image: [3, 7, 9, 5], outputs: 11, kernel: [3, 2], stride: 2, padding: 1 },
  'groups, dilation 2': {
    ...{ image: [1, 11, 8, 12], outputs: 10, kernel: [3, 3] },
    ...{ padding: [2, 1], dilation: [2, 1], groups: 2 },
  },
} as const satisfies Record<string, Case>;

async function check(c: Case, variant: string): Promise<void> {
  const gpu = await gpuScope();
  const shape = shapeOf(c);
  const [n, h, w, channels] = c.image;
  const count = (c.outputs * c.kernel[0] * c.kernel[1] * channels) / shape.groups;
  const random = (length: number, seed: number) => Float64Array.from(noise(length, seed));
  const image = random(n * h * w * channels, 1);
  const gradient = random(outputSize(c), 2);
  const args = {
    shape,
    image: uploaded(gpu, 'image', withZeros(image, imagePadding(shape))),
    // Behind the last pixel lies what must not be summed: four pixels are taken at a time.
    gradient: uploaded(gpu, 'gradient', [...gradient, ...random(4 * c.outputs, 3)]),
    weight: emptyRegion(gpu, 'weight', count),
    bias: emptyRegion(gpu, 'bias', c.outputs),
  };
  const scratch = (label: string, words: number) => emptyRegion(gpu, label, words);
  const launches = weightGradientLaunches({ gpu, scratch }, args, variant);
  if (variant !== 'plain') {
    const [, wx, wy, slices] = /(\d+)x(\d+) in (\d+)$/.exec(variant)!;
    expect(launches[0]!.code).toContain(`@workgroup_size(${wx}, ${wy})`);
    expect(launches[0]!.workgroups[2]).toBe(Number(slices));
  }
  const expected = adjoint(c, image, new Float64Array(count), gradient);
  const tolerance = (4e-6 * gradient.length) / c.outputs;
  for (const [region, values] of [
    [args.weight, expected.weight],
    [args.bias, expected.bias],
  ] as const) {
    const result = await runAndRead(gpu, launches, region);
    values.forEach((value, i) => expect(Math.abs(result[i]! - value)).toBeLessThan(tolerance));
  }
  releaseScope(gpu);
}

const tiles = ['4x1', '8x1', '4x2', '8x2'];

// The text of a tile is the same for all workgroups but for their size: each tile meets every case with one of them.
describe.each(Object.entries(cases))('is right: %s', (_, c) => {
  test.each(['plain', ...tiles.map((tile) => `${tile} 8x8 in 2`)])('%s', (variant) => check(c, variant));
});

describe('is right with other workgroups', () => {
  const all = Object.values(cases);
  const others = ['16x16 in 1', '16x4 in 2', '32x2 in 1', '64x1 in 2'].flatMap((rest, i) =>
    tiles.map((tile, j) => [`${tile} ${rest}`, all[(i + j) % all.length]!] as const),
  );
  test.each(others)('%s', (variant, c) => check(c, variant));
});

describe('candidates', () => {
  const large: Case = { image: [32, 32, 32, 64], outputs: 128, kernel: [3, 3], padding: 1 };
  const candidatesFor = (c: Case, gpu = limitedGpu()) => weightGradientCandidates(gpu, shapeOf(c));

  test('cut the pixels into slices for a small GPU and for a large one', () => {
    // 128 outputs by 144 quads: with the first tile 2 x 9 workgroups of 256 threads a slice.
    expect(candidatesFor(large)).toEqual([
      'plain',
      ...['4x1 16x16 in 2', '4x1 16x16 in 8', '4x1 16x4 in 2', '4x1 16x4 in 8'],
      ...['8x1 16x16 in 4', '8x1 16x16 in 16', '8x1 16x4 in 4', '8x1 16x4 in 16'],
      ...['4x2 16x16 in 4', '4x2 16x16 in 16', '4x2 16x4 in 4', '4x2 16x4 in 16'],
      ...['8x2 16x16 in 8', '8x2 16x16 in 32', '8x2 16x4 in 8', '8x2 16x4 in 32'],
    ]);
  });

  test('leave out what the plain tile does already', () => {
    // One workgroup of 16 x 4 threads makes all, in 256 slices for a small GPU: that is the plain one.
    const names = candidatesFor({ image: [64, 16, 16, 64], outputs: 16, kernel: [1, 1] });
    expect(names).toContain('4x1 16x4 in 1024');
    expect(names).not.toContain('4x1 16x4 in 256');
  });

  test('have no slices without pixels to sum, and no workgroups of twice the size', () => {
    // 16 outputs by 128 columns, summed over 32 pixels.
    expect(candidatesFor({ image: [1, 4, 9, 64], outputs: 16, kernel: [1, 2] })).toEqual([
      'plain',
      ...['4x1 32x2 in 2', '8x1 32x2 in 2', '4x2 16x4 in 2'],
    ]);
    expect(candidatesFor({ image: [1, 4, 8, 1], outputs: 1, kernel: [1, 1] })).toEqual(['plain']);
  });

  test('stay within the limits of the adapter, and within the memory that parts are worth', () => {
    const threads = candidatesFor(large, limitedGpu({ maxComputeInvocationsPerWorkgroup: 128 }));
    expect(threads.join()).not.toContain('16x16');
    expect(threads).toContain('8x2 8x8 in 8');
    // 2048 x 2304 numbers a slice, of which the largest tile leaves room for one.
    const huge = candidatesFor({ ...large, image: [8, 16, 16, 256], outputs: 2048 });
    expect(new Set(huge.map((name) => / in (\d+)$/.exec(name)?.[1]))).toEqual(new Set([undefined, '1']));
  });

  test('of a table give way to the plain one where they would take too much memory', () => {
    const slices = (c: Case, name: string): number => {
      const region = (label: string) => new Region(label, 4);
      const memory = { image: region('i'), gradient: region('g'), weight: region('w') };
      const lowering = { gpu: limitedGpu(), scratch: region };
      return weightGradientLaunches(lowering, { shape: shapeOf(c), ...memory }, name)[0]!.workgroups[2];
    };
    expect(slices(large, '8x2 16x16 in 64')).toBe(64);
    expect(slices(large, '8x2 16x16 in 1024')).toBe(slices(large, 'plain'));
    expect(slices(large, 'no such tile')).toBe(slices(large, 'plain'));
  });
});

describe('the key', () => {
  const c: Case = { image: [8, 20, 20, 12], outputs: 24, kernel: [3, 3], padding: 1 };
  const keyOf = (other: Partial<Case>, bias = true) =>
    weightGradientProblem(shapeOf({ ...c, ...other }), bias).key;

  test('is shared by gradients of about one size', () =>
    expect(keyOf({ image: [7, 19, 21, 12], outputs: 20, padding: 0 })).toBe(keyOf({})));

  test.each<Partial<Case>>([
    { image: [16, 20, 20, 12] },
    { image: [8, 20, 20, 36] },
    { image: [8, 20, 20, 13] },
    { outputs: 48 },
    { kernel: [3, 5] },
    { stride: [1, 2] },
    { dilation: 2 },
    { groups: 2 },
  ])('tells %j', (other) => expect(keyOf(other)).not.toBe(keyOf({})));

  test('tells sums for a bias from none', () => expect(keyOf({}, false)).not.toBe(keyOf({})));
});

describe('the choice', () => {
  const shape = shapeOf({ image: [4, 16, 16, 16], outputs: 64, kernel: [3, 3], padding: 1 });
  const { key } = weightGradientProblem(shape, false);

  async function lowered(table: unknown, adapterClass: AdapterClass = 'gpu', of = shape) {
    const gpu = { ...(await gpuScope()), adapterClass };
    gpu.choices.load(table);
    const region = (label: string) => new Region(label, 4);
    const args = { shape: of, image: region('i'), gradient: region('g'), weight: region('w') };
    const asked = gpu.choices.undecided(() => convolutionWeightGradient({ gpu, scratch: region }, args));
    releaseScope(gpu);
    return { grid: asked.result[0]!.workgroups, asked: asked.problems.map((problem) => problem.key) };
  }

  test('is that of the table', async () =>
    expect(await lowered({ [key]: '8x2 8x8 in 32' })).toEqual({ grid: [3, 1, 32], asked: [] }));

  test('is plain and noted where the table has none, or a foreign one', async () => {
    // 64 outputs by 36 quads in 4 x 3 workgroups of the plain tile, and so 22 slices of 48 pixels.
    const noted = { grid: [3, 4, 22], asked: [key] };
    expect(await lowered({})).toEqual(noted);
    expect(await lowered({ [key]: '8x4 16x4' })).toEqual(noted);
  });

  test('is never asked for on a software adapter, nor for groups of few channels', async () => {
    const { asked, grid } = await lowered({ [key]: '8x2 8x8 in 32' }, 'software');
    expect(asked).toEqual([]);
    expect(grid).toEqual((await lowered({}, 'software')).grid);
    const small = shapeOf({ image: [4, 16, 16, 16], outputs: 16, kernel: [3, 3], groups: 4 });
    expect((await lowered({}, 'gpu', small)).asked).toEqual([]);
  });
});
