/** Which adapter and which kernels a table of measured choices belongs to. */
import type { KernelOwner } from '../../contract/training.ts';
import type { GpuContext } from '../device.ts';
import type { Dispatch } from '../dispatch.ts';
import type { MatmulArguments } from '../matmul/product.ts';
import { candidateNames, matmulVersion, variantLaunches } from '../matmul/variants.ts';
import { Region } from '../region.ts';
import { sourceVersion } from './source-version.ts';

/** Names come from drivers; no longer than this. */
const longestName = 400;

export function kernelOwner(gpu: GpuContext): KernelOwner {
  const { name, vendor, architecture } = gpu;
  return {
    adapter: [name, vendor, architecture].join(' | ').slice(0, longestName),
    version: sourceVersion([matmulVersion, ...samples.flatMap((sample) => loweredTexts(gpu, sample))]),
  };
}

const region = (label: string): Region => new Region(label, 4);

/**
 * Products whose launches stand for how all are made: what the TypeScript beside the kernels decides (templates' values,
 * grids, parameters, which variants there are) is part of their version without anybody having to remember it.
 */
const samples: readonly MatmulArguments[] = [
  { m: 128, n: 128, k: 512 },
  { m: 68, n: 36, k: 256, transposeA: true, rowSums: region('row sums') },
  { m: 37, n: 35, k: 130, transposeB: true, batch: 3, bias: region('bias') },
  { m: 64, n: 48, k: 96, transposeA: true, transposeB: true, alpha: 0.5 },
].map((shape) => ({ label: 'sample', a: region('A'), b: region('B'), c: region('C'), ...shape }));

function loweredTexts(gpu: GpuContext, sample: MatmulArguments): string[] {
  return candidateNames(sample, true).flatMap((name) => [
    name,
    ...variantLaunches({ gpu, scratch: region }, sample, name).map(textOf),
  ]);
}

function textOf({ code, bindings, params, workgroups }: Dispatch): string {
  const bound = bindings.map(({ name, type, write }) => `${name}: ${type} ${write}`);
  return JSON.stringify([code, bound, [...(params?.data ?? [])], workgroups]);
}
