/**
 * Two-dimensional convolution, its input gradient and its weight and bias gradients, as matrix products whose patches
 * are read straight from the image. Images are [N, height, width, channels], weights in PyTorch's layout. What makes
 * the products fast is done before them: the image gets its zeros around it, the weight an order in which neighbouring
 * outputs lie side by side. Both copies are small beside the product itself.
 */
import type { GpuContext } from '../device.ts';
import type { Binding, Dispatch } from '../dispatch.ts';
import { linearGrid } from '../grid.ts';
import { uploadTable, type Region } from '../region.ts';
import { expandTemplate } from '../template.ts';
import arrangeSource from './arrange-weight.wgsl';
import productSource from './gather-product.wgsl';
import padSource from './pad-image.wgsl';
import { forwardSteps, gradientSteps, type Steps } from './steps.ts';
import { productTile, weightGradientTile } from './tiles.ts';
import sumSource from './weight-gradient-sum.wgsl';
import weightGradientSource from './weight-gradient.wgsl';
import type { ConvolutionShape, Pair } from './window.ts';

/** A generated WGSL function `result_set(i, value)` that stores one number or one vec4, and what it binds. */
export interface Store {
  code: string;
  bindings: Binding[];
}

interface Common {
  shape: ConvolutionShape;
  /** Gives memory for this launch only. */
  scratch: (label: string, words: number) => Region;
}

export interface ForwardArguments extends Common {
  /** [N, height, width, channels] */
  image: Region;
  /** [outputs, channels / groups, kernel height, kernel width] */
  weight: Region;
  bias?: Region;
  /** Called once, with the numbers per store. */
  store: (unit: 1 | 4) => Store;
}

/** result[n, y, x, o] = bias[o] + sum over channels and taps of image * weight. */
export function convolutionForward(gpu: GpuContext, args: ForwardArguments): Dispatch[] {
  const { shape } = args;
  const { window, groups } = shape;
  const source = padded(args, args.image, forwardPadding(shape));
  return [
    ...source.launches,
    ...product(gpu, args, {
      label: 'convolution',
      gradient: false,
      source: source.region,
      sourceSize: source.size,
      margin: [0, 0],
      part: window.output,
      result: window.output,
      inner: shape.channels / groups,
      outer: shape.outputs / groups,
    }),
  ];
}

export interface InputGradientArguments extends Common {
  /** Gradient by the output, [N, output height, output width, outputs]. */
  gradient: Region;
  weight: Region;
  store: (unit: 1 | 4) => Store;
}

/** The gradient by the image: every pixel gathers from the outputs whose windows it lies in. */
export function convolutionInputGradient(gpu: GpuContext, args: InputGradientArguments): Dispatch[] {
  const { shape } = args;
  const { window, groups } = shape;
  const part = pairwise((axis) => Math.ceil(window.image[axis] / window.stride[axis]));
  // The taps of a pixel reach from output i - margin to output i + beyond.
  const margin = pairwise((axis) => {
    const back = (window.kernel[axis] - 1) * window.dilation[axis] - window.padding[axis];
    return Math.max(0, Math.floor(back / window.stride[axis]));
  });
  const size = pairwise((axis) => {
    const beyond = Math.floor((window.stride[axis] - 1 + window.padding[axis]) / window.stride[axis]);
    return margin[axis] + Math.max(window.output[axis], part[axis] + beyond);
  });
  const source = padded(args, args.gradient, {
    size: window.output,
    channels: shape.outputs,
    margin,
    padded: size,
  });
  return [
    ...source.launches,
    ...product(gpu, args, {
      label: 'convolution input gradient',
      gradient: true,
      source: source.region,
      sourceSize: source.size,
      margin,
      part,
      result: window.image,
      inner: shape.outputs / groups,
      outer: shape.channels / groups,
    }),
  ];
}

interface Padding {
  size: Pair;
  channels: number;
  /** Zeros above and to the left. */
  margin: Pair;
  padded: Pair;
}

/** The image with zeros around it, or the image itself where it needs none. */
function padded(
  { shape, scratch }: Common,
  image: Region,
  { size, channels, margin, padded: target }: Padding,
): { region: Region; size: Pair; launches: Dispatch[] } {
  if (target[0] === size[0] && target[1] === size[1]) return { region: image, size, launches: [] };
  const unit = channels % 4 === 0 ? 4 : 1;
  const words = shape.images * target[0] * target[1] * channels;
  const region = scratch('padded image', words);
  const type = unit === 4 ? 'vec4f' : 'f32';
  const grid = linearGrid(words / unit, 64);
  const launch: Dispatch = {
    label: 'pad image',
    code: expandTemplate(padSource, { TYPE: type, ROW: grid.row }),
    bindings: [
      { name: 'image', type: `array<${type}>`, region: image, write: false },
      { name: 'padded', type: `array<${type}>`, region, write: true },
    ],
    params: {
      type: 'Params',
      data: Uint32Array.of(...size, channels / unit, ...target, ...margin, grid.count),
    },
    workgroups: grid.workgroups,
    flops: 0,
  };
  return { region, size: target, launches: [launch] };
}

