import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { trials } from '../../../contract/test-trials.ts';
import {
  adjoint,
  reference,
  type Case as Convolution,
} from '../../../gpu-kernels/convolution/test-convolution.ts';
import type { AdapterClass } from '../../../gpu-kernels/device.ts';
import { backward } from '../backward.ts';
import { size } from '../graph.ts';
import { checkOperation, evaluate, expectClose, f32Tolerance, noise } from '../test-program.ts';
import { convolution } from './convolution.ts';

interface Case extends Convolution {
  bias?: boolean;
}

function check(c: Case, adapterClass?: AdapterClass): Promise<void> {
  const { image, outputs, kernel, bias = true, ...options } = c;
  const groups = options.groups ?? 1;
  return checkOperation({
    inputs: [
      { shape: image },
      { shape: [outputs, image[3] / groups, ...kernel] },
      ...(bias ? [{ shape: [outputs] }] : []),
    ],
    build: (x, weight, ...[b]) => convolution(x, weight, b ?? null, options),
    reference: (x, weight, b) => reference(c, x, weight, b),
    tolerance: f32Tolerance,
    ...(adapterClass ? { adapterClass } : {}),
  });
}

const cases: (Case & { name: string })[] = [
  { name: 'no padding', image: [2, 5, 4, 3], outputs: 5, kernel: [3, 3] },
  { name: 'padding 1, whole quads', image: [2, 4, 5, 4], outputs: 16, kernel: [3, 3], padding: 1 },
  { name: 'more outputs than a tile', image: [1, 3, 5, 8], outputs: 36, kernel: [3, 3], padding: 1 },
  { name: 'padding 2, 5 x 5', image: [1, 6, 5, 2], outputs: 6, kernel: [5, 5], padding: 2 },
  { name: 'a padding wider than the kernel', image: [1, 3, 2, 2], outputs: 3, kernel: [2, 2], padding: 2 },
  { name: 'stride 2', image: [2, 7, 6, 4], outputs: 12, kernel: [3, 3], stride: 2, padding: 1 },
  { name: 'stride 3 that skips pixels', image: [1, 8, 7, 1], outputs: 4, kernel: [2, 2], stride: 3 },
  { name: 'a pixel on its own, stride 2', image: [1, 5, 6, 4], outputs: 4, kernel: [1, 1], stride: 2 },
  { name: 'dilation 2', image: [1, 7, 8, 2], outputs: 4, kernel: [3, 2], padding: 2, dilation: 2 },
  {
    name: 'dilation 2, stride 2',
    image: [1, 8, 9, 2],
    outputs: 3,
    kernel: [3, 3],
    padding: 1,
    dilation: 2,
    stride: 2,
  },
  {
    name: 'different in height and width',
    image: [2, 6, 9, 2],
    outputs: 4,
    kernel: [1, 3],
    stride: [1, 2],
    padding: [0, 2],
    dilation: [1, 2],
  },
  { name: 'pointwise', image: [2, 3, 3, 4], outputs: 8, kernel: [1, 1] },
  { name: 'without bias', image: [2, 3, 3, 4], outputs: 4, kernel: [2, 2], bias: false },
  { name: 'two groups', image: [2, 4, 4, 6], outputs: 8, kernel: [3, 3], padding: 1, groups: 2 },
  {
    name: 'two groups of whole quads',
    image: [1, 4, 4, 8],
    outputs: 24,
    kernel: [3, 3],
    stride: 2,
    groups: 2,
  },
  { name: 'depthwise', image: [2, 4, 5, 5], outputs: 5, kernel: [3, 3], padding: 1, groups: 5 },
  {
    name: 'depthwise, two outputs each',
    image: [1, 5, 5, 4],
    outputs: 8,
    kernel: [3, 3],
    stride: 2,
    padding: 1,
    groups: 4,
  },
  {
    name: 'depthwise, whole quads, stride 2',
    image: [2, 6, 5, 8],
    outputs: 8,
    kernel: [3, 3],
    stride: 2,
    padding: 1,
    groups: 8,
  },
  {
    name: 'depthwise, dilation 2, different in height and width',
    image: [1, 7, 6, 4],
    outputs: 4,
    kernel: [3, 2],
    stride: [3, 2],
    padding: [2, 1],
    dilation: [2, 1],
    groups: 4,
    bias: false,
  },
  { name: 'groups of two', image: [1, 4, 5, 8], outputs: 8, kernel: [3, 3], padding: 1, groups: 4 },
  { name: 'groups of three to four', image: [1, 4, 3, 6], outputs: 8, kernel: [2, 2], groups: 2 },
  {
    name: 'groups of two to one, whole quads',
    image: [1, 5, 4, 8],
    outputs: 4,
    kernel: [3, 3],
    stride: 2,
    padding: 1,
    groups: 4,
  },
  { name: 'groups of two to one', image: [2, 4, 4, 6], outputs: 3, kernel: [2, 3], padding: 1, groups: 3 },
  {
    name: 'a stride that leaps from zeros over the image',
    image: [1, 1, 4, 2],
    outputs: 3,
    kernel: [1, 1],
    padding: 1,
    stride: 3,
  },
  { name: 'the whole image', image: [2, 3, 4, 2], outputs: 3, kernel: [3, 4] },
  { name: 'a single number', image: [1, 1, 1, 1], outputs: 1, kernel: [1, 1] },
  { name: 'a single pixel in zeros', image: [1, 1, 1, 2], outputs: 2, kernel: [3, 3], padding: 1 },
];

