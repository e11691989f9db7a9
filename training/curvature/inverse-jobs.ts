/** Which matrices a round inverts, for whom, and which of them in the same launches. */
import { Region } from '../../gpu-kernels/region.ts';
import type { Factor, FactorSet, KfacLayer } from './factors.ts';
import { batches, type Slicing } from './slices.ts';

/** A side of a layer that takes the result. */
export interface Target {
  layer: KfacLayer;
  side: 'a' | 'g';
}

/** One matrix to invert and the layers that use the result. */
export interface InverseJob {
  readonly factor: Factor;
  /** The other factor of the layer, which the pi rule needs. */
  readonly partner: Factor;
  readonly targets: Target[];
}

/** Matrices of one size that are inverted together. */
export interface JobGroup {
  slice: number;
  /** Side of the work matrices, a multiple of 32. */
  side: number;
  jobs: InverseJob[];
  /** Number of the group's first job, and of its first target. */
  firstJob: number;
  firstTarget: number;
  status: Region;
  /** u32 per job: 1 where the newest inversion was a warm start. Laid out as `status`. */
  warm: Region;
}

/**
 * A factor that several layers or blocks share is inverted once, unless its damping depends on the other factor of each of
 * them.
 */
export function inverseJobs(set: FactorSet, needsPartner: boolean): InverseJob[] {
  const jobs: InverseJob[] = [];
  for (const layer of set.layers) {
    for (const side of ['a', 'g'] as const) {
      const factor = layer[side];
      const shared = needsPartner ? undefined : jobs.find((job) => job.factor === factor);
      if (shared) shared.targets.push({ layer, side });
      else jobs.push({ factor, partner: layer[side === 'a' ? 'g' : 'a'], targets: [{ layer, side }] });
    }
  }
  return jobs;
}

export function groupJobs(jobs: readonly InverseJob[], slicing: Slicing | null): JobGroup[] {
  let firstJob = 0;
  let firstTarget = 0;
  return batches(jobs, slicing, workSide).map(({ slice, side, members }) => {
    const group = {
      ...{ slice, side, jobs: members, firstJob, firstTarget },
      status: new Region('inversion status', members.length * 4),
      warm: new Region('warm starts', members.length * 4),
    };
    firstJob += members.length;
    firstTarget += members.reduce((sum, job) => sum + job.targets.length, 0);
    return group;
  });
}

/** The blocked Cholesky works on whole 32 x 32 blocks. */
function workSide(job: InverseJob): number {
  return Math.ceil(job.factor.size / 32) * 32;
}
