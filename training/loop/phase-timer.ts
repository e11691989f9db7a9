/**
 * Where a step's time goes: on a sample of steps each phase gets compute passes of its own with GPU timestamps around
 * them. A phase that is due only now and then counts with the share of steps it ran on.
 */
import { phases, type Phase } from '../../contract/runs.ts';
import type { GpuContext } from '../../gpu-kernels/device.ts';
import { createBuffer, wholeBuffer, type Region } from '../../gpu-kernels/region.ts';
import type { Program } from '../program/compile.ts';

/** Passes a step may be cut into; phases come in runs, a handful each. */
const mostPasses = 64;

export class PhaseTimer {
  /** Timestamps of the sampled step, in nanoseconds, two per pass. */
  readonly region: Region;
  private readonly queries: GPUQuerySet;
  private readonly resolved: GPUBuffer;
  private sampled: Phase[] | null = null;
  private readonly sums = new Map<Phase, { ms: number; samples: number }>();
  private readonly runs = new Map<Phase, number>();
  private steps = 0;

  private constructor(gpu: GpuContext) {
    this.queries = gpu.device.createQuerySet({ type: 'timestamp', count: 2 * mostPasses });
    this.resolved = createBuffer(gpu, {
      label: 'phase timestamps',
      size: 16 * mostPasses,
      usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC,
    });
    this.region = wholeBuffer('phase timestamps', this.resolved);
  }

  /** Null where the adapter has no timestamps. */
  static create(gpu: GpuContext): PhaseTimer | null {
    return gpu.device.features.has('timestamp-query') ? new PhaseTimer(gpu) : null;
  }

  /** Counts a step; every step is counted, sampled or not. */
  count(due: ReadonlySet<Phase>): void {
    this.steps++;
    for (const phase of due) this.runs.set(phase, (this.runs.get(phase) ?? 0) + 1);
  }

  /** Encodes a step with timestamps; the last such step before a read-back is the sample. */
  encode(encoder: GPUCommandEncoder, program: Program, due: ReadonlySet<Phase>): void {
    const parts = program.parts(due).slice(0, mostPasses);
    const overflow = program.parts(due).slice(mostPasses);
    parts.forEach((part, i) => {
      const pass = encoder.beginComputePass({
        timestampWrites: {
          querySet: this.queries,
          beginningOfPassWriteIndex: 2 * i,
          endOfPassWriteIndex: 2 * i + 1,
        },
      });
      part.encode(pass);
      pass.end();
    });
    const pass = encoder.beginComputePass();
    for (const part of overflow) part.encode(pass);
    pass.end();
    encoder.resolveQuerySet(this.queries, 0, 2 * parts.length, this.resolved, 0);
    this.sampled = parts.map((part) => part.phase);
  }

  /** Takes the sample in, if there is one: the content of `region`. */
  read(bytes: ArrayBuffer): void {
    if (!this.sampled) return;
    const stamps = new BigUint64Array(bytes);
    const ofStep = new Map<Phase, number>();
    this.sampled.forEach((phase, i) => {
      const ms = Number((stamps[2 * i + 1] ?? 0n) - (stamps[2 * i] ?? 0n)) / 1e6;
      // A device may reset its counter between passes; such a difference means nothing.
      if (ms >= 0) ofStep.set(phase, (ofStep.get(phase) ?? 0) + ms);
    });
    for (const [phase, ms] of ofStep) {
      const sum = this.sums.get(phase) ?? { ms: 0, samples: 0 };
      this.sums.set(phase, { ms: sum.ms + ms, samples: sum.samples + 1 });
    }
    this.sampled = null;
  }

  /** Mean ms per step of each phase that was sampled. */
  get means(): Partial<Record<Phase, number>> {
    const means: Partial<Record<Phase, number>> = {};
    for (const phase of phases) {
      const sum = this.sums.get(phase);
      if (sum) means[phase] = ((sum.ms / sum.samples) * (this.runs.get(phase) ?? 0)) / this.steps;
    }
    return means;
  }

  /** Forgets what was measured: another run begins. */
  reset(): void {
    this.sampled = null;
    this.sums.clear();
    this.runs.clear();
    this.steps = 0;
  }

  destroy(): void {
    this.queries.destroy();
  }
}
