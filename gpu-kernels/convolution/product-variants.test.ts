import { describe, expect, test } from 'vitest';
import { releaseScope, type AdapterClass } from '../device.ts';
import { regionWriter } from '../dispatch.ts';
import { noise } from '../matmul/test-product.ts';
import { Region, uploadTable } from '../region.ts';
import { emptyRegion, runAndRead, uploaded } from '../test-gpu.ts';
import { convolutionForward, convolutionInputGradient } from './convolution.ts';
import { forwardProduct, gradientProduct, stepsOf, type ProductShape } from './gather-product.ts';
import { productCandidates, productLaunches, productProblem, productVariants } from './product-variants.ts';
import {
  adjoint,
  gpuScope,
  limitedGpu,
  outputSize,
  reference,
  shapeOf,
  withZeros,
  type Case,
} from './test-convolution.ts';

/** Edges within a tile, in rows and outputs; numbers one by one and in whole quads; every way a window can walk. */
const cases = {
  'whole quads': { image: [2, 9, 7, 8], outputs: 36, kernel: [3, 3], padding: 1 },
  'odd sizes, stride 2': { image: [3, 7, 9, 5], outputs: 11, kernel: [3, 2], stride: 2, padding: 1 },
  'groups, dilation 2': {
    ...{ image: [1, 11, 8, 6], outputs: 8, kernel: [3, 3] },
    ...{ padding: [2, 1], dilation: [2, 1], groups: 2 },
  },
  'stride that skips pixels': { image: [2, 10, 8, 4], outputs: 20, kernel: [1, 2], stride: [3, 2] },
} as const satisfies Record<string, Case>;

async function check(c: Case, variant: string): Promise<void> {
  const gpu = await gpuScope();
  const shape = shapeOf(c);
  const [n, h, w, channels] = c.image;
  const taps = (c.kernel[0] * c.kernel[1] * channels) / shape.groups;
  const random = (count: number, seed: number) => Float64Array.from(noise(count, seed));
  const image = random(n * h * w * channels, 1);
  const weight = random(c.outputs * taps, 2);
  const bias = random(c.outputs, 3);
  const gradient = random(outputSize(c), 4);

  const run = async (product: ProductShape, source: Float64Array, words: number, withBias: boolean) => {
    const steps = stepsOf(product);
    const result = emptyRegion(gpu, 'result', words);
    const launches = productLaunches(
      { gpu, scratch: (label, count) => emptyRegion(gpu, label, count) },
      {
        ...product,
        steps,
        table: uploadTable(gpu, 'steps', steps.table),
        source: uploaded(gpu, 'source', withZeros(source, product.padding)),
        weight: uploaded(gpu, 'weight', weight),
        bias: withBias ? uploaded(gpu, 'bias', bias) : undefined,
        store: (unit) => regionWriter('result', result, unit === 4 ? 'vec4f' : 'f32'),
      },
      variant,
    );
    if (variant !== 'plain') {
      const [, wx, wy] = /(\d+)x(\d+)$/.exec(variant)!;
      expect(launches[1]!.code).toContain(`@workgroup_size(${wx}, ${wy})`);
    }
    return runAndRead(gpu, launches, result);
  };
  const expectClose = (values: Float32Array, expected: Float64Array, terms: number): void =>
    expected.forEach((value, i) => expect(Math.abs(values[i]! - value)).toBeLessThan(4e-6 * terms));
  expectClose(
    await run(forwardProduct(shape), image, gradient.length, true),
    reference(c, image, weight, bias),
    taps,
  );
  expectClose(
    await run(gradientProduct(shape), gradient, image.length, false),
    adjoint(c, image, weight, gradient).image,
    (taps * c.outputs) / channels,
  );
  releaseScope(gpu);
}

// The text of a tile is the same for all workgroups but for their size: each tile meets every case with one of them.
describe.each(Object.entries(cases))('is right: %s', (_, c) => {
  const named = productVariants.filter((name) => name.endsWith(' 8x8') || name === 'plain');
  test.each(named)('%s', (variant) => check(c, variant));
});

describe('is right with other workgroups', () => {
  const others = productVariants.filter((name) => !name.endsWith(' 8x8') && name !== 'plain');
  const all = Object.values(cases);
  test.each(others.map((name, i) => [name, all[i % all.length]!] as const))('%s', (variant, c) =>
    check(c, variant),
  );
});

const candidatesFor = (c: Case, gpu = limitedGpu()): string[] => {
  const product = forwardProduct(shapeOf(c));
  return productCandidates(gpu, product, stepsOf(product));
};

