/**
 * The ways a real GPU can make a product, by name, and which of them are worth a measurement for a given one. Names are
 * kept with the measured choices, so a name means the same for ever, or is dropped.
 */
import type { GpuContext } from '../device.ts';
import type { Dispatch } from '../dispatch.ts';
import type { Scratch } from '../region.ts';
import { candidatesOf, mostPartWords } from '../tuning/candidates.ts';
import { sizeClass, type TuningProblem } from '../tuning/kernel-choices.ts';
import { sourceVersion } from '../tuning/source-version.ts';
import sharedSource from './matmul-shared.wgsl';
import stridedSource from './matmul-strided.wgsl';
import sumPartsSource from './matmul-sum-parts.wgsl';
import tiledSource from './matmul-tiled.wgsl';
import { isWholeQuads, layoutOf, type MatmulArguments } from './product.ts';
import { registerProduct } from './registers.ts';
import { cutInner, splitProduct, slabDepth, type Block } from './shared.ts';

/** The variant that needs no memory of its own and runs everywhere: what is taken while nothing is known. */
export const plainVariant = 'registers';

const blocks: readonly Block[] = [
  { bm: 64, bn: 64, tm: 8, tn: 8 },
  { bm: 64, bn: 64, tm: 4, tn: 4 },
  { bm: 32, bn: 32, tm: 4, tn: 4 },
  { bm: 16, bn: 64, tm: 4, tn: 4 },
];

interface Shared {
  block: Block;
  /** Into how many parts K is cut at most. */
  parts: number;
}

const mostParts = 64;

const sharedVariants: ReadonlyMap<string, Shared> = new Map(
  blocks.flatMap((block) => {
    const powers = Array.from({ length: Math.log2(mostParts) + 1 }, (_, i) => 2 ** i);
    return powers.map((parts) => [nameOf(block, parts), { block, parts }] as const);
  }),
);

function nameOf({ bm, bn, tm, tn }: Block, parts: number): string {
  const name = `shared ${bm}x${bn} ${tm}x${tn}`;
  return parts === 1 ? name : `${name} in ${parts}`;
}

/** Changes with the kernels: choices measured with others say nothing. */
export const matmulVersion = sourceVersion([tiledSource, stridedSource, sharedSource, sumPartsSource]);

/** Whether there is such a variant, among those of one launch or among all. */
function isVariant(name: string, isSplit: boolean): boolean {
  const shared = sharedVariants.get(name);
  return name === plainVariant || (shared !== undefined && (isSplit || shared.parts === 1));
}

/** Launches of a variant; of the plain one, where the named one does not apply to this product. */
export function variantLaunches(lowering: Scratch, args: MatmulArguments, name: string): Dispatch[] {
  const shared = sharedVariants.get(name);
  if (!shared || !isWithinLimits(lowering.gpu, args, shared)) return [registerProduct(lowering.gpu, args)];
  return splitProduct(lowering, args, shared.block, shared.parts);
}

function isWithinLimits(gpu: GpuContext, args: MatmulArguments, { block, parts }: Shared): boolean {
  const { m, n, k, batch = 1 } = args;
  const cut = cutInner(k, parts).parts;
  const words = (slabDepth * 4 * (block.bm + block.bn + 8)) / 4;
  const { limits } = gpu.device;
  return (
    batch * cut <= limits.maxComputeWorkgroupsPerDimension &&
    (block.bm / block.tm) * (block.bn / block.tn) <= limits.maxComputeInvocationsPerWorkgroup &&
    words * 4 <= limits.maxComputeWorkgroupStorageSize &&
    (cut === 1 || cut * batch * m * n <= mostPartWords)
  );
}

/** Workgroups that keep a GPU busy, roughly: with fewer, K is cut. */
const enoughWorkgroups = 128;

/** A block of this side is tried however small the product is. */
const smallestBlock = 32;

/** Variants worth a measurement: no block of twice the product's size, no parts where there is work for everybody. */
export function candidateNames(args: MatmulArguments, isSplit: boolean): string[] {
  const { m, n, k, batch = 1 } = args;
  const names = [plainVariant];
  for (const block of blocks) {
    if (block.bm > Math.max(smallestBlock, 2 * m - 1) || block.bn > Math.max(smallestBlock, 2 * n - 1))
      continue;
    names.push(nameOf(block, 1));
    const workgroups = Math.ceil(m / block.bm) * Math.ceil(n / block.bn) * batch;
    const most = Math.min(mostParts, enoughWorkgroups / workgroups, k / (2 * slabDepth));
    const parts = 2 ** Math.floor(Math.log2(most));
    if (isSplit && parts >= 2) names.push(nameOf(block, parts));
    if (isSplit && parts >= 8) names.push(nameOf(block, parts / 4));
  }
  return names;
}

/** A product as a question to the measured choices: products of one layout and about one size share an answer. */
export function matmulProblem(args: MatmulArguments, isSplit: boolean): TuningProblem {
  const { m, n, k, batch = 1, transposeA = false, transposeB = false } = args;
  const layout = `${transposeA ? 'T' : 'N'}${transposeB ? 'T' : 'N'}${isWholeQuads(args) ? '4' : '1'}`;
  const extras = `${args.rowSums ? ' sums' : ''}${isSplit ? '' : ' whole'}`;
  return {
    key: `matmul ${layout} ${sizeClass([m, n, k, batch])}${extras}`,
    work: m * n * k * batch,
    words: (m * k + k * n + m * n) * batch,
    isName: (name) => isVariant(name, isSplit),
    candidates: (gpu) => candidatesOf(gpu, (lowering) => candidateLaunches(lowering, args, isSplit)),
  };
}

/** Each candidate's launches over the same scratch memory. */
function candidateLaunches(
  lowering: Scratch,
  args: MatmulArguments,
  isSplit: boolean,
): Map<string, Dispatch[]> {
  const { m, n, k, batch = 1, transposeA, transposeB } = args;
  const { lda, ldb, ldc, strideA, strideB, strideC } = layoutOf(args);
  const words = (stride: number, rows: number, row: number): number => (batch - 1) * stride + rows * row;
  const product: MatmulArguments = {
    label: 'candidate',
    ...{ m, n, k, batch, lda, ldb, ldc, strideA, strideB, strideC },
    ...(transposeA !== undefined && { transposeA }),
    ...(transposeB !== undefined && { transposeB }),
    a: lowering.scratch('candidate A', words(strideA, transposeA ? k : m, lda)),
    b: lowering.scratch('candidate B', words(strideB, transposeB ? n : k, ldb)),
    c: lowering.scratch('candidate C', words(strideC, m, ldc)),
    ...(args.rowSums && { rowSums: lowering.scratch('candidate row sums', m) }),
  };
  return new Map(
    candidateNames(args, isSplit).map((name) => [name, variantLaunches(lowering, product, name)]),
  );
}
