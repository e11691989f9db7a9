import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { trials } from '../../../contract/test-trials.ts';
import { checkOperation, evaluate, f32Tolerance, noise } from '../test-program.ts';
import { linear } from './linear.ts';
import { unfold } from './unfold.ts';

/** Single numbers, which the reference below reads without unpacking. */
interface Window {
  kernel: readonly [number, number];
  stride: number;
  padding: number;
  dilation: number;
}

type Image = readonly [number, number, number, number];

/** out[n, oh, ow, k] of a direct convolution as torch defines it, x channels last, weight [K, C, KH, KW]. */
function convolution([n, h, w, c]: Image, k: number, window: Window) {
  const { kernel, stride, padding, dilation } = window;
  const [kh, kw] = kernel;
  const height = Math.floor((h + 2 * padding - dilation * (kh - 1) - 1) / stride) + 1;
  const width = Math.floor((w + 2 * padding - dilation * (kw - 1) - 1) / stride) + 1;
  const pixel = (x: Float64Array, image: number, row: number, column: number, channel: number): number =>
    row < 0 || row >= h || column < 0 || column >= w ? 0 : x[((image * h + row) * w + column) * c + channel]!;
  const output = (
    x: Float64Array,
    weight: Float64Array,
    image: number,
    oh: number,
    ow: number,
    filter: number,
  ) => {
    let sum = 0;
    for (let channel = 0; channel < c; channel++)
      for (let i = 0; i < kh; i++)
        for (let j = 0; j < kw; j++) {
          const row = oh * stride + i * dilation - padding;
          const column = ow * stride + j * dilation - padding;
          sum += weight[((filter * c + channel) * kh + i) * kw + j]! * pixel(x, image, row, column, channel);
        }
    return sum;
  };
  return (x: Float64Array, weight: Float64Array): number[] => {
    const result: number[] = [];
    for (let image = 0; image < n; image++)
      for (let oh = 0; oh < height; oh++)
        for (let ow = 0; ow < width; ow++)
          for (let filter = 0; filter < k; filter++) result.push(output(x, weight, image, oh, ow, filter));
    return result;
  };
}

function check(image: Image, k: number, window: Window): Promise<void> {
  const [kh, kw] = window.kernel;
  return checkOperation({
    inputs: [{ shape: image }, { shape: [k, image[3] * kh * kw] }],
    build: (x, weight) => linear(unfold(x, window).patches, weight, null),
    reference: (x, weight) => convolution(image, k, window)(x, weight),
    tolerance: f32Tolerance,
  });
}

describe('patches and a linear layer make a convolution', () => {
  test.each<{ name: string; image: Image; window: Window }>([
    { name: 'plain', image: [2, 5, 4, 3], window: { kernel: [3, 3], stride: 1, padding: 0, dilation: 1 } },
    { name: 'padded', image: [2, 4, 5, 2], window: { kernel: [3, 3], stride: 1, padding: 1, dilation: 1 } },
    { name: 'strided', image: [1, 7, 6, 2], window: { kernel: [3, 3], stride: 2, padding: 1, dilation: 1 } },
    { name: 'dilated', image: [1, 7, 6, 2], window: { kernel: [3, 2], stride: 1, padding: 2, dilation: 2 } },
    {
      name: 'patches apart',
      image: [2, 4, 4, 1],
      window: { kernel: [2, 2], stride: 2, padding: 0, dilation: 1 },
    },
    {
      name: 'gaps between',
      image: [1, 7, 7, 1],
      window: { kernel: [2, 2], stride: 3, padding: 0, dilation: 1 },
    },
    {
      name: 'pointwise',
      image: [2, 3, 3, 4],
      window: { kernel: [1, 1], stride: 1, padding: 0, dilation: 1 },
    },
    {
      name: 'whole image',
      image: [2, 3, 4, 2],
      window: { kernel: [3, 4], stride: 1, padding: 0, dilation: 1 },
    },
  ])('$name', ({ image, window }) => check(image, 3, window));

  it('of any size', () =>
    fc.assert(
      fc.asyncProperty(
        fc.tuple(
          fc.constantFrom(1, 2),
          fc.integer({ min: 3, max: 6 }),
          fc.integer({ min: 3, max: 6 }),
          fc.constantFrom(1, 3),
        ),
        fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 3 })),
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 0, max: 2 }),
        fc.integer({ min: 1, max: 2 }),
        async (image, kernel, stride, padding, dilation) => {
          fc.pre(
            Math.max(...kernel.map((k) => dilation * (k - 1) + 1)) <=
              Math.min(image[1], image[2]) + 2 * padding,
          );
          await check(image, 2, { kernel, stride, padding, dilation });
        },
      ),
      trials(6),
    ));
});

it('answers the size of the output', async () => {
  await evaluate((_, leaf) => {
    const window: Window = { kernel: [3, 2], stride: 2, padding: 1, dilation: 1 };
    const { patches, height, width } = unfold(leaf(noise(2 * 8 * 5 * 3, 0), [2, 8, 5, 3]), window);
    expect([height, width]).toEqual([4, 3]);
    expect(patches.shape).toEqual([2, 12, 18]);
    return patches;
  });
});

it('walks differently down and across', () => {
  const window = {
    kernel: [2, 3],
    stride: [1, 2],
    padding: [0, 2],
    dilation: [2, 1],
  } as const;
  return checkOperation({
    inputs: [{ shape: [1, 4, 5, 2] }],
    build: (x) => unfold(x, window).patches,
    reference: (x) => {
      const result: number[] = [];
      for (let oh = 0; oh < 2; oh++)
        for (let ow = 0; ow < 4; ow++)
          for (let c = 0; c < 2; c++)
            for (let kh = 0; kh < 2; kh++)
              for (let kw = 0; kw < 3; kw++) {
                const column = 2 * ow + kw - 2;
                const isInside = column >= 0 && column < 5;
                result.push(isInside ? x[((oh + 2 * kh) * 5 + column) * 2 + c]! : 0);
              }
      return result;
    },
    tolerance: f32Tolerance,
  });
});

it('refuses a kernel that does not fit', () =>
  expect(
    evaluate((_, leaf) => {
      const window: Window = { kernel: [5, 5], stride: 1, padding: 0, dilation: 1 };
      return unfold(leaf(noise(16, 0), [1, 4, 4, 1]), window).patches;
    }),
  ).rejects.toThrow('a 5 x 5 convolution does not fit into an image of 4 x 4'));
