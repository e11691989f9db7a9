import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { trials } from '../../../contract/test-trials.ts';
import type { AdapterClass } from '../../../gpu-kernels/device.ts';
import { Region } from '../../../gpu-kernels/region.ts';
import { backward } from '../backward.ts';
import { Graph, size } from '../graph.ts';
import { checkOperation, evaluate, f32Tolerance, noise } from '../test-program.ts';
import { relu } from './elementwise.ts';
import { averagePool, globalAveragePool, maxPool } from './pooling.ts';

type Kind = 'max' | 'average';
type Pair = readonly [number, number];

interface Case {
  /** [N, H, W, C] */
  image: readonly [number, number, number, number];
  kernel: Pair;
  stride?: Pair;
  padding?: Pair;
}

/** As torch.nn.functional.max_pool2d and avg_pool2d define it, channels last. */
function reference(kind: Kind, { image, kernel, stride = kernel, padding = [0, 0] }: Case) {
  const [n, h, w, channels] = image;
  const height = Math.floor((h + 2 * padding[0] - kernel[0]) / stride[0]) + 1;
  const width = Math.floor((w + 2 * padding[1] - kernel[1]) / stride[1]) + 1;
  return (x: Float64Array): number[] => {
    const result: number[] = [];
    for (let i = 0; i < n; i++)
      for (let oy = 0; oy < height; oy++)
        for (let ox = 0; ox < width; ox++)
          for (let c = 0; c < channels; c++) {
            const seen: number[] = [];
            for (let y = oy * stride[0] - padding[0]; y < oy * stride[0] - padding[0] + kernel[0]; y++)
              for (let z = ox * stride[1] - padding[1]; z < ox * stride[1] - padding[1] + kernel[1]; z++)
                if (y >= 0 && y < h && z >= 0 && z < w) seen.push(x[((i * h + y) * w + z) * channels + c]!);
            const sum = seen.reduce((a, b) => a + b, 0);
            result.push(kind === 'max' ? Math.max(...seen) : sum / (kernel[0] * kernel[1]));
          }
    return result;
  };
}

function check(kind: Kind, c: Case, adapterClass?: AdapterClass): Promise<void> {
  const { image, ...options } = c;
  return checkOperation({
    inputs: [{ shape: image }],
    build: (x) => (kind === 'max' ? maxPool(x, options) : averagePool(x, options)),
    reference: reference(kind, c),
    tolerance: f32Tolerance,
    ...(adapterClass ? { adapterClass } : {}),
  });
}

describe('max pooling of ReLU', () => {
  const c: Case = { image: [2, 4, 6, 4], kernel: [2, 2] };
  const { image, ...options } = c;
  const pooled = reference('max', c);

  test('gives the same numbers and gradients', () =>
    checkOperation({
      inputs: [{ shape: image }],
      build: (x) => maxPool(relu(x), options),
      reference: (x) => pooled(x.map((value) => Math.max(value, 0))),
      tolerance: f32Tolerance,
    }));

  test('looks at what is left after pooling only', () => {
    const graph = new Graph();
    const x = graph.leaf('x', image, new Region('x', size(image) * 4));
    const y = maxPool(relu(x), options);
    expect(y.node.inputs[0]?.node.inputs[0]).toBe(x);
  });
});

