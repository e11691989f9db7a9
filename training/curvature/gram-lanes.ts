/** Second moments on software adapters with subgroups of four lanes, of rows or of the patches of padded images. */
import { imagePadding } from '../../gpu-kernels/convolution/padding.ts';
import type { ConvolutionShape } from '../../gpu-kernels/convolution/window.ts';
import type { GpuContext } from '../../gpu-kernels/device.ts';
import { floatBits, type Dispatch } from '../../gpu-kernels/dispatch.ts';
import { expandTemplate } from '../../gpu-kernels/template.ts';
import { factorWriter, withStep } from './factor-writer.ts';
import { addSlices, targetOf, type GramArguments } from './gram.ts';
import source from './gram-lanes.wgsl';

/** Patches of images that have their zeros around them (`imagePadding`), as rows of a second moment. */
export interface PatchGramArguments extends Omit<
  GramArguments,
  'rows' | 'stride' | 'first' | 'width' | 'limit' | 'weights'
> {
  /** Outputs do not matter. */
  shape: ConvolutionShape;
}

/** Blocks that are enough to keep the cores busy; fewer are split along the rows. */
const enoughBlocks = 8;
/** Fewer rows are not worth a slice of their own, and small matrices not the blocks they would hardly fill. */
const rowsOfSlice = 256;
const leastSide = 24;
/** From so many columns on blocks have 32 rows instead of 16. */
const fromTall = 256;

/** Whether the kernel can make a second moment, and is made for it. */
export function takesLanes(gpu: GpuContext, args: GramArguments): boolean {
  const { first = 0, width, stride = width, limit, rows } = args;
  return (
    hasLanes(gpu) &&
    !limit &&
    [first, stride, width].every((n) => n % 4 === 0) &&
    width >= leastSide &&
    rows >= 64
  );
}

/** Whether patches can be read from the image itself. */
export function takesPatches(gpu: GpuContext, { channels, groups }: ConvolutionShape): boolean {
  return hasLanes(gpu) && groups === 1 && channels % 4 === 0;
}

function hasLanes(gpu: GpuContext): boolean {
  return gpu.adapterClass === 'software' && gpu.fourLaneSubgroups;
}

/** As `gram`. */
export function gramByLanes(args: GramArguments): Dispatch[] {
  const { first = 0, width, stride = width, rows } = args;
  return launch(args, rows, width, [first, stride], null);
}

/** factor = alpha * [P 1]^T [P 1] (+ factor), P the patches [N * positions, C * KH * KW] of x, columns as in PyTorch's weight. */
export function patchGram(args: PatchGramArguments): Dispatch[] {
  const { images, channels, window } = args.shape;
  const rows = images * window.output[0] * window.output[1];
  const width = channels * window.kernel[0] * window.kernel[1];
  return launch(args, rows, width, [0, width], args.shape);
}

function launch(
  args: Omit<GramArguments, 'rows' | 'width'>,
  rows: number,
  width: number,
  [first, stride]: readonly [number, number],
  patches: ConvolutionShape | null,
): Dispatch[] {
  const { x, ones, weights, scale, padded, alpha } = args;
  const tall = tallBlocks(width);
  const blocks = countBlocks(width, tall);
  const slices = Math.max(1, Math.min(Math.floor(enoughBlocks / blocks), Math.floor(rows / rowsOfSlice)));
  const words = padded * padded;
  const target = targetOf(args, slices, words);
  const writer = factorWriter(target, 'F', patches ? 'f32' : 'vec4f');
  const group = blocks * slices >= 32 ? 4 : 1;
  const made: Dispatch = {
    label: args.label,
    code: [
      writer.code,
      expandTemplate(source, {
        TM: tall,
        ONES: ones,
        WEIGHTED: weights !== undefined,
        SCALED: scale !== undefined,
        PATCHES: patches !== null,
        GROUP: group,
      }),
    ].join('\n'),
    bindings: [
      { name: 'X', type: 'array<vec4f>', region: x, write: false },
      ...(weights ? [{ name: 'weights', type: 'array<f32>', region: weights, write: false }] : []),
      ...(scale ? [{ name: 'scale', type: 'array<f32>', region: scale, write: false }] : []),
      ...writer.bindings,
    ],
    params: {
      type: 'Params',
      data: Uint32Array.of(
        rows,
        width,
        padded,
        blocks,
        slices,
        floatBits(alpha),
        first,
        stride,
        ...(patches ? walkOf(patches) : new Array<number>(10).fill(0)),
      ),
    },
    workgroups: [1, Math.ceil(blocks / group), slices],
    flops: rows * (width + 1) * width,
  };
  return [withStep(made, target), ...addSlices(args, target.factor, slices)];
}

/** Rows of a block: the more, the less is loaded, and the more of the blocks on the diagonal is made twice. */
function tallBlocks(width: number): 16 | 32 {
  return width >= fromTall ? 32 : 16;
}

/** Blocks of so many rows and 32 columns on or below the diagonal. */
function countBlocks(width: number, tall: 16 | 32): number {
  const rowsOfBlocks = Math.ceil(width / tall);
  let count = 0;
  for (let i = 0; i < rowsOfBlocks; i++) count += Math.floor((i * tall) / 32) + 1;
  return count;
}

/** How the rows and columns of patches lie in the padded image, in vec4s. */
function walkOf(shape: ConvolutionShape): number[] {
  const { channels, window } = shape;
  const { kernel, output, stride, dilation } = window;
  const [height, width] = imagePadding(shape).padded;
  const quads = channels / 4;
  const line = width * quads;
  return [
    channels,
    kernel[0] * kernel[1],
    kernel[1],
    output[0] * output[1],
    output[1],
    height * line,
    stride[0] * line,
    stride[1] * quads,
    dilation[0] * line,
    dilation[1] * quads,
  ];
}
