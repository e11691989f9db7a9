/**
 * A round of inversions cut into slices for successive steps, so that no step takes much longer than the others. Where it
 * is cut depends on sizes and settings alone, never on measured time: runs repeat bit for bit.
 */
import type { Factor, FactorSet, KfacLayer } from './factors.ts';

/** The slice of every layer. */
export interface Slicing {
  readonly count: number;
  readonly sliceOf: ReadonlyMap<KfacLayer, number>;
}

/** Operations to invert or decompose a matrix of side n, as multiples of n^3, where a warm start does not suffice. */
export const inversionCosts = {
  cholesky: 2,
  'cholesky-polished': 8,
  'newton-schulz': 12,
  eigenbasis: 9,
} as const;

/**
 * As few slices of about equal work as keep each near `budget` operations, at most `most`. Layers that share a factor stay
 * together, and so do both factors of a layer: what is published fits together.
 */
export function sliceLayers(set: FactorSet, cost: number, budget: number, most: number): Slicing {
  const units = sharingUnits(set).map(({ layers, factors }) => ({
    layers,
    work: [...factors].reduce((sum, { padded }) => sum + cost * padded ** 3, 0),
  }));
  const total = units.reduce((sum, { work }) => sum + work, 0);
  const pieces = Math.max(1, Math.min(Math.ceil(total / budget), most, units.length));
  const sliceOf = new Map<KfacLayer, number>();
  let [done, slice, last] = [0, -1, -1];
  for (const { layers, work } of units) {
    // The piece in whose share of the work the middle of this unit lies; pieces without a unit are left out.
    const piece = Math.min(pieces - 1, Math.floor(((done + work / 2) / total) * pieces));
    if (piece !== last) slice++;
    last = piece;
    done += work;
    for (const layer of layers) sliceOf.set(layer, slice);
  }
  return { count: slice + 1, sliceOf };
}

/** Layers and blocks that hang together by a factor of either side, in the order of the first of each. */
function sharingUnits({ layers }: FactorSet): { layers: KfacLayer[]; factors: Set<Factor> }[] {
  let units: { layers: KfacLayer[]; factors: Set<Factor> }[] = [];
  for (const layer of layers) {
    const near = units.filter(({ factors }) => factors.has(layer.a) || factors.has(layer.g));
    const unit = {
      layers: [...near.flatMap((other) => other.layers), layer],
      factors: new Set([...near.flatMap((other) => [...other.factors]), layer.a, layer.g]),
    };
    const [first] = near;
    units = first
      ? units.flatMap((other) => (other === first ? [unit] : near.includes(other) ? [] : [other]))
      : [...units, unit];
  }
  return units;
}

/** Jobs that are done by the same launches: those of one slice and one size, slice by slice. */
export function batches<J extends { readonly targets: readonly { readonly layer: KfacLayer }[] }>(
  jobs: readonly J[],
  slicing: Slicing | null,
  sideOf: (job: J) => number,
): { slice: number; side: number; members: J[] }[] {
  const slice = (job: J) => slicing?.sliceOf.get(job.targets[0]?.layer as KfacLayer) ?? 0;
  const sides = [...new Set(jobs.map(sideOf))].sort((a, b) => a - b);
  return Array.from({ length: slicing?.count ?? 1 }, (_, at) =>
    sides.flatMap((side) => {
      const members = jobs.filter((job) => slice(job) === at && sideOf(job) === side);
      return members.length > 0 ? [{ slice: at, side, members }] : [];
    }),
  ).flat();
}
