/** Sums of patches that were never written down, against those of patches that were. */
import { describe, expect, it } from 'vitest';
import { KronlabError } from '../../../contract/errors.ts';
import type { Window } from '../../../gpu-kernels/convolution/window.ts';
import { evaluate, expectClose, f32Tolerance, noise } from '../test-program.ts';
import { patchSums } from './patch-sums.ts';

type Pair = [number, number];
const pair = (n: Window['kernel'] | undefined, otherwise: number): Pair =>
  typeof n === 'object' ? [n[0], n[1]] : [n ?? otherwise, n ?? otherwise];

/** In float64, position by position. */
function reference(x: Float64Array, [N, H, W, C]: number[], window: Window): Float64Array {
  const [kernel, stride, padding, dilation] = [
    pair(window.kernel, 1),
    pair(window.stride, 1),
    pair(window.padding, 0),
    pair(window.dilation, 1),
  ];
  const output = [H, W].map(
    (side, i) => Math.floor((side! + 2 * padding[i]! - dilation[i]! * (kernel[i]! - 1) - 1) / stride[i]!) + 1,
  );
  const sums: number[] = [];
  for (let n = 0; n < N!; n++)
    for (let c = 0; c < C!; c++)
      for (let k = 0; k < kernel[0]; k++)
        for (let l = 0; l < kernel[1]; l++) {
          let sum = 0;
          for (let o = 0; o < output[0]!; o++)
            for (let p = 0; p < output[1]!; p++) {
              const [h, w] = [
                o * stride[0] + k * dilation[0] - padding[0],
                p * stride[1] + l * dilation[1] - padding[1],
              ];
              if (h >= 0 && h < H! && w >= 0 && w < W!) sum += x[((n * H! + h) * W! + w) * C! + c]!;
            }
          sums.push(sum);
        }
  return Float64Array.from(sums);
}

const cases: [name: string, shape: [number, number, number, number], window: Window][] = [
  ['plain', [2, 5, 6, 3], { kernel: 3 }],
  ['padded', [2, 4, 4, 4], { kernel: 3, padding: 1 }],
  ['with stride', [3, 7, 8, 2], { kernel: [3, 2], stride: 2, padding: 1 }],
  ['with strides of two kinds', [1, 9, 6, 5], { kernel: [2, 3], stride: [3, 1], padding: [0, 2] }],
  ['dilated', [2, 8, 9, 4], { kernel: 3, dilation: [2, 3], padding: [2, 3], stride: [1, 2] }],
  ['of patches side by side', [2, 8, 8, 3], { kernel: 4, stride: 4 }],
  ['of one pixel', [2, 3, 5, 1], { kernel: 1 }],
  ['that sees more padding than image', [1, 2, 2, 2], { kernel: 4, padding: 3 }],
];

describe('patchSums', () => {
  it.each(cases)('adds the patches of a window %s', async (_, shape, window) => {
    const x = noise(
      shape.reduce((a, b) => a * b, 1),
      4,
    );
    const [sums] = await evaluate((_graph, leaf) => patchSums(leaf(x, shape), window, 0.25));
    expectClose(
      sums ?? [],
      reference(x, shape, window).map((value) => value / 4),
      f32Tolerance,
    );
  });

  it('refuses a window that does not fit', async () => {
    const build = () => evaluate((_, leaf) => patchSums(leaf(noise(8, 0), [1, 2, 2, 2]), { kernel: 3 }));
    await expect(build()).rejects.toThrow(KronlabError);
  });
});