describe('candidates', () => {
  const large: Case = { image: [32, 32, 32, 64], outputs: 128, kernel: [3, 3], padding: 1 };

  test('are the widest workgroups that fit, with each tile', () => {
    expect(candidatesFor(large)).toEqual([
      'plain',
      ...['4x4 16x16', '4x4 16x4', '8x4 16x16', '8x4 16x4'],
      ...['8x8 16x16', '8x8 16x4', '16x4 16x16', '16x4 16x4'],
    ]);
    // 16 outputs: no workgroup of 32, and the plain tile is not tried under another name.
    expect(candidatesFor({ ...large, outputs: 16 })).toEqual([
      'plain',
      ...['4x4 2x32', '8x4 4x16', '8x4 2x32', '8x8 2x32', '16x4 4x16', '16x4 2x32'],
    ]);
  });

  test('have no more pixels than twice those there are', () => {
    expect(candidatesFor({ image: [1, 2, 2, 4], outputs: 32, kernel: [1, 1] })).toEqual(['plain']);
  });

  test('stay within the limits of the adapter', () => {
    const threads = candidatesFor(large, limitedGpu({ maxComputeInvocationsPerWorkgroup: 128 }));
    expect(threads).toContain('8x8 16x4');
    expect(threads.join()).not.toContain('16x16');
    const across = candidatesFor(large, limitedGpu({ maxComputeWorkgroupSizeX: 8 }));
    expect(across.join()).not.toMatch(/ 16x/);
    expect(across).toContain('8x8 8x8');
    const down = candidatesFor(large, limitedGpu({ maxComputeWorkgroupSizeY: 8 }));
    expect(down).toContain('4x4 16x4');
    expect(down.join()).not.toMatch(/x16\b/);
    const grid = candidatesFor(large, limitedGpu({ maxComputeWorkgroupsPerDimension: 600 }));
    // 32768 pixels, 64 of them a workgroup with the 16 x 4 tile and 4 threads.
    expect(grid).toContain('16x4 16x4');
    expect(grid).not.toContain('8x4 16x4');
  });

  test('of a table give way to the plain one where the adapter does not allow them', () => {
    const product = forwardProduct(shapeOf(large));
    const steps = stepsOf(product);
    const region = (label: string) => new Region(label, 4);
    const workgroups = (name: string, gpu = limitedGpu()) => {
      const memory = { source: region('s'), weight: region('w'), table: region('t'), bias: undefined };
      const store = () => ({ code: '', bindings: [] });
      const [, launch] = productLaunches(
        { gpu, scratch: region },
        { ...product, ...memory, steps, store },
        name,
      );
      return launch!.workgroups;
    };
    expect(workgroups('8x8 16x16')).not.toEqual(workgroups('plain'));
    const few = limitedGpu({ maxComputeInvocationsPerWorkgroup: 128 });
    expect(workgroups('8x8 16x16', few)).toEqual(workgroups('plain'));
    expect(workgroups('no such tile')).toEqual(workgroups('plain'));
  });
});

describe('the key', () => {
  const c: Case = { image: [8, 20, 20, 12], outputs: 24, kernel: [3, 3], padding: 1 };
  const keyOf = (other: Partial<Case>, of = forwardProduct) => {
    const product = of(shapeOf({ ...c, ...other }));
    return productProblem(product, stepsOf(product)).key;
  };

  test('is shared by products of about one size', () => {
    expect(keyOf({ image: [7, 19, 21, 12], outputs: 20 })).toBe(keyOf({}));
    // The zeros around the image are there already, and are not felt.
    expect(keyOf({ padding: 0 })).toBe(keyOf({}));
  });

  test.each<Partial<Case>>([
    { image: [16, 20, 20, 12] },
    { image: [8, 20, 20, 36] },
    { outputs: 48 },
    { outputs: 23 },
    { kernel: [3, 5] },
    { stride: [1, 2] },
    { dilation: 2 },
    { groups: 2 },
  ])('tells %j', (other) => expect(keyOf(other)).not.toBe(keyOf({})));

  test('tells the input gradient from the convolution', () =>
    expect(keyOf({}, gradientProduct)).not.toBe(keyOf({})));
});

describe('the choice', () => {
  const c: Case = { image: [4, 16, 16, 16], outputs: 64, kernel: [3, 3], padding: 1 };
  const shape = shapeOf(c);
  const keys = [forwardProduct(shape), gradientProduct(shape)].map(
    (product) => productProblem(product, stepsOf(product)).key,
  );

  async function lowered(table: unknown, adapterClass: AdapterClass = 'gpu', of = shape) {
    const gpu = { ...(await gpuScope()), adapterClass };
    gpu.choices.load(table);
    const region = (label: string) => new Region(label, 4);
    const store = () => ({ code: '', bindings: [] });
    const lowering = { gpu, scratch: region };
    const common = { shape: of, weight: region('weight'), store };
    const asked = gpu.choices.undecided(() => [
      convolutionForward(lowering, { ...common, image: region('image') }),
      convolutionInputGradient(lowering, { ...common, gradient: region('gradient') }),
    ]);
    releaseScope(gpu);
    const sizes = asked.result.map((launches) => /@workgroup_size\(.*?\)/.exec(launches.at(-1)!.code)?.[0]);
    return { sizes, asked: asked.problems.map(({ key }) => key) };
  }
  const plain = ['@workgroup_size(8, 8)', '@workgroup_size(4, 16)'];

  test('is that of the table, for each product its own', async () => {
    const table = { [keys[0]!]: '8x4 16x4', [keys[1]!]: '8x8 2x32' };
    const sizes = ['@workgroup_size(16, 4)', '@workgroup_size(2, 32)'];
    expect(await lowered(table)).toEqual({ sizes, asked: [] });
  });

  test('is plain and noted where the table has none, or a foreign one', async () => {
    expect(await lowered({})).toEqual({ sizes: plain, asked: keys });
    const foreign = { [keys[0]!]: 'registers', [keys[1]!]: '8x8 2x32' };
    const sizes = [plain[0], '@workgroup_size(2, 32)'];
    expect(await lowered(foreign)).toEqual({ sizes, asked: [keys[0]] });
  });

  test('is never asked for on a software adapter', async () => {
    const table = { [keys[0]!]: '8x4 16x4', [keys[1]!]: '8x8 2x32' };
    const { sizes, asked } = await lowered(table, 'software');
    expect(asked).toEqual([]);
    expect(sizes).toEqual((await lowered({}, 'software')).sizes);
  });

  test('is never asked for where groups make one number of a pixel', async () => {
    const depthwise = shapeOf({ ...c, outputs: 16, groups: 16 });
    expect((await lowered({}, 'gpu', depthwise)).asked).toEqual([]);
  });
});
