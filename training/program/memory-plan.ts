/**
 * Where intermediate tensors live: every tensor gets a range of one arena such that no two that are alive at the same
 * time overlap. Greedy by size (the largest first, each at the lowest free offset), which for training programs lands
 * within a few percent of the largest live set.
 */
import { alignBytes, type Region } from '../../gpu-kernels/region.ts';

export interface Lifetime {
  region: Region;
  /** First and last position in the launch order where the memory is used. */
  first: number;
  last: number;
}

export interface MemoryPlan {
  bytes: number;
  /** The most bytes alive at one position: no plan can do with less. */
  largestLiveSet: number;
  offsets: Map<Region, number>;
}

export function planMemory(lifetimes: readonly Lifetime[]): MemoryPlan {
  const offsets = new Map<Region, number>();
  const placed: { lifetime: Lifetime; offset: number; end: number }[] = [];
  let bytes = 0;
  const bySize = [...lifetimes].sort((a, b) => b.region.bytes - a.region.bytes || a.first - b.first);
  for (const lifetime of bySize) {
    const need = alignBytes(lifetime.region.bytes);
    const blocking = placed
      .filter((p) => p.lifetime.first <= lifetime.last && lifetime.first <= p.lifetime.last)
      .sort((a, b) => a.offset - b.offset);
    let offset = 0;
    for (const block of blocking) {
      if (offset + need <= block.offset) break;
      offset = Math.max(offset, block.end);
    }
    placed.push({ lifetime, offset, end: offset + need });
    offsets.set(lifetime.region, offset);
    bytes = Math.max(bytes, offset + need);
  }
  return { bytes, largestLiveSet: largestLiveSet(lifetimes), offsets };
}

/** The most bytes of these regions alive at one position. */
export function largestLiveSet(lifetimes: readonly Lifetime[]): number {
  const changes = new Map<number, number>();
  for (const { region, first, last } of lifetimes) {
    changes.set(first, (changes.get(first) ?? 0) + alignBytes(region.bytes));
    changes.set(last + 1, (changes.get(last + 1) ?? 0) - alignBytes(region.bytes));
  }
  let live = 0;
  let most = 0;
  for (const position of [...changes.keys()].sort((a, b) => a - b)) {
    live += changes.get(position) ?? 0;
    most = Math.max(most, live);
  }
  return most;
}
