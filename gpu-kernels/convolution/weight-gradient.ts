/**
 * Gradients by weight and bias: sums over all pixels, split into slices so that small weights fill the machine, and a
 * second launch that adds the slices up.
 */
import type { Dispatch } from '../dispatch.ts';
import { linearGrid } from '../grid.ts';
import type { Region, Scratch } from '../region.ts';
import { expandTemplate } from '../template.ts';
import { directWeightGradient, weightSlices } from './direct.ts';
import { imagePadding } from './padding.ts';
import { gridOfSlice, type WeightGradientSizes, type WeightGradientTile } from './tiles.ts';
import sumSource from './weight-gradient-sum.wgsl';
import weightGradientSource from './weight-gradient.wgsl';
import { convolutionFlops, type ConvolutionShape } from './window.ts';

export interface WeightGradientArguments {
  shape: ConvolutionShape;
  /** Padded as `imagePadding` says. */
  image: Region;
  /** Gradient by the output, not padded. */
  gradient: Region;
  /** Takes the weight's gradient, in PyTorch's layout. */
  weight: Region;
  /** Takes the bias gradient, when there is a bias. */
  bias?: Region;
}

const label = 'convolution weight gradient';

/** What the kernel sees of a group: outputs by columns (kernel row, kernel column, channel), summed over pixels. */
export function weightGradientSizes({
  images,
  channels,
  outputs,
  groups,
  window,
}: ConvolutionShape): WeightGradientSizes {
  return {
    outputs: outputs / groups,
    columns: (window.kernel[0] * window.kernel[1] * channels) / groups,
    groups,
    pixels: images * window.output[0] * window.output[1],
  };
}

/** Whether a quad of columns is one vec4 of the image. */
export function isWholeQuads({ channels, groups }: ConvolutionShape): boolean {
  return (channels / groups) % 4 === 0;
}

/** As a matrix product. */
export function tiledWeightGradient(
  lowering: Scratch,
  args: WeightGradientArguments,
  tile: WeightGradientTile,
): Dispatch[] {
  const { shape } = args;
  const { window, groups } = shape;
  const sizes = weightGradientSizes(shape);
  const quads = isWholeQuads(shape);
  const [across, down] = gridOfSlice(sizes, tile);
  const slices = Math.ceil(sizes.pixels / tile.slice);
  const partials = partialsOf(lowering, args, slices);
  const launch: Dispatch = {
    label,
    code: expandTemplate(weightGradientSource, {
      TO: tile.to,
      TC: tile.tc,
      WX: tile.wx,
      WY: tile.wy,
      LANES: tile.lanes,
      MATRICES: lowering.gpu.adapterClass === 'software',
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
        sizes.pixels,
        tile.slice,
        ...window.output,
        ...imagePadding(shape).padded,
        shape.channels,
        shape.outputs,
        shape.channels / groups,
        sizes.outputs,
        sizes.columns,
        window.kernel[1],
        ...window.stride,
        ...window.dilation,
        down / groups,
      ),
    },
    workgroups: [across, down, slices],
    flops: convolutionFlops(shape),
  };
  return [launch, sumPartials(args, partials)];
}

/** Number by number, for small groups. */
export function untiledWeightGradient(lowering: Scratch, args: WeightGradientArguments): Dispatch[] {
  const { shape } = args;
  const lines = weightSlices(lowering.gpu, shape);
  const partials = partialsOf(lowering, args, lines.slices);
  const sums = directWeightGradient(shape, {
    ...lines,
    label,
    image: args.image,
    padding: imagePadding(shape),
    gradient: args.gradient,
    partials: partials.weight,
    distance: columnPitch(shape),
    biasPartials: partials.bias,
    flops: convolutionFlops(shape),
  });
  return [sums, sumPartials(args, partials)];
}

/** Columns up to whole quads. */
export function columnPitch(shape: ConvolutionShape): number {
  return Math.ceil(weightGradientSizes(shape).columns / 4) * 4;
}

interface Partials {
  slices: number;
  /** [slice][output][columns up to whole quads] */
  weight: Region;
  /** [slice][output] */
  bias?: Region;
}

function partialsOf(lowering: Scratch, { shape, bias }: WeightGradientArguments, slices: number): Partials {
  const words = slices * shape.outputs;
  return {
    slices,
    weight: lowering.scratch('partial weight gradients', words * columnPitch(shape)),
    ...(bias ? { bias: lowering.scratch('partial bias gradients', words) } : {}),
  };
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
      data: Uint32Array.of(slices, shape.outputs, channels, taps, columnPitch(shape), count),
    },
    workgroups: grid.workgroups,
    flops: slices * count,
  };
}
