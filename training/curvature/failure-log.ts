/**
 * What failed in a round of inversions or decompositions, written down on the GPU so that no step waits for it: counts
 * that are read with the metrics, and of every newest failure its step and the damping from then on. One place for each
 * job, then one for each factor, whose average may stop being finite.
 */
import type { GpuContext } from '../../gpu-kernels/device.ts';
import type { Binding } from '../../gpu-kernels/dispatch.ts';
import { uploadTable, type Region } from '../../gpu-kernels/region.ts';
import type { NewestFailure } from '../optimisers/layer-optimiser.ts';
import type { Factor, FactorSet } from './factors.ts';
import raisedSource from './raised-damping.wgsl';

/** WGSL of `Failure` and of how damping rises and sinks, for kernels that bind the log. */
export { raisedSource };

export class FailureLog {
  /** u32: how often the decomposition of each job failed; then per factor of the set how often its average was not finite. */
  readonly counts: Region;
  /** `Failure` of the same places. */
  readonly latest: Region;
  private readonly jobs: readonly { factor: Factor }[];
  private readonly set: FactorSet;
  private readonly words: { failed: string; kept: string };

  /** `words`: what failed, and what was kept. */
  constructor(
    gpu: GpuContext,
    jobs: readonly { factor: Factor }[],
    set: FactorSet,
    words: { failed: string; kept: string },
  ) {
    const places = jobs.length + set.factors.length;
    this.jobs = jobs;
    this.set = set;
    this.words = words;
    this.counts = uploadTable(gpu, 'failures', new Uint32Array(places));
    this.latest = uploadTable(gpu, 'newest failures', new Uint32Array(4 * places));
  }

  get bindings(): Binding[] {
    return [
      { name: 'failures', type: 'array<u32>', region: this.counts, write: true },
      { name: 'latest', type: 'array<Failure>', region: this.latest, write: true },
    ];
  }

  /** The place of the first factor. */
  get firstFactor(): number {
    return this.jobs.length;
  }

  /** One sentence for the run's log about a place that counted so many failures since it was last looked at. */
  describe(place: number, times: number, { step, damping, raise }: NewestFailure): string {
    const when = times > 1 ? `${times} times, last at step ${step}` : `at step ${step}`;
    const job = this.jobs[place];
    if (job) {
      const { failed, kept } = this.words;
      const amount = Number(damping.toPrecision(3));
      return `${job.factor.name}: ${failed} ${when}. ${kept}, damping raised to ${amount}, ${raise} times the setting's.`;
    }
    const name = this.set.factors[place - this.jobs.length]?.name ?? 'A factor';
    return `${name}: average was not finite ${when}. It starts again from the newest batch.`;
  }
}
