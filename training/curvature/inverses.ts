/**
 * Damped inverses of all factors, on the GPU: mean eigenvalues, damping by the chosen rule, scaling to a unit diagonal,
 * batched Cholesky inversion by size, and publication per layer. A factorisation that fails keeps the old inverse and
 * raises that matrix's damping; the count of failures is read with the metrics and shown as an event. An average that is
 * not finite starts again from the newest batch.
 */
import { KronlabError } from '../../contract/errors.ts';
import type { GpuContext } from '../../gpu-kernels/device.ts';
import type { Binding, Dispatch } from '../../gpu-kernels/dispatch.ts';
import { placeInNewBuffer, Region, uploadTable, wholeBuffer, writeRegion } from '../../gpu-kernels/region.ts';
import { spdInverse } from '../../gpu-kernels/spd-inverse/spd-inverse.ts';
import type { Lowering } from '../program/graph.ts';
import { stepScalarsSource, type StepUniform } from '../program/step-scalars.ts';
import { Damping, dampingSource, type DampingSettings } from './damping.ts';
import type { Factor, FactorSet, KfacLayer } from './factors.ts';
import { FailureLog, raisedSource } from './failure-log.ts';
import jobsSource from './inverse-jobs.wgsl';
import prepareSource from './inverse-prepare.wgsl';
import publishSource from './inverse-publish.wgsl';
import settleSource from './inverse-settle.wgsl';
import type { JointLayout } from './joint-layout.ts';
import { LayerAmounts } from './layer-amounts.ts';
import { batches, type Slicing } from './slices.ts';

interface Target {
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

interface JobGroup {
  slice: number;
  /** Side of the work matrices, a multiple of 32. */
  side: number;
  jobs: InverseJob[];
  /** Number of the group's first job, and of its first target. */
  firstJob: number;
  firstTarget: number;
  status: Region;
}

/** Inverses per joint group, in the order of its layers: A^-1 [layers, columns, columns], G^-1 [layers, rows, rows]. */
export interface GroupInverses {
  a: Region;
  g: Region;
}

export class Inverses {
  readonly groups: GroupInverses[];
  readonly jobs: InverseJob[];
  readonly failures: FailureLog;
  /** f32 per job: factor on the damping, 1 unless a factorisation failed. */
  readonly boosts: Region;
  readonly damping: Damping;
  private readonly set: FactorSet;
  private readonly jobGroups: JobGroup[];
  private amounts: LayerAmounts | null = null;
  /** The inverses of all groups as one region. */
  readonly all: Region;
  private readonly allStatus: Region;
  private readonly jobTable: Region;
  private readonly targetTable: Region;

  /** `slicing`: the slice in which each layer is inverted. */
  constructor(
    gpu: GpuContext,
    set: FactorSet,
    layout: JointLayout,
    settings: DampingSettings,
    slicing: Slicing | null = null,
  ) {
    if (settings.rule === 'exact') {
      throw new KronlabError(
        'internal',
        'the rule exact damps eigenvalues; it needs eigenbases, not inverses',
      );
    }
    this.set = set;
    this.damping = new Damping(gpu, set, settings);
    this.groups = layout.groups.map((group) => ({
      a: new Region('inverses of A', group.layers.length * group.columns ** 2 * 4),
      g: new Region('inverses of G', group.layers.length * group.rows ** 2 * 4),
    }));
    this.all = wholeBuffer(
      'inverses',
      placeInNewBuffer(
        gpu,
        'inverses',
        this.groups.flatMap((g) => [g.a, g.g]),
      ),
    );
    const jobs = inverseJobs(set, this.damping.needsPartner);
    this.jobGroups = groupJobs(jobs, slicing);
    this.jobs = this.jobGroups.flatMap((g) => g.jobs);
    this.allStatus = wholeBuffer(
      'status',
      placeInNewBuffer(
        gpu,
        'inversion status',
        this.jobGroups.map((g) => g.status),
      ),
    );
    this.failures = new FailureLog(gpu, this.jobs, set, { failed: 'pivot failed', kept: 'Old inverse kept' });
    this.boosts = uploadTable(gpu, 'damping boosts', new Float32Array(this.jobs.length).fill(1));
    this.jobTable = uploadTable(gpu, 'inverse jobs', this.describeJobs());
    this.targetTable = uploadTable(gpu, 'inverse targets', this.describeTargets(layout));
  }

  /** What a fresh run starts from as zero: the inverses too, or a first inversion that fails would keep another run's. */
  get state(): Region[] {
    return [this.failures.counts, this.failures.latest, this.all];
  }

  /** Has every inversion write down how much damping each layer got. */
  trackAmounts(gpu: GpuContext, layout: JointLayout): LayerAmounts {
    const jobOf = (layer: KfacLayer, side: 'a' | 'g') =>
      this.jobs.findIndex(({ targets }) => targets.some((t) => t.layer === layer && t.side === side));
    this.amounts ??= new LayerAmounts(gpu, this.set, layout, this.damping, this.boosts, jobOf);
    return this.amounts;
  }

  /** Damping as the run asked for, no longer raised by earlier failures. */
  reset(gpu: GpuContext): void {
    this.damping.reset(gpu);
    writeRegion(gpu, this.boosts, new Float32Array(this.jobs.length).fill(1));
  }

