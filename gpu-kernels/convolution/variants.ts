/**
 * What the measured tiles of a convolution's matrix products have in common. Their names are kept with the choices, so a
 * name means the same for ever, or is dropped.
 */
import type { GpuContext } from '../device.ts';
import { sourceVersion } from '../tuning/source-version.ts';
import arrangeSource from './arrange-weight.wgsl';
import productSource from './gather-product.wgsl';
import sumSource from './weight-gradient-sum.wgsl';
import weightGradientSource from './weight-gradient.wgsl';
import type { ConvolutionShape } from './window.ts';

/** The tile of `tiles.ts`, which runs everywhere: what is taken while nothing is known. */
export const plainVariant = 'plain';

/** Changes with the kernels: choices measured with others say nothing. */
export const convolutionVersion = sourceVersion([
  productSource,
  arrangeSource,
  weightGradientSource,
  sumSource,
]);

export interface Workgroup {
  wx: number;
  wy: number;
}

/** So many workgroups are tried with each tile: the first that fit the problem, because they share the most. */
export const workgroupsTried = 2;

export function isWithinLimits(
  { device: { limits } }: GpuContext,
  { wx, wy }: Workgroup,
  grid: readonly number[],
): boolean {
  return (
    wx * wy <= limits.maxComputeInvocationsPerWorkgroup &&
    wx <= limits.maxComputeWorkgroupSizeX &&
    wy <= limits.maxComputeWorkgroupSizeY &&
    grid.every((count) => count <= limits.maxComputeWorkgroupsPerDimension)
  );
}

/** How a window walks, as far as the products feel it: they read images that have their zeros around them already. */
export function walkOf({ window: { kernel, stride, dilation } }: ConvolutionShape): string {
  return `${kernel.join('x')} stride ${stride.join('x')} dilation ${dilation.join('x')}`;
}
