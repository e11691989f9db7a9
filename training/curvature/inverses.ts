/**
 * Damped inverses of all factors, on the GPU: mean eigenvalues, damping by the chosen rule, scaling to a unit diagonal,
 * batched inversion by size, and publication per layer. Matrices are inverted by Cholesky, whose result a Newton-Schulz
 * step may polish; or by Newton-Schulz steps from the old inverse, and by Cholesky where these do not suffice. A
 * factorisation that fails keeps the old inverse and raises that matrix's damping; the count of failures is read with the
 * metrics and shown as an event. An average that is not finite starts again from the newest batch.
 */
import { KronlabError } from '../../contract/errors.ts';
import type { KfacSpec } from '../../contract/run-spec.ts';
import type { GpuContext } from '../../gpu-kernels/device.ts';
import type { Binding, Dispatch } from '../../gpu-kernels/dispatch.ts';
import { placeInNewBuffer, Region, uploadTable, wholeBuffer, writeRegion } from '../../gpu-kernels/region.ts';
import { polish, warmStart } from '../../gpu-kernels/spd-inverse/newton-schulz.ts';
import { spdInverse } from '../../gpu-kernels/spd-inverse/spd-inverse.ts';
import type { WarmStarts } from '../optimisers/layer-optimiser.ts';
import type { Lowering } from '../program/graph.ts';
import { stepScalarsSource, type StepUniform } from '../program/step-scalars.ts';
import { Damping, dampingSource, type DampingSettings } from './damping.ts';
import type { Factor, FactorSet, KfacLayer } from './factors.ts';
import { FailureLog, raisedSource } from './failure-log.ts';
import { groupJobs, inverseJobs, type InverseJob, type JobGroup, type Target } from './inverse-jobs.ts';
import jobsSource from './inverse-jobs.wgsl';
import prepareSource from './inverse-prepare.wgsl';
import publishSource from './inverse-publish.wgsl';
import settleSource from './inverse-settle.wgsl';
import startSource from './inverse-start.wgsl';
import type { JointLayout } from './joint-layout.ts';
import { LayerAmounts } from './layer-amounts.ts';
import type { Slicing } from './slices.ts';

/** Inverses per joint group, in the order of its layers: A^-1 [layers, columns, columns], G^-1 [layers, rows, rows]. */
export interface GroupInverses {
  a: Region;
  g: Region;
}

export interface InverseOptions {
  /** How matrices are inverted. Default: by Cholesky. */
  inversion?: KfacSpec['inversion'];
  /** The slice in which each layer is inverted. Default: all in one. */
  slicing?: Slicing | null;
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
  private readonly allWarm: Region;
  private readonly jobTable: Region;
  private readonly targetTable: Region;
  private readonly sourceTable: Region;
  private readonly inversion: KfacSpec['inversion'];

  constructor(
    gpu: GpuContext,
    set: FactorSet,
    layout: JointLayout,
    settings: DampingSettings,
    { inversion = 'cholesky', slicing = null }: InverseOptions = {},
  ) {
    if (settings.rule === 'exact') {
      throw new KronlabError(
        'internal',
        'the rule exact damps eigenvalues; it needs eigenbases, not inverses',
      );
    }
    this.set = set;
    this.inversion = inversion;
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
    const flags = (label: string, of: (group: JobGroup) => Region) =>
      wholeBuffer(label, placeInNewBuffer(gpu, label, this.jobGroups.map(of)));
    this.allStatus = flags('inversion status', (group) => group.status);
    this.allWarm = flags('warm starts', (group) => group.warm);
    this.failures = new FailureLog(gpu, this.jobs, set, { failed: 'pivot failed', kept: 'Old inverse kept' });
    this.boosts = uploadTable(gpu, 'damping boosts', new Float32Array(this.jobs.length).fill(1));
    this.jobTable = uploadTable(gpu, 'inverse jobs', this.describeJobs());
    this.targetTable = uploadTable(gpu, 'inverse targets', this.describeTargets(layout));
    this.sourceTable = uploadTable(gpu, 'old inverses', this.describeSources(layout));
  }