interface Product {
  label: string;
  gradient: boolean;
  source: Region;
  sourceSize: Pair;
  margin: Pair;
  /** Height and width of what one phase makes of the result. */
  part: Pair;
  result: Pair;
  /** Per group: what is summed over at each tap, and what comes out. */
  inner: number;
  outer: number;
}

function product(
  gpu: GpuContext,
  args: ForwardArguments | InputGradientArguments,
  what: Product,
): Dispatch[] {
  const { shape } = args;
  const { window, groups } = shape;
  const { outer } = what;
  const rows = shape.images * what.part[0] * what.part[1];
  const steps = what.gradient
    ? gradientSteps(shape, what.margin, what.sourceSize)
    : forwardSteps(shape, what.sourceSize);
  const tile = productTile(gpu, rows, steps.count, outer);
  const columns = Math.ceil(outer / (tile.tn * tile.wx)) * tile.tn * tile.wx;
  const table = uploadTable(gpu, 'convolution steps', steps.table);
  const arranged = args.scratch('arranged weight', groups * steps.count * columns);
  const unit = outer % 4 === 0 ? 4 : 1;
  const store = args.store(unit);
  const bias = 'bias' in args ? args.bias : undefined;
  const launch: Dispatch = {
    label: what.label,
    code: [
      store.code,
      expandTemplate(productSource, {
        TM: tile.tm,
        TN: tile.tn,
        WX: tile.wx,
        WY: tile.wy,
        LANES: tile.lanes,
        GRADIENT: what.gradient,
        UNIT: unit,
        BIAS: bias !== undefined,
      }),
    ].join('\n'),
    bindings: [
      { name: 'source', type: 'array<f32>', region: what.source, write: false },
      { name: 'weight', type: 'array<vec4f>', region: arranged, write: false },
      { name: 'table', type: 'array<u32>', region: table, write: false },
      ...(bias ? [{ name: 'bias', type: 'array<f32>', region: bias, write: false }] : []),
      ...store.bindings,
    ],
    params: {
      type: 'Params',
      data: Uint32Array.of(
        rows,
        ...what.part,
        ...what.result,
        ...what.sourceSize,
        what.inner * groups,
        outer * groups,
        what.inner,
        outer,
        columns,
        steps.count,
        ...(what.gradient ? [1, 1] : window.stride),
        ...steps.phases,
      ),
    },
    workgroups: [
      columns / (tile.tn * tile.wx),
      Math.ceil(rows / (tile.tm * tile.wy)),
      groups * steps.phases[0] * steps.phases[1],
    ],
    flops: flopsOf(shape),
  };
  return [arrange(args, { table, arranged, steps, outer, columns, gradient: what.gradient }), launch];
}

interface Arrangement {
  table: Region;
  arranged: Region;
  steps: Steps;
  outer: number;
  columns: number;
  gradient: boolean;
}

function arrange(
  { shape, weight }: ForwardArguments | InputGradientArguments,
  { table, arranged, steps, outer, columns, gradient }: Arrangement,
): Dispatch {
  const { window, groups } = shape;
  const filter = (window.kernel[0] * window.kernel[1] * shape.channels) / groups;
  const grid = linearGrid(groups * steps.count * columns, 64);
  return {
    label: 'arrange weight',
    code: expandTemplate(arrangeSource, { ROW: grid.row }),
    bindings: [
      { name: 'weight', type: 'array<f32>', region: weight, write: false },
      { name: 'table', type: 'array<u32>', region: table, write: false },
      { name: 'arranged', type: 'array<f32>', region: arranged, write: true },
    ],
    params: {
      type: 'Params',
      data: Uint32Array.of(
        steps.count,
        outer,
        columns,
        steps.table.length - steps.count,
        gradient ? window.kernel[0] * window.kernel[1] : filter,
        (filter * shape.outputs) / groups,
        grid.count,
      ),
    },
    workgroups: grid.workgroups,
    flops: 0,
  };
}

export interface WeightGradientArguments extends Common {
  image: Region;
  /** Gradient by the output. */
  gradient: Region;
  /** Takes the weight's gradient, in PyTorch's layout. */
  weight: Region;
  /** Takes the bias gradient, when there is a bias. */
  bias?: Region;
}

