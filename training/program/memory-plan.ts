/**
 * Where intermediate tensors live: every tensor gets a range of one arena such that no two that are alive at the same
 * time overlap.
 */
import { createRandom } from '../../datasets/random.ts';
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

/** How far from the lower bound a plan may stay without another attempt. */
const closeEnough = 1.01;
const mostAttempts = 300;
/** Attempts times the square of the number of regions: what about five milliseconds are enough for. */
const mostWork = 1.2e6;
/** Attempts take regions by their size times e to a power up to this, either way. */
const spread = 1.5;

/**
 * Places the largest first, and where that leaves gaps tries again in other orders, drawn from a fixed seed: which region
 * finds a gap is luck, and a few attempts mostly reach the lower bound. Equal lifetimes give equal plans.
 */
export function planMemory(lifetimes: readonly Lifetime[]): MemoryPlan {
  const least = largestLiveSet(lifetimes);
  const bySize = lifetimes.map((lifetime) => ({ lifetime, rank: lifetime.region.bytes }));
  let best = placeInOrder(bySize, Infinity);
  const attempts = Math.min(mostAttempts, Math.floor(mostWork / lifetimes.length ** 2));
  const random = createRandom(1);
  for (let i = 1; i < attempts && best && best.bytes > closeEnough * least; i++) {
    const moved = bySize.map(({ lifetime, rank }) => {
      const power = spread * (random.nextUint32() / 2 ** 31 - 1);
      return { lifetime, rank: rank * Math.exp(power) };
    });
    best = placeInOrder(moved, best.bytes) ?? best;
  }
  return {
    bytes: best?.bytes ?? 0,
    largestLiveSet: least,
    offsets: best?.offsets ?? new Map<Region, number>(),
  };
}

interface Placed {
  lifetime: Lifetime;
  offset: number;
  end: number;
}

/** Each at the lowest free offset, the highest rank first; null as soon as that needs `limit` bytes. */
function placeInOrder(
  ranked: readonly { lifetime: Lifetime; rank: number }[],
  limit: number,
): { bytes: number; offsets: Map<Region, number> } | null {
  const order = [...ranked].sort((a, b) => b.rank - a.rank || a.lifetime.first - b.lifetime.first);
  const offsets = new Map<Region, number>();
  /** By offset. */
  const placed: Placed[] = [];
  let bytes = 0;
  for (const { lifetime } of order) {
    const need = alignBytes(lifetime.region.bytes);
    let offset = 0;
    for (const other of placed) {
      const { first, last } = other.lifetime;
      if (first > lifetime.last || lifetime.first > last) continue;
      if (offset + need <= other.offset) break;
      offset = Math.max(offset, other.end);
    }
    const end = offset + need;
    bytes = Math.max(bytes, end);
    if (bytes >= limit) return null;
    let place = placed.length;
    while (place > 0 && (placed[place - 1]?.offset ?? 0) > offset) place--;
    placed.splice(place, 0, { lifetime, offset, end });
    offsets.set(lifetime.region, offset);
  }
  return { bytes, offsets };
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