  /** The launches of an inverse step, in order: of one slice, or of all layers. */
  lower(lowering: Lowering, step: StepUniform, slice: number | null = null): Dispatch[] {
    const groups = this.jobGroups.filter((group) => slice === null || group.slice === slice);
    const first = groups[0]?.firstJob ?? 0;
    const count = groups.reduce((sum, { jobs }) => sum + jobs.length, 0);
    return [
      this.damping.measure(lowering.gpu, this.failures, step),
      ...groups.flatMap((group) => this.invertGroup(lowering, group)),
      ...(this.amounts ? [this.amounts.lower()] : []),
      {
        label: 'settle damping',
        code: [stepScalarsSource, raisedSource, jobsSource, dampingSource, settleSource].join('\n'),
        bindings: [
          ...this.jobBindings(),
          { name: 'status', type: 'array<u32>', region: this.allStatus, write: false },
          { name: 'boosts', type: 'array<f32>', region: this.boosts, write: true },
          ...this.failures.bindings,
        ],
        params: this.params(first, count),
        step,
        workgroups: [Math.ceil(count / 16), 1, 1],
        flops: 0,
      },
    ];
  }

  private invertGroup(lowering: Lowering, group: JobGroup): Dispatch[] {
    const { side, jobs } = group;
    const words = jobs.length * side * side;
    const matrices = lowering.scratch('matrices to invert', words);
    const inverse = lowering.scratch('inverted matrices', words);
    const targets = jobs.flatMap((job) => job.targets);
    const widest = Math.max(...jobs.map((job) => job.factor.padded));
    return [
      {
        label: 'prepare inversion',
        code: [jobsSource, dampingSource, prepareSource].join('\n'),
        bindings: [
          ...this.jobBindings(),
          { name: 'boosts', type: 'array<f32>', region: this.boosts, write: false },
          { name: 'work', type: 'array<f32>', region: matrices, write: true },
        ],
        params: this.params(group.firstJob, jobs.length),
        workgroups: [(side * side) / 64, jobs.length, 1],
        flops: 4 * words,
      },
      ...spdInverse(lowering.gpu, {
        label: 'invert',
        n: side,
        batch: jobs.length,
        matrices,
        inverse,
        status: group.status,
      }),
      {
        label: 'publish inverses',
        code: [jobsSource, dampingSource, publishSource].join('\n'),
        bindings: [
          ...this.jobBindings(),
          { name: 'boosts', type: 'array<f32>', region: this.boosts, write: false },
          { name: 'work', type: 'array<f32>', region: inverse, write: false },
          { name: 'status', type: 'array<u32>', region: this.allStatus, write: false },
          { name: 'targets', type: 'array<vec4<u32>>', region: this.targetTable, write: false },
          { name: 'inverses', type: 'array<f32>', region: this.all, write: true },
        ],
        params: this.params(group.firstTarget, targets.length),
        workgroups: [Math.ceil(widest ** 2 / 64), targets.length, 1],
        flops: 4 * words,
      },
    ];
  }

  private jobBindings(): Binding[] {
    return [
      { name: 'factors', type: 'array<f32>', region: this.set.averages, write: false },
      { name: 'jobs', type: 'array<Job>', region: this.jobTable, write: false },
      this.damping.binding,
    ];
  }

  private params(first: number, count: number): { type: string; data: Uint32Array } {
    return { type: 'Params', data: Uint32Array.of(first, count, ...this.damping.numbers) };
  }

  private describeJobs(): Uint32Array {
    const index = (factor: Factor) => this.set.factors.indexOf(factor);
    return Uint32Array.from(
      this.jobGroups.flatMap((group) =>
        group.jobs.flatMap(({ factor, partner }, slot) => [
          index(factor),
          index(partner),
          factor.average.offset / 4,
          factor.size,
          factor.padded,
          slot * group.side ** 2,
          group.side,
          group.status.offset / 4 + slot,
        ]),
      ),
    );
  }

  private describeTargets(layout: JointLayout): Uint32Array {
    const place = ({ layer, side }: Target): [number, number] => {
      const at = layout.groups.findIndex((g) => g.layers.includes(layer));
      const group = layout.groups[at];
      const region = this.groups[at]?.[side];
      const width = side === 'a' ? (group?.columns ?? 0) : (group?.rows ?? 0);
      return [(region?.offset ?? 0) / 4 + (group?.layers.indexOf(layer) ?? 0) * width ** 2, width];
    };
    return Uint32Array.from(
      this.jobGroups.flatMap((group) =>
        group.jobs.flatMap((job, slot) =>
          job.targets.flatMap((target) => [
            group.firstJob + slot,
            ...place(target),
            group.status.offset / 4 + slot,
          ]),
        ),
      ),
    );
  }
}

/**
 * A factor that several layers or blocks share is inverted once, unless its damping depends on the other factor of each of
 * them.
 */
function inverseJobs(set: FactorSet, needsPartner: boolean): InverseJob[] {
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

function groupJobs(jobs: readonly InverseJob[], slicing: Slicing | null): JobGroup[] {
  let firstJob = 0;
  let firstTarget = 0;
  return batches(jobs, slicing, workSide).map(({ slice, side, members }) => {
    const group = {
      ...{ slice, side, jobs: members, firstJob, firstTarget },
      status: new Region('inversion status', members.length * 4),
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
