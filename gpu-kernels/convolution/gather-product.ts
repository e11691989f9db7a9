/**
 * A convolution and its input gradient as matrix products whose patches are read straight from the image. What makes them
 * fast is done before: the image gets its zeros around it (padding.ts), the weight an order in which neighbouring outputs
 * lie side by side. Both copies are small beside the product itself.
 */
import type { GpuContext } from '../device.ts';
import type { Access, Dispatch } from '../dispatch.ts';
import { linearGrid } from '../grid.ts';
import type { Region, Scratch } from '../region.ts';
import { expandTemplate } from '../template.ts';
import arrangeSource from './arrange-weight.wgsl';
import productSource from './gather-product.wgsl';
import { gradientPadding, imagePadding, type Padding } from './padding.ts';
import { forwardSteps, gradientSteps, type Steps } from './steps.ts';
import type { ProductTile } from './tiles.ts';
import { convolutionFlops, type ConvolutionShape, type Pair } from './window.ts';

/** A product without the memory it works on. */
export interface ProductShape {
  shape: ConvolutionShape;
  /** Whether this is the input gradient: the source is then the gradient by the output. */
  gradient: boolean;
  /** Of the source. */
  padding: Padding;
  /** Height and width of what one phase of the stride makes of the result. */
  part: Pair;
  result: Pair;
  /** Per group: what is summed over at each tap, and what comes out. */
  inner: number;
  outer: number;
}

export function forwardProduct(shape: ConvolutionShape): ProductShape {
  const { channels, outputs, groups, window } = shape;
  return {
    shape,
    gradient: false,
    padding: imagePadding(shape),
    part: window.output,
    result: window.output,
    inner: channels / groups,
    outer: outputs / groups,
  };
}

/** Every pixel gathers from the outputs whose windows it lies in. */
export function gradientProduct(shape: ConvolutionShape): ProductShape {
  const { channels, outputs, groups, window } = shape;
  return {
    shape,
    gradient: true,
    padding: gradientPadding(shape),
    part: [Math.ceil(window.image[0] / window.stride[0]), Math.ceil(window.image[1] / window.stride[1])],
    result: window.image,
    inner: outputs / groups,
    outer: channels / groups,
  };
}

export function stepsOf({ shape, gradient, padding }: ProductShape): Steps {
  return gradient ? gradientSteps(shape, padding) : forwardSteps(shape, padding);
}

/** Pixels that one phase of the stride makes. */
export function rowsOf({ shape, part }: ProductShape): number {
  return shape.images * part[0] * part[1];
}

/** How many numbers at a time a product writes. */
export function storeUnit({ outer }: ProductShape): 1 | 4 {
  return outer % 4 === 0 ? 4 : 1;
}

export function labelOf({ gradient }: ProductShape): string {
  return gradient ? 'convolution input gradient' : 'convolution';
}

/** What both ways of making a product bind. */
export interface ProductMemory {
  /** [N, height, width, channels], with its zeros around it. */
  source: Region;
  /** [outputs, channels / groups, kernel height, kernel width] */
  weight: Region;
  bias: Region | undefined;
  /** Called once, with the numbers per store: a WGSL function `result_set(i, value)`. */
  store: (unit: 1 | 4) => Access;
}

export interface GatherProduct extends ProductShape, ProductMemory {
  steps: Steps;
  /** `steps.table` */
  table: Region;
}

/**
 * Whether a tile is stored in a loop: with more steps nobody feels what the loop costs, and longer stores take a software
 * adapter too long to compile once for every row of a tile. From measurements.
 */
function isStoredInLoop(gpu: GpuContext, steps: number, store: Access): boolean {
  return gpu.adapterClass === 'software' && (steps > 512 || store.code.length > 400);
}

/** Workgroups along the outputs of a group, along the rows of a phase, and for all groups and phases. */
export function productGrid(
  product: ProductShape,
  { phases }: Pick<Steps, 'phases'>,
  tile: ProductTile,
): [number, number, number] {
  return [
    Math.ceil(product.outer / (tile.tn * tile.wx)),
    Math.ceil(rowsOf(product) / (tile.tm * tile.wy)),
    product.shape.groups * phases[0] * phases[1],
  ];
}

/** Two launches: the weight arranged, and the product. */
export function gatherProduct(lowering: Scratch, product: GatherProduct, tile: ProductTile): Dispatch[] {
  const { gpu } = lowering;
  const { shape, gradient, padding, part, result, inner, outer, steps, table, bias } = product;
  const { window, groups } = shape;
  const workgroups = productGrid(product, steps, tile);
  const columns = workgroups[0] * tile.tn * tile.wx;
  const arranged = lowering.scratch('arranged weight', groups * steps.count * columns);
  const unit = storeUnit(product);
  const store = product.store(unit);
  const launch: Dispatch = {
    label: labelOf(product),
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
        GRADIENT: gradient,
        UNIT: unit,
        BIAS: bias !== undefined,
      }),
    ].join('\n'),
    bindings: [
      { name: 'source', type: 'array<f32>', region: product.source, write: false },
      { name: 'weight', type: 'array<vec4f>', region: arranged, write: false },
      { name: 'table', type: 'array<u32>', region: table, write: false },
      ...(bias ? [{ name: 'bias', type: 'array<f32>', region: bias, write: false }] : []),
      ...store.bindings,
    ],
    params: {
      type: 'Params',
      data: Uint32Array.of(
        rowsOf(product),
        ...part,
        ...result,
        ...padding.padded,
        inner * groups,
        outer * groups,
        inner,
        outer,
        columns,
        steps.count,
        ...(gradient ? [1, 1] : window.stride),
        ...steps.phases,
      ),
    },
    workgroups,
    flops: convolutionFlops(shape),
  };
  return [arrange(product, arranged, columns), launch];
}

function arrange(product: GatherProduct, arranged: Region, columns: number): Dispatch {
  const { shape, gradient, outer, weight, steps, table } = product;
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
