/**
 * Two-dimensional convolution, its input gradient and its weight and bias gradients, as matrix products whose patches
 * are read straight from the image. Images are [N, height, width, channels], weights in PyTorch's layout. What makes
 * the products fast is done before them: the image gets its zeros around it (padding.ts), the weight an order in which
 * neighbouring outputs lie side by side. Both copies are small beside the product itself.
 */
import type { GpuContext } from '../device.ts';
import type { Access, Dispatch } from '../dispatch.ts';
import { linearGrid } from '../grid.ts';
import { uploadTable, type Region } from '../region.ts';
import { expandTemplate } from '../template.ts';
import arrangeSource from './arrange-weight.wgsl';
import productSource from './gather-product.wgsl';
import {
  directProduct,
  directUnit,
  directWeightGradient,
  isDirectProduct,
  isDirectWeightGradient,
  weightSlices,
} from './direct.ts';
import { gradientPadding, imagePadding, type Padding } from './padding.ts';
import { forwardSteps, gradientSteps, type Steps } from './steps.ts';
import { productTile, weightGradientTile } from './tiles.ts';
import sumSource from './weight-gradient-sum.wgsl';
import weightGradientSource from './weight-gradient.wgsl';
import type { ConvolutionShape, Pair } from './window.ts';

interface Common {
  shape: ConvolutionShape;
  /** Gives memory for this launch only. */
  scratch: (label: string, words: number) => Region;
}

export interface ForwardArguments extends Common {
  /** [N, height, width, channels], padded as `imagePadding` says. */
  image: Region;
  /** [outputs, channels / groups, kernel height, kernel width] */
  weight: Region;
  bias?: Region;
  /** Called once, with the numbers per store: a WGSL function `result_set(i, value)`. */
  store: (unit: 1 | 4) => Access;
}

/** result[n, y, x, o] = bias[o] + sum over channels and taps of image * weight. */
export function convolutionForward(gpu: GpuContext, args: ForwardArguments): Dispatch[] {
  const { channels, outputs, groups, window } = args.shape;
  return product(gpu, args, {
    label: 'convolution',
    gradient: false,
    source: args.image,
    padding: imagePadding(args.shape),
    part: window.output,
    result: window.output,
    inner: channels / groups,
    outer: outputs / groups,
  });
}

export interface InputGradientArguments extends Common {
  /** Gradient by the output, [N, output height, output width, outputs], padded as `gradientPadding` says. */
  gradient: Region;
  weight: Region;
  store: (unit: 1 | 4) => Access;
}

/** The gradient by the image: every pixel gathers from the outputs whose windows it lies in. */
export function convolutionInputGradient(gpu: GpuContext, args: InputGradientArguments): Dispatch[] {
  const { channels, outputs, groups, window } = args.shape;
  return product(gpu, args, {
    label: 'convolution input gradient',
    gradient: true,
    source: args.gradient,
    padding: gradientPadding(args.shape),
    part: [Math.ceil(window.image[0] / window.stride[0]), Math.ceil(window.image[1] / window.stride[1])],
    result: window.image,
    inner: outputs / groups,
    outer: channels / groups,
  });
}

interface Product {
  label: string;
  gradient: boolean;
  source: Region;
  padding: Padding;
  /** Height and width of what one phase makes of the result. */
  part: Pair;
  result: Pair;
  /** Per group: what is summed over at each tap, and what comes out. */
  inner: number;
  outer: number;
}

/**
 * Whether a tile is stored in a loop: with more steps nobody feels what the loop costs, and longer stores take a software
 * adapter too long to compile once for every row of a tile. From measurements.
 */
function isStoredInLoop(gpu: GpuContext, steps: number, store: Access): boolean {
  return gpu.adapterClass === 'software' && (steps > 512 || store.code.length > 400);
}

function product(
  gpu: GpuContext,
  args: ForwardArguments | InputGradientArguments,
  what: Product,
): Dispatch[] {
  const { shape } = args;
  const { window, groups } = shape;
  const { outer } = what;
  if (isDirectProduct(shape, outer)) return [direct(args, what)];
  const rows = shape.images * what.part[0] * what.part[1];
  const steps = what.gradient ? gradientSteps(shape, what.padding) : forwardSteps(shape, what.padding);
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
        MATRICES: gpu.adapterClass === 'software',
        LOOPED: isStoredInLoop(gpu, steps.count, store),
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
        ...what.padding.padded,
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

function direct(args: ForwardArguments | InputGradientArguments, what: Product): Dispatch {
  const { shape, weight } = args;
  return directProduct(shape, {
    ...what,
    weight,
    bias: 'bias' in args ? args.bias : undefined,
    store: args.store(directUnit(shape, what.gradient)),
    flops: flopsOf(shape),
  });
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
  /** Padded as `imagePadding` says. */
  image: Region;
  /** Gradient by the output, not padded. */
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
  const quads = channels % 4 === 0;
  const tile = weightGradientTile(gpu, { outputs, columns, groups, pixels });
  const ofLines = isDirectWeightGradient(shape) ? weightSlices(gpu, shape) : null;
  const slices = ofLines?.slices ?? Math.ceil(pixels / tile.slice);
  const pitch = Math.ceil(columns / 4) * 4;
  const partials: Partials = {
    slices,
    weight: args.scratch('partial weight gradients', slices * shape.outputs * pitch),
    ...(args.bias ? { bias: args.scratch('partial bias gradients', slices * shape.outputs) } : {}),
  };
  if (ofLines) {
    const sums = directWeightGradient(shape, {
      ...ofLines,
      label: 'convolution weight gradient',
      image: args.image,
      padding: imagePadding(shape),
      gradient: args.gradient,
      partials: partials.weight,
      distance: pitch,
      biasPartials: partials.bias,
      flops: flopsOf(shape),
    });
    return [sums, sumPartials(args, partials)];
  }
  const tiles = Math.ceil(outputs / (tile.to * tile.wy));
  const launch: Dispatch = {
    label: 'convolution weight gradient',
    code: expandTemplate(weightGradientSource, {
      TO: tile.to,
      TC: tile.tc,
      WX: tile.wx,
      WY: tile.wy,
      LANES: tile.lanes,
      MATRICES: gpu.adapterClass === 'software',
      LOADS: tile.lanes ? tile.to / 4 : tile.to,
      QUADS: quads,
      BIAS: args.bias !== undefined,
    }),
    bindings: [
      { name: 'source', type: quads ? 'array<vec4f>' : 'array<f32>', region: args.image, write: false },
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
        ...imagePadding(shape).padded,
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
  return [launch, sumPartials(args, partials)];
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

/** Multiplications and additions of one of the three products. */
function flopsOf({ images, channels, outputs, groups, window }: ConvolutionShape): number {
  const pixels = images * window.output[0] * window.output[1];
  return 2 * pixels * outputs * (channels / groups) * window.kernel[0] * window.kernel[1];
}