/** Gradients by weight and bias: sums over all pixels, split into slices so that small weights fill the machine. */
export function convolutionWeightGradient(gpu: GpuContext, args: WeightGradientArguments): Dispatch[] {
  const { shape } = args;
  const { window, groups } = shape;
  const channels = shape.channels / groups;
  const outputs = shape.outputs / groups;
  const columns = window.kernel[0] * window.kernel[1] * channels;
  const pixels = shape.images * window.output[0] * window.output[1];
  const source = padded(args, args.image, forwardPadding(shape));
  const quads = channels % 4 === 0;
  const tile = weightGradientTile(gpu, { outputs, columns, groups, pixels });
  const slices = Math.ceil(pixels / tile.slice);
  const pitch = Math.ceil(columns / 4) * 4;
  const partials: Partials = {
    slices,
    weight: args.scratch('partial weight gradients', slices * shape.outputs * pitch),
    ...(args.bias ? { bias: args.scratch('partial bias gradients', slices * shape.outputs) } : {}),
  };
  const tiles = Math.ceil(outputs / (tile.to * tile.wy));
  const launch: Dispatch = {
    label: 'convolution weight gradient',
    code: expandTemplate(weightGradientSource, {
      TO: tile.to,
      TC: tile.tc,
      WX: tile.wx,
      WY: tile.wy,
      LANES: tile.lanes,
      LOADS: tile.lanes ? tile.to / 4 : tile.to,
      QUADS: quads,
      BIAS: args.bias !== undefined,
    }),
    bindings: [
      { name: 'source', type: quads ? 'array<vec4f>' : 'array<f32>', region: source.region, write: false },
      { name: 'gradient', type: 'array<f32>', region: args.gradient, write: false },
      { name: 'partials', type: 'array<vec4f>', region: partials.weight, write: true },
      ...(partials.bias
        ? [{ name: 'biasPartials', type: 'array<f32>', region: partials.bias, write: true }]
        : []),
    ],
    params: {
      type: 'Params',
      data: Uint32Array.of(
        pixels,
        tile.slice,
        ...window.output,
        ...source.size,
        shape.channels,
        shape.outputs,
        channels,
        outputs,
        columns,
        window.kernel[1],
        ...window.stride,
        ...window.dilation,
        tiles,
      ),
    },
    workgroups: [Math.ceil(columns / (4 * tile.tc * tile.wx)), tiles * groups, slices],
    flops: flopsOf(shape),
  };
  return [...source.launches, launch, sumPartials(args, partials)];
}

interface Partials {
  slices: number;
  /** [slice][output][columns up to whole quads] */
  weight: Region;
  /** [slice][output] */
  bias?: Region;
}

function sumPartials({ shape, weight, bias }: WeightGradientArguments, partials: Partials): Dispatch {
  const taps = shape.window.kernel[0] * shape.window.kernel[1];
  const channels = shape.channels / shape.groups;
  const { slices } = partials;
  const count = shape.outputs * (taps * channels + (bias ? 1 : 0));
  const grid = linearGrid(count, 64);
  return {
    label: 'sum of partial weight gradients',
    code: expandTemplate(sumSource, { ROW: grid.row, BIAS: bias !== undefined }),
    bindings: [
      { name: 'partials', type: 'array<f32>', region: partials.weight, write: false },
      { name: 'weight', type: 'array<f32>', region: weight, write: true },
      ...(bias && partials.bias
        ? [
            { name: 'biasPartials', type: 'array<f32>', region: partials.bias, write: false },
            { name: 'bias', type: 'array<f32>', region: bias, write: true },
          ]
        : []),
    ],
    params: {
      type: 'Params',
      data: Uint32Array.of(
        slices,
        shape.outputs,
        channels,
        taps,
        Math.ceil((taps * channels) / 4) * 4,
        count,
      ),
    },
    workgroups: grid.workgroups,
    flops: slices * count,
  };
}

/** Zeros around the image as far as any window reaches; none where the convolution pads nothing. */
function forwardPadding({ window, channels }: ConvolutionShape): Padding {
  const reach = pairwise(
    (axis) =>
      (window.output[axis] - 1) * window.stride[axis] + (window.kernel[axis] - 1) * window.dilation[axis] + 1,
  );
  const pads = window.padding.some((n) => n > 0);
  return { size: window.image, channels, margin: window.padding, padded: pads ? reach : window.image };
}

/** Multiplications and additions of one of the three products. */
function flopsOf({ images, channels, outputs, groups, window }: ConvolutionShape): number {
  const pixels = images * window.output[0] * window.output[1];
  return 2 * pixels * outputs * (channels / groups) * window.kernel[0] * window.kernel[1];
}

const pairwise = (f: (axis: 0 | 1) => number): Pair => [f(0), f(1)];
