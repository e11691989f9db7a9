/** The tiles a real GPU can make a convolution's weight gradient with, and which of them are worth a measurement. */
import type { GpuContext } from '../device.ts';
import type { Dispatch } from '../dispatch.ts';
import type { Scratch } from '../region.ts';
import { candidatesOf, mostPartWords } from '../tuning/candidates.ts';
import { sizeClass, type TuningProblem } from '../tuning/kernel-choices.ts';
import { imagePadding } from './padding.ts';
import {
  gridOfSlice,
  shortestSlice,
  sliceOf,
  weightGradientTile,
  type SliceTile,
  type WeightGradientSizes,
} from './tiles.ts';
import { isWithinLimits, plainVariant, walkOf, workgroupsTried, type Workgroup } from './variants.ts';
import {
  columnPitch,
  isWholeQuads,
  tiledWeightGradient,
  weightGradientSizes,
  type WeightGradientArguments,
} from './weight-gradient.ts';
import { convolutionFlops, type ConvolutionShape } from './window.ts';

const tiles = [
  { to: 4, tc: 1 },
  { to: 8, tc: 1 },
  { to: 4, tc: 2 },
  { to: 8, tc: 2 },
] as const;

/** Those first that share what they load most evenly. */
const workgroups: readonly Workgroup[] = [
  { wx: 16, wy: 16 },
  { wx: 16, wy: 4 },
  { wx: 8, wy: 8 },
  { wx: 32, wy: 2 },
  { wx: 64, wy: 1 },
];

const byTile: readonly (readonly SliceTile[])[] = tiles.map((tile) =>
  workgroups.map((workgroup) => ({ ...tile, ...workgroup, lanes: false })),
);

interface Variant {
  tile: SliceTile;
  /** Into how many slices the pixels are cut at most. */
  slices: number;
}

const mostSlices = 1024;

const variants: ReadonlyMap<string, Variant> = new Map(
  byTile.flat().flatMap((tile) => {
    const powers = Array.from({ length: Math.log2(mostSlices) + 1 }, (_, i) => 2 ** i);
    return powers.map((slices) => [nameOf(tile, slices), { tile, slices }] as const);
  }),
);

/** What a thread makes, how many threads a workgroup has, and the slices. */
function nameOf({ to, tc, wx, wy }: SliceTile, slices: number): string {
  return `${to}x${tc} ${wx}x${wy} in ${slices}`;
}

/** Launches of a variant; of the plain one, where the named one does not apply to this convolution. */
export function weightGradientLaunches(
  lowering: Scratch,
  args: WeightGradientArguments,
  name: string,
): Dispatch[] {
  const { gpu } = lowering;
  const { shape } = args;
  const variant = variants.get(name);
  const sizes = weightGradientSizes(shape);
  const tile =
    variant && applies(gpu, shape, variant)
      ? { ...variant.tile, slice: sliceOf(sizes.pixels, variant.slices) }
      : weightGradientTile(gpu, sizes);
  return tiledWeightGradient(lowering, args, tile);
}

function applies(gpu: GpuContext, shape: ConvolutionShape, { tile, slices }: Variant): boolean {
  return (
    isWithinLimits(gpu, tile, [...gridOfSlice(weightGradientSizes(shape), tile), slices]) &&
    slices * shape.outputs * columnPitch(shape) <= mostPartWords
  );
}

/** Threads that keep a small GPU busy, and a large one: the pixels are cut into slices for either. */
const enoughThreads = [2 ** 14, 2 ** 16] as const;

/** Variants worth a measurement: within the limits of the adapter, and no workgroup of twice the product's size. */
export function weightGradientCandidates(gpu: GpuContext, shape: ConvolutionShape): string[] {
  const sizes = weightGradientSizes(shape);
  const fits = (tile: SliceTile): boolean =>
    tile.to * tile.wy < 2 * sizes.outputs &&
    4 * tile.tc * tile.wx < 2 * sizes.columns &&
    isWithinLimits(gpu, tile, gridOfSlice(sizes, tile));
  const { slice, ...plain } = weightGradientTile(gpu, sizes);
  const isPlain = ({ tile, slices }: Variant): boolean =>
    nameOf(tile, slices) === nameOf(plain, slices) && sliceOf(sizes.pixels, slices) === slice;
  const candidates = byTile
    .flatMap((sameTile) => sameTile.filter(fits).slice(0, workgroupsTried))
    .flatMap((tile) => slicesOf(sizes, tile).map((slices) => ({ tile, slices })))
    .filter((variant) => applies(gpu, shape, variant) && !isPlain(variant));
  return [plainVariant, ...candidates.map(({ tile, slices }) => nameOf(tile, slices))];
}

function slicesOf(sizes: WeightGradientSizes, tile: SliceTile): number[] {
  const [across, down] = gridOfSlice(sizes, tile);
  const threads = across * down * tile.wx * tile.wy;
  const most = Math.min(mostSlices, Math.ceil(sizes.pixels / shortestSlice));
  const wanted = enoughThreads.map((enough) => Math.max(1, Math.min(most, enough / threads)));
  return [...new Set(wanted.map((slices) => 2 ** Math.floor(Math.log2(slices))))];
}

/** A weight gradient as a question to the measured choices: those of one window and about one size share an answer. */
export function weightGradientProblem(shape: ConvolutionShape, bias: boolean): TuningProblem {
  const { pixels, outputs, groups } = weightGradientSizes(shape);
  const sizes = sizeClass([pixels, shape.channels / groups, outputs, groups]);
  const layout = `${isWholeQuads(shape) ? 4 : 1}${bias ? ' with sums' : ''}`;
  return {
    key: `convolution weight gradient ${walkOf(shape)} by ${layout}: ${sizes}`,
    work: convolutionFlops(shape) / 2,
    words: Object.values(wordsOf(shape)).reduce((total, words) => total + words),
    isName: (name) => name === plainVariant || variants.has(name),
    candidates: (gpu) =>
      candidatesOf(gpu, (lowering) => weightGradientCandidateLaunches(lowering, shape, bias)),
  };
}

/** Each candidate's launches over the same scratch memory. */
export function weightGradientCandidateLaunches(
  lowering: Scratch,
  shape: ConvolutionShape,
  bias: boolean,
): Map<string, Dispatch[]> {
  const words = wordsOf(shape);
  const args: WeightGradientArguments = {
    shape,
    image: lowering.scratch('candidate image', words.image),
    gradient: lowering.scratch('candidate gradient', words.gradient),
    weight: lowering.scratch('candidate weight gradient', words.weight),
    ...(bias && { bias: lowering.scratch('candidate bias gradient', shape.outputs) }),
  };
  return new Map(
    weightGradientCandidates(lowering.gpu, shape).map((name) => [
      name,
      weightGradientLaunches(lowering, args, name),
    ]),
  );
}

function wordsOf(shape: ConvolutionShape) {
  const { images, channels, outputs } = shape;
  const [height, width] = imagePadding(shape).padded;
  const { pixels, columns } = weightGradientSizes(shape);
  return { image: images * height * width * channels, gradient: pixels * outputs, weight: outputs * columns };
}