  /** What a fresh run starts from as zero: the inverses too, or a first inversion that fails would keep another run's. */
  get state(): Region[] {
    return [this.failures.counts, this.failures.latest, this.all, this.allWarm];
  }

  /** Which matrices were warm started, where any may be. */
  get warmStarts(): WarmStarts | null {
    return this.inversion === 'newton-schulz' ? { flags: this.allWarm, matrices: this.jobs.length } : null;
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
    const batch = { n: side, batch: jobs.length, matrices, inverse };
    const prepared = this.prepare(group, matrices);
    const inverted = { ...batch, label: 'invert', status: group.status };
    const published = this.publish(group, inverse);
    switch (this.inversion) {
      case 'cholesky':
        return [prepared, ...spdInverse(lowering.gpu, inverted), published];
      case 'cholesky-polished':
        // The factorisation works in place: what it was made of is made again.
        return [
          ...[prepared, ...spdInverse(lowering.gpu, inverted)],
          ...[prepared, ...polish(lowering, { ...batch, label: 'polish' }), published],
        ];
      case 'newton-schulz':
        return [
          ...[prepared, this.start(group, inverse)],
          ...warmStart(lowering, { ...batch, label: 'warm start', accepted: group.warm }),
          ...[...spdInverse(lowering.gpu, { ...inverted, skip: group.warm }), published],
        ];
    }
  }

  private prepare(group: JobGroup, matrices: Region): Dispatch {
    return {
      label: 'prepare inversion',
      code: [jobsSource, dampingSource, prepareSource].join('\n'),
      bindings: [
        ...this.jobBindings(),
        { name: 'boosts', type: 'array<f32>', region: this.boosts, write: false },
        { name: 'work', type: 'array<f32>', region: matrices, write: true },
      ],
      params: this.params(group.firstJob, group.jobs.length),
      ...workSize(group),
    };
  }

  private start(group: JobGroup, inverse: Region): Dispatch {
    return {
      label: 'old inverses',
      code: [jobsSource, dampingSource, startSource].join('\n'),
      bindings: [
        ...this.jobBindings(),
        { name: 'boosts', type: 'array<f32>', region: this.boosts, write: false },
        { name: 'sources', type: 'array<vec2<u32>>', region: this.sourceTable, write: false },
        { name: 'inverses', type: 'array<f32>', region: this.all, write: false },
        { name: 'start', type: 'array<f32>', region: inverse, write: true },
      ],
      params: this.params(group.firstJob, group.jobs.length),
      ...workSize(group),
    };
  }

  private publish(group: JobGroup, inverse: Region): Dispatch {
    const targets = group.jobs.flatMap((job) => job.targets);
    const widest = Math.max(...group.jobs.map((job) => job.factor.padded));
    return {
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
      flops: workSize(group).flops,
    };
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
    return Uint32Array.from(
      this.jobGroups.flatMap((group) =>
        group.jobs.flatMap((job, slot) =>
          job.targets.flatMap((target) => [
            group.firstJob + slot,
            ...this.placeOf(target, layout),
            group.status.offset / 4 + slot,
          ]),
        ),
      ),
    );
  }

  /** All layers of a job have the same inverse. */
  private describeSources(layout: JointLayout): Uint32Array {
    return Uint32Array.from(this.jobs.flatMap(({ targets }) => this.placeOf(targets[0] as Target, layout)));
  }

  /** Where a layer's inverse lies, and its row length. */
  private placeOf({ layer, side }: Target, layout: JointLayout): [number, number] {
    const at = layout.groups.findIndex((g) => g.layers.includes(layer));
    const group = layout.groups[at];
    const region = this.groups[at]?.[side];
    const width = side === 'a' ? (group?.columns ?? 0) : (group?.rows ?? 0);
    return [(region?.offset ?? 0) / 4 + (group?.layers.indexOf(layer) ?? 0) * width ** 2, width];
  }
}

/** One thread per number of the work matrices. */
function workSize({ side, jobs }: JobGroup): Pick<Dispatch, 'workgroups' | 'flops'> {
  return { workgroups: [(side * side) / 64, jobs.length, 1], flops: 4 * jobs.length * side * side };
}
