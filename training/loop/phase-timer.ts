/**
 * Where a step's time goes: on a sample of steps each phase gets compute passes of its own with GPU timestamps around
 * them. A phase that is due only now and then counts with the share of steps it ran on.
 */
import { phases, type Phase } from '../../contract/runs.ts';
import type { GpuContext } from '../../gpu-kernels/device.ts';
import { replay } from '../../gpu-kernels/dispatch.ts';
import { createBuffer, wholeBuffer, type Region } from '../../gpu-kernels/region.ts';
import type { Part } from './submits.ts';

/** Passes that are timed in a step; phases come in runs, a handful each, and long steps in many submits. */
const mostPasses = 512;

export class PhaseTimer {
  /** Timestamps of the sampled step, in nanoseconds, two per pass. */
  readonly region: Region;
  private readonly queries: GPUQuerySet;
  private readonly resolved: GPUBuffer;
  /** Phases of the passes of the step that is being encoded, and of the sample. */
  private passes: Phase[] = [];
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

  /** Begins a step with timestamps; the last such step before a read-back is the sample. */
  begin(): void {
    this.passes = [];
  }

  /** Encodes a submit of the step, one pass per phase. */
  encode(encoder: GPUCommandEncoder, parts: readonly Part[]): void {
    for (const { phase, dispatches } of parts) {
      const index = 2 * this.passes.length;
      const isTimed = this.passes.length < mostPasses;
      const pass = encoder.beginComputePass(isTimed ? { timestampWrites: this.writes(index) } : {});
      replay(pass, dispatches);
      pass.end();
      if (isTimed) this.passes.push(phase);
    }
  }

  /** Ends the step: its timestamps go where they can be read. */
  resolve(encoder: GPUCommandEncoder): void {
    encoder.resolveQuerySet(this.queries, 0, 2 * this.passes.length, this.resolved, 0);
    this.sampled = this.passes;
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

  private writes(index: number): GPUComputePassTimestampWrites {
    return {
      querySet: this.queries,
      beginningOfPassWriteIndex: index,
      endOfPassWriteIndex: index + 1,
    };
  }

  destroy(): void {
    this.queries.destroy();
  }
}
