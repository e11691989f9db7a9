/**
 * Register tiles of the convolution products by adapter class. On a software adapter every load is a four-lane gather, so
 * tiles are as big as compiling them in a few tenths of a second allows, as measured; a GPU wants many threads, and takes
 * these tiles where no others were measured to be faster.
 */
import type { GpuContext } from '../device.ts';
import type { Pair } from './window.ts';

/** A thread holds tm pixels x tn outputs; a workgroup is wx threads along the outputs, wy along the pixels. */
export interface ProductTile {
  tm: number;
  tn: number;
  wx: number;
  wy: number;
  /** Four neighbouring threads share their pixels by subgroup broadcasts. */
  lanes: boolean;
}

/** Products of fewer multiplications than this never earn back what a big tile takes to compile. */
const smallProduct = 2 ** 19;
/** From here on the largest tiles do, within a few hundred steps. */
const largeProduct = 2 ** 24;
/** The same for the weight gradient. */
const largeWeightGradient = 2 ** 25;

/** Tile for a product of [rows, inner] with [inner, outputs]. */
export function productTile(gpu: GpuContext, rows: number, inner: number, outputs: number): ProductTile {
  if (gpu.adapterClass === 'gpu') {
    const wx = Math.min(8, powerOfTwo(Math.ceil(outputs / 4)));
    return { tm: 4, tn: 4, wx, wy: 64 / wx, lanes: false };
  }
  const work = rows * inner * outputs;
  const isSmall = work < smallProduct;
  if (!gpu.fourLaneSubgroups || outputs < 12) {
    return { tm: isSmall ? 2 : 8, tn: 4, wx: 1, wy: 16, lanes: false };
  }
  // Threads beyond the last output compute nothing of use: the narrow tile loads more but may waste less.
  const wide = Math.ceil(outputs / 32) * 32;
  const narrow = Math.ceil(outputs / 16) * 16;
  const tn = isSmall || narrow * 1.2 < wide ? 4 : 8;
  const tm = isSmall ? 4 : work < largeProduct ? 16 : tn === 8 ? 32 : 48;
  return { tm, tn, wx: 4, wy: 4, lanes: true };
}

/** A thread holds `to` outputs x `tc` quads of columns; a workgroup is wx threads along the columns, wy along the outputs. */
export interface SliceTile {
  to: number;
  tc: number;
  wx: number;
  wy: number;
  /** Four neighbouring threads share their outputs by subgroup broadcasts. */
  lanes: boolean;
}

export interface WeightGradientTile extends SliceTile {
  /** The pixels are cut into slices of so many, a multiple of 4. */
  slice: number;
}

/** A product of [outputs, pixels] with [pixels, columns], in each group. */
export interface WeightGradientSizes {
  outputs: number;
  columns: number;
  groups: number;
  pixels: number;
}

/** Workgroups of one slice of the pixels: along the columns, and along the outputs of all groups. */
export function gridOfSlice({ outputs, columns, groups }: WeightGradientSizes, tile: SliceTile): Pair {
  return [Math.ceil(columns / (4 * tile.tc * tile.wx)), Math.ceil(outputs / (tile.to * tile.wy)) * groups];
}

/** Pixels of a slice where there are to be so many at most. */
export function sliceOf(pixels: number, slices: number): number {
  return Math.max(shortestSlice, Math.ceil(pixels / slices / 4) * 4);
}

export function weightGradientTile(gpu: GpuContext, sizes: WeightGradientSizes): WeightGradientTile {
  const { outputs, columns, groups, pixels } = sizes;
  const quads = Math.ceil(columns / 4);
  const sliced = (tile: SliceTile, enough: number): WeightGradientTile => {
    const [across, down] = gridOfSlice(sizes, tile);
    const slices = Math.max(1, Math.ceil(enough / (across * down)));
    return { ...tile, slice: sliceOf(pixels, slices) };
  };
  if (gpu.adapterClass === 'gpu') {
    const wx = Math.min(16, powerOfTwo(quads));
    return sliced({ to: Math.min(4, outputs), tc: 1, wx, wy: 64 / wx, lanes: false }, 256);
  }
  if (!gpu.fourLaneSubgroups || outputs < 8) {
    return sliced({ to: Math.min(8, outputs), tc: Math.min(2, quads), wx: 1, wy: 1, lanes: false }, 64);
  }
  const to = outputs > 16 ? 32 : outputs > 8 ? 16 : 8;
  const isLarge = outputs * columns * groups * pixels >= largeWeightGradient;
  // Of two and three quads a thread, what leaves fewer threads without columns.
  const wide = quads > 8 && Math.ceil(quads / 12) * 3 <= Math.ceil(quads / 8) * 2 ? 3 : 2;
  const tc = quads <= 4 ? 1 : isLarge ? wide : to === 32 ? 1 : 2;
  return sliced({ to, tc, wx: 4, wy: 1, lanes: true }, 48);
}

/** Fewer pixels than this are not worth a partial sum of their own. */
export const shortestSlice = 16;

const powerOfTwo = (atLeast: number): number => 2 ** Math.ceil(Math.log2(atLeast));
