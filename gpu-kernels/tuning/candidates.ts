/** Memory that the variants of a problem are measured in. */
import { openScope, type GpuContext } from '../device.ts';
import type { Dispatch } from '../dispatch.ts';
import { placeInNewBuffer, Region, type Scratch } from '../region.ts';
import type { Candidates } from './kernel-choices.ts';

/** Partial sums that a variant keeps for a second launch take memory of the program; more than this is better used otherwise. */
export const mostPartWords = 2 ** 23;

/**
 * Lowers every variant over scratch memory of one scope. They are measured one after another, so that regions of one
 * label share their place; within a variant, labels must differ.
 */
export function candidatesOf(
  gpu: GpuContext,
  lower: (lowering: Scratch) => ReadonlyMap<string, readonly Dispatch[]>,
): Candidates {
  const scope = openScope(gpu);
  const regions = new Map<string, Region[]>();
  const scratch = (label: string, words: number): Region => {
    const region = new Region(label, words * 4);
    regions.set(label, [...(regions.get(label) ?? []), region]);
    return region;
  };
  const launches = lower({ gpu: scope, scratch });
  for (const [label, sharing] of regions) {
    const place = new Region(label, Math.max(...sharing.map(({ bytes }) => bytes)));
    const buffer = placeInNewBuffer(scope, label, [place]);
    for (const region of sharing) region.locate(buffer, place.offset);
  }
  return { scope, launches };
}
