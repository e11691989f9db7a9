/** Which adapter and which kernels a table of measured choices belongs to. */
import type { KernelOwner } from '../../contract/training.ts';
import { forwardProduct, gradientProduct, stepsOf } from '../convolution/gather-product.ts';
import { productCandidateLaunches } from '../convolution/product-variants.ts';
import { convolutionVersion } from '../convolution/variants.ts';
import { weightGradientCandidateLaunches } from '../convolution/weight-gradient-variants.ts';
import { placeWindow, type ConvolutionShape } from '../convolution/window.ts';
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
  const launches = [
    ...products.map((sample) => productLaunches(gpu, sample)),
    ...convolutions.flatMap((sample) => convolutionLaunches(gpu, sample)),
  ];
  return {
    adapter: [name, vendor, architecture].join(' | ').slice(0, longestName),
    version: sourceVersion([matmulVersion, convolutionVersion, ...launches.flatMap(textsOf)]),
  };
}

const region = (label: string): Region => new Region(label, 4);

/**
 * Products whose launches stand for how all are made: what the TypeScript beside the kernels decides (templates' values,
 * grids, parameters, which variants there are) is part of their version without anybody having to remember it.
 */
const products: readonly MatmulArguments[] = [
  { m: 128, n: 128, k: 512 },
  { m: 68, n: 36, k: 256, transposeA: true, rowSums: region('row sums') },
  { m: 37, n: 35, k: 130, transposeB: true, batch: 3, bias: region('bias') },
  { m: 64, n: 48, k: 96, transposeA: true, transposeB: true, alpha: 0.5 },
].map((shape) => ({ label: 'sample', a: region('A'), b: region('B'), c: region('C'), ...shape }));

/** The same of convolutions. */
const convolutions: readonly ConvolutionShape[] = [
  {
    ...{ images: 16, channels: 32, outputs: 64, groups: 1 },
    window: placeWindow('sample', [16, 16], { kernel: 3, padding: 1 }),
  },
  {
    ...{ images: 5, channels: 18, outputs: 30, groups: 2 },
    window: placeWindow('sample', [19, 17], { kernel: [3, 2], stride: 2, dilation: [1, 2] }),
  },
];

type NamedLaunches = ReadonlyMap<string, readonly Dispatch[]>;

function productLaunches(gpu: GpuContext, sample: MatmulArguments): NamedLaunches {
  const names = candidateNames(sample, true);
  return new Map(names.map((name) => [name, variantLaunches({ gpu, scratch: region }, sample, name)]));
}

function convolutionLaunches(gpu: GpuContext, sample: ConvolutionShape): NamedLaunches[] {
  const lowering = { gpu, scratch: region };
  const gathered = [forwardProduct(sample), gradientProduct(sample)].map((product) =>
    productCandidateLaunches(lowering, product, stepsOf(product), region('steps')),
  );
  return [...gathered, weightGradientCandidateLaunches(lowering, sample, true)];
}

function textsOf(launches: NamedLaunches): string[] {
  return [...launches].flatMap(([name, dispatches]) => [name, ...dispatches.map(textOf)]);
}

function textOf({ code, bindings, params, workgroups }: Dispatch): string {
  const bound = bindings.map(({ name, type, write }) => `${name}: ${type} ${write}`);
  return JSON.stringify([code, bound, [...(params?.data ?? [])], workgroups]);
}