describe('convolution', () => {
  test.each(cases)('$name', (c) => check(c));
});

describe('with the tiles of a hardware adapter', () => {
  test.each(cases)('$name', (c) => check(c, 'gpu'));
});

const side = (max: number) => fc.integer({ min: 1, max });
const pairOf = (least: number, most: number) =>
  fc.tuple(fc.integer({ min: least, max: most }), fc.integer({ min: least, max: most }));

it('works for any sizes', () =>
  fc.assert(
    fc.asyncProperty(
      fc.record({
        image: fc.tuple(side(2), side(7), side(7)),
        perGroup: fc.tuple(fc.constantFrom(1, 2, 3, 4), fc.constantFrom(1, 2, 4, 5)),
        groups: fc.constantFrom(1, 1, 2, 3),
        kernel: pairOf(1, 3),
        stride: pairOf(1, 3),
        padding: pairOf(0, 2),
        dilation: pairOf(1, 2),
      }),
      fc.constantFrom<AdapterClass>('software', 'gpu'),
      async ({ image, perGroup: [channels, outputs], groups, ...window }, adapterClass) => {
        const { kernel, padding, dilation } = window;
        const fits = (axis: 0 | 1) =>
          dilation[axis] * (kernel[axis] - 1) < image[axis + 1]! + 2 * padding[axis];
        fc.pre(fits(0) && fits(1));
        const c: Case = {
          image: [...image, channels * groups],
          outputs: outputs * groups,
          groups,
          ...window,
        };
        await check(c, adapterClass);
      },
    ),
    trials(16),
  ));

// Large enough for the tallest tiles of a software adapter, narrow and wide; pixels that do not fill the last tile.
it.each([16, 32])('is right with the tiles of large products, of %i outputs', async (outputs) => {
  const c: Case = { image: [9, 29, 28, 16], outputs, kernel: [3, 3], padding: 1 };
  const [n, h, w, channels] = c.image;
  const x = noise(n * h * w * channels, 1);
  const weight = noise(outputs * channels * 9, 2);
  const gradient = noise(n * h * w * outputs, 3);
  const [value, dx, dw] = await evaluate((graph, leaf) => {
    const image = leaf(x, c.image);
    const filter = leaf(weight, [outputs, channels, 3, 3], 'weight');
    const result = convolution(image, filter, null, { padding: 1 });
    const seed = { tensor: result, gradient: leaf(gradient, result.shape, 'gradient') };
    const all = backward(graph, [seed], [image, filter]);
    return [result, all.get(image) ?? image, all.get(filter) ?? filter];
  });
  const expected = adjoint(c, x, weight, gradient);
  expectClose(value ?? [], reference(c, x, weight), f32Tolerance, 'value');
  expectClose(dx ?? [], expected.image, f32Tolerance, 'by the image');
  expectClose(dw ?? [], expected.weight, f32Tolerance, 'by the weight');
});

it('sums the weight gradient over many slices of pixels', () =>
  check({ image: [3, 23, 19, 1], outputs: 4, kernel: [3, 3], padding: 1 }));

it.each([
  {
    weight: [4, 2, 5, 5],
    options: { padding: [0, 1] as const, dilation: 2 },
    message: 'a 5 x 5 convolution dilated by 2 x 2 does not fit into an image of 4 x 4 padded by 0 x 1',
  },
  {
    weight: [4, 2, 3, 3],
    options: { stride: 0 },
    message: 'convolution: stride is 0 x 0; it must be whole numbers from 1 on',
  },
  {
    weight: [4, 1, 3, 3],
    options: { groups: 3 },
    message: 'a convolution of 2 channels to 4 cannot have 3 groups; groups must divide both',
  },
  {
    weight: [4, 2, 3, 3],
    options: { groups: 2 },
    message:
      'convolution: weight is [4, 2, 3, 3]; an image [1, 4, 4, 2] in 2 groups needs [outputs, 1, kernel height, kernel width]',
  },
])('refuses: $message', ({ weight, options, message }) =>
  expect(
    evaluate((_, leaf) => {
      const x = leaf(noise(32, 0), [1, 4, 4, 2]);
      return convolution(x, leaf(noise(size(weight), 1), weight, 'weight'), null, options);
    }),
  ).rejects.toThrow(message),
);

test('its gradient by the weight alone leaves the image and the bias out', async () => {
  const [dWeight] = await evaluate((graph, leaf) => {
    const x = leaf(new Float32Array(4).fill(1), [1, 2, 2, 1]);
    const weight = leaf(noise(1, 1), [1, 1, 1, 1]);
    const y = convolution(x, weight, leaf(noise(1, 2), [1]));
    const seed = leaf(Float32Array.of(1, 2, 3, 4), y.shape);
    const gradients = backward(graph, [{ tensor: y, gradient: seed }], [weight]);
    expect([...gradients.keys()]).toEqual([weight]);
    return gradients.get(weight) ?? [];
  });
  expect([...(dWeight ?? [])]).toEqual([10]);
});