describe.each<Kind>(['max', 'average'])('%s pooling', (kind) => {
  test.each<Case & { name: string }>([
    { name: 'whole quads of channels', image: [2, 4, 6, 8], kernel: [2, 2] },
    { name: 'a rest that no window sees', image: [2, 5, 7, 3], kernel: [2, 3] },
    { name: 'windows apart', image: [1, 7, 8, 4], kernel: [2, 2], stride: [3, 3] },
    { name: 'padding', image: [2, 4, 5, 3], kernel: [2, 2], padding: [1, 1] },
    { name: 'padding that replaces the rest', image: [1, 1, 4, 2], kernel: [1, 4], padding: [0, 1] },
    { name: 'overlapping', image: [2, 6, 5, 4], kernel: [3, 3], stride: [2, 2], padding: [1, 1] },
    { name: 'overlapping, odd channels', image: [1, 7, 6, 3], kernel: [3, 3], stride: [1, 2] },
    {
      name: 'overlapping in one direction',
      image: [1, 6, 6, 2],
      kernel: [3, 2],
      stride: [1, 2],
      padding: [1, 0],
    },
    { name: 'the whole image', image: [2, 3, 4, 5], kernel: [3, 4] },
    { name: 'a single pixel', image: [1, 1, 1, 1], kernel: [1, 1] },
  ])('$name', async (c) => {
    await check(kind, c);
    await check(kind, c, 'gpu');
  });

  it('works for any sizes', () =>
    fc.assert(
      fc.asyncProperty(
        fc.tuple(
          fc.integer({ min: 1, max: 2 }),
          fc.integer({ min: 1, max: 7 }),
          fc.integer({ min: 1, max: 7 }),
          fc.integer({ min: 1, max: 5 }),
        ),
        fc.tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 4 })),
        fc.tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 4 })),
        fc.tuple(fc.integer({ min: 0, max: 2 }), fc.integer({ min: 0, max: 2 })),
        async (image, kernel, stride, padding) => {
          fc.pre(
            padding.every((p, axis) => 2 * p <= kernel[axis]! && kernel[axis]! <= image[axis + 1]! + 2 * p),
          );
          await check(kind, { image, kernel, stride, padding });
        },
      ),
      trials(10),
    ));
});

it.each([
  { name: 'disjoint', stride: 2, expected: [1, 0, 1, 0, 0, 0, 0, 0] },
  { name: 'overlapping', stride: 1, expected: [1, 1, 1, 0, 0, 0, 0, 0] },
])('gives the gradient of equal values to the first: $name', async ({ stride, expected }) => {
  const [gradient] = await evaluate((graph, leaf) => {
    const x = leaf(new Float32Array(8).fill(3), [1, 2, 4, 1]);
    const y = maxPool(x, { kernel: 2, stride });
    const seed = leaf(new Float32Array(y.shape[2] ?? 0).fill(1), y.shape);
    return backward(graph, [{ tensor: y, gradient: seed }], [x]).get(x) ?? [];
  });
  expect([...(gradient ?? [])]).toEqual(expected);
});

it('averages whole images', () =>
  checkOperation({
    inputs: [{ shape: [2, 3, 5, 4] }],
    build: globalAveragePool,
    reference: (x) =>
      Array.from({ length: 8 }, (_, i) => {
        let sum = 0;
        for (let pixel = 0; pixel < 15; pixel++) sum += x[(Math.floor(i / 4) * 15 + pixel) * 4 + (i % 4)]!;
        return sum / 15;
      }),
    tolerance: f32Tolerance,
  }));

it.each([
  [1, 1, 1, 1],
  [2, 1, 1, 3],
  [1, 7, 1, 5],
  [3, 4, 4, 2],
  [1, 9, 8, 16],
] as const)('averages all pixels of %d x %d x %d x %d', (n, height, width, channels) =>
  checkOperation({
    inputs: [{ shape: [n, height, width, channels] }],
    build: globalAveragePool,
    reference: (x) =>
      Array.from({ length: n * channels }, (_, i) => {
        const [example, pixels] = [Math.floor(i / channels), height * width];
        let sum = 0;
        for (let p = 0; p < pixels; p++) sum += x[(example * pixels + p) * channels + (i % channels)]!;
        return sum / pixels;
      }),
    tolerance: f32Tolerance,
  }),
);

it.each([
  { options: { kernel: 5 }, message: 'a 5 x 5 max pooling does not fit into an image of 4 x 4' },
  { options: { kernel: 2, padding: 2 }, message: 'padding 2 x 2 is more than half of the kernel, 2 x 2' },
  { options: { kernel: 2, stride: 0 }, message: 'max pooling: stride is 0 x 0' },
])('refuses $message', ({ options, message }) =>
  expect(evaluate((_, leaf) => maxPool(leaf(noise(16, 0), [1, 4, 4, 1]), options))).rejects.toThrow(message),
);
