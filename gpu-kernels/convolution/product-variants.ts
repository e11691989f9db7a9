/** The tiles a real GPU can make a convolution or its input gradient with, and which of them are worth a measurement. */
import type { GpuContext } from '../device.ts';
import { regionWriter, type Dispatch } from '../dispatch.ts';
import { uploadTable, type Region, type Scratch } from '../region.ts';
import { candidatesOf } from '../tuning/candidates.ts';
import { sizeClass, type TuningProblem } from '../tuning/kernel-choices.ts';
import {
  gatherProduct,
  labelOf,
  productGrid,
  rowsOf,
  storeUnit,
  type GatherProduct,
  type ProductShape,
} from './gather-product.ts';
import type { Steps } from './steps.ts';
import { productTile, type ProductTile } from './tiles.ts';
import { isWithinLimits, plainVariant, walkOf, workgroupsTried, type Workgroup } from './variants.ts';
import { convolutionFlops } from './window.ts';

const tiles = [
  { tm: 4, tn: 4 },
  { tm: 8, tn: 4 },
  { tm: 8, tn: 8 },
  { tm: 16, tn: 4 },
] as const;

/** The widest first: with them each pixel is read by the fewest. */
const workgroups: readonly Workgroup[] = [
  { wx: 16, wy: 16 },
  { wx: 16, wy: 4 },
  { wx: 8, wy: 8 },
  { wx: 4, wy: 16 },
  { wx: 2, wy: 32 },
];

const byTile: readonly (readonly ProductTile[])[] = tiles.map((tile) =>
  workgroups.map((workgroup) => ({ ...tile, ...workgroup, lanes: false })),
);

const variants: ReadonlyMap<string, ProductTile> = new Map(byTile.flat().map((tile) => [nameOf(tile), tile]));

/** What a thread makes, and how many threads a workgroup has. */
function nameOf({ tm, tn, wx, wy }: ProductTile): string {
  return `${tm}x${tn} ${wx}x${wy}`;
}

export const productVariants: readonly string[] = [plainVariant, ...variants.keys()];

/** Launches of a variant; of the plain one, where the named one does not apply to this product. */
export function productLaunches(lowering: Scratch, product: GatherProduct, name: string): Dispatch[] {
  const { gpu } = lowering;
  const tile = variants.get(name);
  const applies = tile && isWithinLimits(gpu, tile, productGrid(product, product.steps, tile));
  return gatherProduct(lowering, product, applies ? tile : plainTile(gpu, product, product.steps));
}

function plainTile(gpu: GpuContext, product: ProductShape, { count }: Steps): ProductTile {
  return productTile(gpu, rowsOf(product), count, product.outer);
}

/** Variants worth a measurement: within the limits of the adapter, and no workgroup of twice the product's size. */
export function productCandidates(gpu: GpuContext, product: ProductShape, steps: Steps): string[] {
  const fits = (tile: ProductTile): boolean =>
    tile.tn * tile.wx < 2 * product.outer &&
    tile.tm * tile.wy < 2 * rowsOf(product) &&
    isWithinLimits(gpu, tile, productGrid(product, steps, tile));
  const plain = nameOf(plainTile(gpu, product, steps));
  const names = byTile.flatMap((sameTile) => sameTile.filter(fits).slice(0, workgroupsTried).map(nameOf));
  return [plainVariant, ...names.filter((name) => name !== plain)];
}

/** A product as a question to the measured choices: products of one window and about one size share an answer. */
export function productProblem(product: ProductShape, steps: Steps): TuningProblem {
  const { shape, inner, outer } = product;
  const sizes = sizeClass([rowsOf(product), inner, outer, shape.groups]);
  return {
    key: `${labelOf(product)} ${walkOf(shape)} by ${storeUnit(product)}: ${sizes}`,
    work: convolutionFlops(shape) / 2,
    words: Object.values(wordsOf(product)).reduce((total, words) => total + words),
    isName: (name) => productVariants.includes(name),
    candidates: (gpu) =>
      candidatesOf(gpu, (lowering) => {
        const table = uploadTable(lowering.gpu, 'convolution steps', steps.table);
        return productCandidateLaunches(lowering, product, steps, table);
      }),
  };
}

/** Each candidate's launches over the same scratch memory. */
export function productCandidateLaunches(
  lowering: Scratch,
  product: ProductShape,
  steps: Steps,
  table: Region,
): Map<string, Dispatch[]> {
  const words = wordsOf(product);
  const result = lowering.scratch('candidate result', words.result);
  const onScratch: GatherProduct = {
    ...product,
    steps,
    table,
    source: lowering.scratch('candidate source', words.source),
    weight: lowering.scratch('candidate weight', words.weight),
    bias: undefined,
    store: (unit) => regionWriter('result', result, unit === 4 ? 'vec4f' : 'f32'),
  };
  return new Map(
    productCandidates(lowering.gpu, product, steps).map((name) => [
      name,
      productLaunches(lowering, onScratch, name),
    ]),
  );
}

function wordsOf({ shape, padding, result, inner, outer }: ProductShape) {
  const { images, groups, window } = shape;
  return {
    source: images * padding.padded[0] * padding.padded[1] * inner * groups,
    weight: outer * groups * inner * window.kernel[0] * window.kernel[1],
    result: images * result[0] * result[1] * outer * groups,
  };
}
