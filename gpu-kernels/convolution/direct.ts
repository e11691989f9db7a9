/**
 * Convolutions whose groups hold so few channels that a matrix product of each group would mostly load and hardly
 * multiply: depthwise ones above all. Every number is summed by itself; four neighbouring channels go together.
 */
import type { GpuContext } from '../device.ts';
import type { Access, Dispatch } from '../dispatch.ts';
import { linearGrid } from '../grid.ts';
import type { Region } from '../region.ts';
import { expandTemplate } from '../template.ts';
import directWeightSource from './direct-weight-gradient.wgsl';
import directSource from './direct.wgsl';
import type { Padding } from './padding.ts';
import type { ConvolutionShape, Pair } from './window.ts';

/**
 * Whether a product whose groups make `outer` numbers of each pixel is summed number by number. From measurements: with
 * two numbers already a tile of a matrix product, half of it empty, is faster.
 */
export function isDirectProduct({ groups }: ConvolutionShape, outer: number): boolean {
  return groups > 1 && outer === 1;
}

/** Up to this many channels and outputs of a group the weight gradient is summed number by number; from measurements. */
const smallGroup = 4;

export function isDirectWeightGradient({ channels, outputs, groups }: ConvolutionShape): boolean {
  return groups > 1 && channels <= smallGroup * groups && outputs <= smallGroup * groups;
}

export interface DirectProduct {
  label: string;
  /** Whether this is the input gradient: the source is then the gradient by the output. */
  gradient: boolean;
  source: Region;
  padding: Padding;
  weight: Region;
  bias: Region | undefined;
  /** Height and width of the result. */
  result: Pair;
  store: Access;
  flops: number;
}

/** Pixels a thread makes: they share the weights it has loaded. */
const pixelsPerThread = 4;

/** Numbers that go together: `store` takes so many. */
export function directUnit(shape: ConvolutionShape, gradient: boolean): 1 | 4 {
  return (gradient ? shape.channels : shape.outputs) % 4 === 0 ? 4 : 1;
}

/** The convolution, or its input gradient, in one launch. */
export function directProduct(shape: ConvolutionShape, what: DirectProduct): Dispatch {
  const { channels, outputs, groups, window, images } = shape;
  const { gradient, padding, result, store, bias } = what;
  const unit = directUnit(shape, gradient);
  const [pitch, sourcePitch] = gradient ? [channels, outputs] : [outputs, channels];
  const depthwise = isDepthwise(shape) && unit === 4;
  const pixels = images * result[0] * result[1];
  const grid = linearGrid(Math.ceil(pixels / pixelsPerThread) * (pitch / unit), 64);
  return {
    label: what.label,
    code: [
      store.code,
      expandTemplate(directSource, {
        U: unit,
        P: pixelsPerThread,
        DEPTHWISE: depthwise,
        GRADIENT: gradient,
        STRIDED: gradient && window.stride.some((stride) => stride > 1),
        BIAS: bias !== undefined,
        ROW: grid.row,
      }),
    ].join('\n'),
    bindings: [
      { name: 'source', type: depthwise ? 'array<vec4f>' : 'array<f32>', region: what.source, write: false },
      { name: 'weight', type: 'array<f32>', region: what.weight, write: false },
      ...(bias ? [{ name: 'bias', type: 'array<f32>', region: bias, write: false }] : []),
      ...store.bindings,
    ],
    params: {
      type: 'Params',
      data: Uint32Array.of(
        pixels,
        ...result,
        ...padding.padded,
        pitch,
        sourcePitch,
        pitch / groups,
        sourcePitch / groups,
        channels / groups,
        ...window.kernel,
        ...window.stride,
        ...window.dilation,
        ...window.padding,
        ...padding.margin,
        grid.count,
      ),
    },
    workgroups: grid.workgroups,
    flops: what.flops,
  };
}

const isDepthwise = ({ channels, outputs, groups }: ConvolutionShape): boolean =>
  channels === groups && outputs === groups;

/** Threads that keep an adapter of each class busy. */
const enoughThreads = { software: 2 ** 11, gpu: 2 ** 15 } as const;

/** Into how many slices of how many lines of the output the sums of the weight gradient are cut. */
export function weightSlices(gpu: GpuContext, shape: ConvolutionShape): { lines: number; slices: number } {
  const { images, channels, outputs, groups, window } = shape;
  const all = images * window.output[0];
  const threads = ((outputs / weightUnit(shape)) * window.kernel[0] * channels) / groups;
  const wanted = Math.min(all, 256, Math.max(1, Math.ceil(enoughThreads[gpu.adapterClass] / threads)));
  const lines = Math.ceil(all / wanted);
  return { lines, slices: Math.ceil(all / lines) };
}

const weightUnit = ({ outputs }: ConvolutionShape): 1 | 4 => (outputs % 4 === 0 ? 4 : 1);

export interface DirectWeightGradient {
  label: string;
  image: Region;
  padding: Padding;
  gradient: Region;
  lines: number;
  slices: number;
  /** [slice][output][tap][channel up to whole vec4s], and its distance between outputs. */
  partials: Region;
  distance: number;
  /** [slice][output] */
  biasPartials: Region | undefined;
  flops: number;
}

/** Partial sums of the weight and bias gradients. */
export function directWeightGradient(shape: ConvolutionShape, what: DirectWeightGradient): Dispatch {
  const { images, channels, outputs, groups, window } = shape;
  const { padding, biasPartials, lines, slices, distance } = what;
  const unit = weightUnit(shape);
  const depthwise = isDepthwise(shape) && unit === 4;
  const type = unit === 4 ? 'array<vec4f>' : 'array<f32>';
  const count = (outputs / unit) * window.kernel[0] * (channels / groups) * slices;
  const grid = linearGrid(count, 64);
  return {
    label: what.label,
    code: expandTemplate(directWeightSource, {
      U: unit,
      KW: window.kernel[1],
      DEPTHWISE: depthwise,
      BIAS: biasPartials !== undefined,
      ROW: grid.row,
    }),
    bindings: [
      { name: 'source', type: depthwise ? 'array<vec4f>' : 'array<f32>', region: what.image, write: false },
      { name: 'gradient', type, region: what.gradient, write: false },
      { name: 'partials', type: 'array<f32>', region: what.partials, write: true },
      ...(biasPartials
        ? [{ name: 'biasPartials', type: 'array<f32>', region: biasPartials, write: true }]
        : []),
    ],
    params: {
      type: 'Params',
      data: Uint32Array.of(
        images * window.output[0],
        lines,
        ...window.output,
        ...padding.padded,
        outputs,
        channels,
        outputs / groups,
        channels / groups,
        window.kernel[0],
        ...window.stride,
        ...window.dilation,
        distance,
        grid.count,
      ),
    },
    workgroups: grid.workgroups,
    flops: what.flops,
  };
}
