/** The convolution of the tests, in float64 and term by term, as torch.nn.functional.conv2d defines it; channels last. */
import { openScope, type GpuContext } from '../device.ts';
import { testGpu } from '../test-gpu.ts';
import { KernelChoices } from '../tuning/kernel-choices.ts';
import type { Padding } from './padding.ts';
import { placeWindow, type ConvolutionShape, type Window } from './window.ts';

export interface Case extends Omit<Window, 'kernel'> {
  /** [N, H, W, C] */
  image: readonly [number, number, number, number];
  outputs: number;
  kernel: readonly [number, number];
  groups?: number;
}

const pair = (value: number | readonly [number, number] | undefined, otherwise: number) =>
  typeof value === 'object' ? value : ([value ?? otherwise, value ?? otherwise] as const);

/** Calls `visit` with the places of an output, of a number of the image and of one of the weight, for every product of two. */
function forEachTerm(c: Case, visit: (output: number, image: number, weight: number) => void): void {
  const [n, h, w, channels] = c.image;
  const [kh, kw] = c.kernel;
  const [sy, sx] = pair(c.stride, 1);
  const [py, px] = pair(c.padding, 0);
  const [dy, dx] = pair(c.dilation, 1);
  const groups = c.groups ?? 1;
  const inGroup = channels / groups;
  const height = Math.floor((h + 2 * py - dy * (kh - 1) - 1) / sy) + 1;
  const width = Math.floor((w + 2 * px - dx * (kw - 1) - 1) / sx) + 1;
  let output = 0;
  for (let image = 0; image < n; image++)
    for (let oy = 0; oy < height; oy++)
      for (let ox = 0; ox < width; ox++)
        for (let o = 0; o < c.outputs; o++, output++) {
          const first = Math.floor(o / (c.outputs / groups)) * inGroup;
          for (let i = 0; i < kh; i++)
            for (let j = 0; j < kw; j++) {
              const y = oy * sy + i * dy - py;
              const x = ox * sx + j * dx - px;
              if (y < 0 || y >= h || x < 0 || x >= w) continue;
              const pixel = ((image * h + y) * w + x) * channels + first;
              for (let k = 0; k < inGroup; k++)
                visit(output, pixel + k, ((o * inGroup + k) * kh + i) * kw + j);
            }
        }
}

export function shapeOf(c: Case): ConvolutionShape {
  const [images, height, width, channels] = c.image;
  const window = placeWindow('test', [height, width], c);
  return { images, channels, outputs: c.outputs, groups: c.groups ?? 1, window };
}

export function outputSize(c: Case): number {
  const { images, window } = shapeOf(c);
  return images * window.output[0] * window.output[1] * c.outputs;
}

export function reference(
  c: Case,
  image: Float64Array,
  weight: Float64Array,
  bias?: Float64Array,
): Float64Array {
  const result = Float64Array.from({ length: outputSize(c) }, (_, i) => bias?.[i % c.outputs] ?? 0);
  forEachTerm(c, (at, pixel, tap) => (result[at]! += image[pixel]! * weight[tap]!));
  return result;
}

export interface Gradients {
  image: Float64Array;
  weight: Float64Array;
  bias: Float64Array;
}

/** Gradients of sum(gradient * result). */
export function adjoint(
  c: Case,
  image: Float64Array,
  weight: Float64Array,
  gradient: Float64Array,
): Gradients {
  const by = {
    image: new Float64Array(image.length),
    weight: new Float64Array(weight.length),
    bias: new Float64Array(c.outputs),
  };
  gradient.forEach((value, at) => (by.bias[at % c.outputs]! += value));
  forEachTerm(c, (at, pixel, tap) => {
    by.image[pixel]! += gradient[at]! * weight[tap]!;
    by.weight[tap]! += gradient[at]! * image[pixel]!;
  });
  return by;
}

/** The images with zeros around them. */
export function withZeros(values: Float64Array, { channels, size, margin, padded }: Padding): Float64Array {
  const line = size[1] * channels;
  const result = new Float64Array((values.length / (size[0] * line)) * padded[0] * padded[1] * channels);
  for (let from = 0; from < values.length; from += line) {
    const y = (from / line) % size[0];
    const image = Math.floor(from / line / size[0]);
    const to = (image * padded[0] + y + margin[0]) * padded[1] + margin[1];
    // What no window reaches is not there.
    const kept = Math.min(size[1], padded[1] - margin[1]) * channels;
    if (y + margin[0] < padded[0]) result.set(values.subarray(from, from + kept), to * channels);
  }
  return result;
}

/** The adapter at hand as one of class `gpu`, with choices of its own. */
export async function gpuScope(): Promise<GpuContext> {
  const gpu = openScope(await testGpu());
  return { ...gpu, adapterClass: 'gpu', fourLaneSubgroups: false, choices: new KernelChoices() };
}

/** A context for names and launches that are not run, with what every adapter allows, or less. */
export function limitedGpu(limits: Partial<Record<keyof GPUSupportedLimits, number>> = {}): GpuContext {
  const least = {
    maxComputeWorkgroupsPerDimension: 65535,
    maxComputeInvocationsPerWorkgroup: 256,
    maxComputeWorkgroupSizeX: 256,
    maxComputeWorkgroupSizeY: 256,
  };
  const device = { limits: { ...least, ...limits } } as unknown as GPUDevice;
  return { device, adapterClass: 'gpu' } as GpuContext;
}
