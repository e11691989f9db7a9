/** Which adapter and which kernels a table of measured choices belongs to. */
import type { KernelOwner } from '../../contract/training.ts';
import type { GpuContext } from '../device.ts';
import { matmulVersion } from '../matmul/variants.ts';

/** Names come from drivers; no longer than this. */
const longestName = 400;

export function kernelOwner({ name, vendor, architecture }: GpuContext): KernelOwner {
  return { adapter: [name, vendor, architecture].join(' | ').slice(0, longestName), version: matmulVersion };
}
