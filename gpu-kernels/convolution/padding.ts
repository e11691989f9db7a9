/**
 * The zeros that the products of a convolution need around what they read, so that no access has to be masked: masks
 * inside the products would cost more than a copy beforehand.
 */
import type { Binding, Dispatch } from '../dispatch.ts';
import { expandTemplate } from '../template.ts';
import { lineGrid } from './line-grid.ts';
import padSource from './pad-image.wgsl';
import type { ConvolutionShape, Pair } from './window.ts';

/** Zeros around images [N, height, width, channels]. */
export interface Padding {
  images: number;
  channels: number;
  size: Pair;
  /** Zeros above and to the left. */
  margin: Pair;
  /** Height and width with the zeros on all sides. */
  padded: Pair;
}

/** Padding of a convolution's image, for the product itself and for its weight gradient: as far as any window reaches. */
export function imagePadding({ images, channels, window }: ConvolutionShape): Padding {
  const reach = pairwise(
    (axis) =>
      (window.output[axis] - 1) * window.stride[axis] + (window.kernel[axis] - 1) * window.dilation[axis] + 1,
  );
  const isPadded = window.padding.some((n) => n > 0);
  return {
    images,
    channels,
    size: window.image,
    margin: window.padding,
    padded: isPadded ? reach : window.image,
  };
}

/** Padding of the output's gradient, for the input gradient. */
export function gradientPadding({ images, outputs, window }: ConvolutionShape): Padding {
  // The taps of a pixel reach from output i - margin to output i + beyond.
  const margin = pairwise((axis) => {
    const back = (window.kernel[axis] - 1) * window.dilation[axis] - window.padding[axis];
    return Math.max(0, Math.floor(back / window.stride[axis]));
  });
  const padded = pairwise((axis) => {
    const beyond = Math.floor((window.stride[axis] - 1 + window.padding[axis]) / window.stride[axis]);
    const part = Math.ceil(window.image[axis] / window.stride[axis]);
    return margin[axis] + Math.max(window.output[axis], part + beyond);
  });
  return { images, channels: outputs, size: window.output, margin, padded };
}

/** False where the image can be read as it is. */
export function needsPadding({ size, margin, padded }: Padding): boolean {
  return ([0, 1] as const).some((axis) => margin[axis] > 0 || size[axis] !== padded[axis]);
}

/** Generated WGSL functions `image_at(i)` and `padded_set(i, value)`, and what they bind; numbers per access. */
export interface PadAccess {
  code: string;
  bindings: Binding[];
  unit: 1 | 4;
}

/** Copies images into the middle of larger ones that are zero around them. */
export function padImage({ images, channels, size, margin, padded }: Padding, access: PadAccess): Dispatch {
  const values = channels / access.unit;
  const lines = images * padded[0];
  const grid = lineGrid(padded[1] * values, lines);
  return {
    label: 'pad image',
    code: [
      access.code,
      expandTemplate(padSource, { ...grid.template, TYPE: access.unit === 4 ? 'vec4f' : 'f32' }),
    ].join('\n'),
    bindings: access.bindings,
    params: {
      type: 'Params',
      data: Uint32Array.of(
        size[0],
        size[1] * values,
        padded[0],
        padded[1] * values,
        margin[0],
        margin[1] * values,
        lines,
      ),
    },
    workgroups: grid.workgroups,
    flops: 0,
  };
}

const pairwise = (f: (axis: 0 | 1) => number): Pair => [f(0), f(1)];
