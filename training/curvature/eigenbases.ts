/**
 * Eigenbases of all factors, on the GPU, and the scales of every layer in them. With the eigenvalues' products as scales
 * this is exact damping, (G (x) A + lambda I)^-1 without splitting lambda between the factors (Martens and Grosse 2015,
 * section 4.2 with the damping of section 6.3 left whole):
 *
 *   D = Ug [ (Ug^T M Ua) / (dg da^T + lambda) ] Ua^T
 *
 * A decomposition that fails keeps the old basis and raises the damping of its layers, as a failed inversion does.
 */
import type { GpuContext } from '../../gpu-kernels/device.ts';
import type { Binding, Dispatch } from '../../gpu-kernels/dispatch.ts';
import { symmetricEigen } from '../../gpu-kernels/eigen/symmetric-eigen.ts';
import { linearGrid } from '../../gpu-kernels/grid.ts';
import { matmul } from '../../gpu-kernels/matmul/matmul.ts';
import { placeInNewBuffer, Region, uploadTable, wholeBuffer, writeRegion } from '../../gpu-kernels/region.ts';
import { expandTemplate } from '../../gpu-kernels/template.ts';
import type { Lowering } from '../program/graph.ts';
import { stepScalarsSource, type StepUniform } from '../program/step-scalars.ts';
import { Damping, type DampingSettings } from './damping.ts';
import copySource from './eigen-copy.wgsl';
import jobsSource from './eigen-jobs.wgsl';
import knownSource from './eigen-known.wgsl';
import prepareSource from './eigen-prepare.wgsl';
import publishSource from './eigen-publish.wgsl';
import scalesSource from './eigen-scales.wgsl';
import spectraSource from './eigen-spectra.wgsl';
import type { Factor, FactorSet, KfacLayer } from './factors.ts';
import { FailureLog, raisedSource } from './failure-log.ts';
import type { GroupInverses } from './inverses.ts';
import { jointArena, type JointLayout } from './joint-layout.ts';
import layerSource from './kfac-layer.wgsl';
import { LayerAmounts } from './layer-amounts.ts';
import { batches, type Slicing } from './slices.ts';

/** One factor to decompose, and the layers that use its basis. */
export interface EigenJob {
  readonly factor: Factor;
  /** Its eigenvectors as rows, [padded, padded]. */
  readonly basis: Region;
  readonly targets: { layer: KfacLayer; side: 'a' | 'g' }[];
}

interface JobGroup {
  slice: number;
  /** Side of the work matrices. */
  side: number;
  jobs: EigenJob[];
  firstJob: number;
  firstTarget: number;
  values: Region;
  status: Region;
}

export interface EigenOptions {
  /** Scales are measured (`corrected-scales.ts`) and only carried over to new bases. Default: products of eigenvalues. */
  keepsScales?: boolean;
  /** The slice in which the factors of each layer are decomposed. Default: all in one. */
  slicing?: Slicing | null;
}

/** The bases before the newest, where scales are carried over from one to the next. */
interface OldBases {
  all: Region;
  groups: GroupInverses[];
  /** Per layer: where Ua^T lies and its side, where Ug^T lies and its side. */
  places: Region;
}

export class Eigenbases {
  /**
   * Eigenvectors as rows, Ua^T [layers, columns, columns] and Ug^T [layers, rows, rows] per joint group, in the order of
   * its layers.
   */
  readonly groups: GroupInverses[];
  /** Estimated curvature of every number in its layer's eigenbasis, in the joint layout. */
  readonly scales: { whole: Region; groups: Region[] };
  readonly jobs: EigenJob[];
  readonly damping: Damping;
  readonly amounts: LayerAmounts;
  readonly failures: FailureLog;
  /** f32 per job: factor on the damping of its layers, 1 unless a decomposition failed. */
  readonly boosts: Region;
  /** f32: eigenvalues, job after job, each as many as the factor's padded side. */
  readonly spectra: Region;
  /** Per layer in the order of the layout: where the eigenvalues of its A and its G begin. */
  readonly spectraOf: Region;
  private readonly set: FactorSet;
  private readonly layout: JointLayout;
  private readonly jobGroups: JobGroup[];
  /** The bases of all groups as one region. */
  private readonly all: Region;
  private readonly allValues: Region;
  private readonly allStatus: Region;
  private readonly jobTable: Region;
  private readonly targetTable: Region;
  private readonly old: OldBases | null;

  constructor(
    gpu: GpuContext,
    set: FactorSet,
    layout: JointLayout,
    settings: DampingSettings,
    { keepsScales = false, slicing = null }: EigenOptions = {},
  ) {
    this.set = set;
    this.layout = layout;
    this.damping = new Damping(gpu, set, settings);
    this.groups = groupBases(layout);
    const place = (label: string, regions: Region[]) =>
      wholeBuffer(label, placeInNewBuffer(gpu, label, regions));
    this.jobGroups = groupJobs(eigenJobs(set), slicing);
    this.jobs = this.jobGroups.flatMap((group) => group.jobs);
    const bases = this.groups.flatMap((g) => [g.a, g.g]);
    this.all = place('eigenbases', [...bases, ...this.jobs.map((job) => job.basis)]);
    this.old = keepsScales ? oldBases(gpu, layout) : null;
    this.allValues = place(
      'eigenvalues',
      this.jobGroups.map((group) => group.values),
    );
    this.allStatus = place(
      'decomposition status',
      this.jobGroups.map((group) => group.status),
    );
    const starts = startsOf(this.jobs.map(({ factor }) => factor.padded));
    this.spectra = uploadTable(gpu, 'spectra', new Float32Array(starts.end));
    this.spectraOf = uploadTable(
      gpu,
      'spectra of layers',
      Uint32Array.from(
        layout.layers.flatMap(({ a, g }) => [a, g].map((factor) => starts.at[this.jobOf(factor)] ?? 0)),
      ),
    );
    this.scales = jointArena(gpu, layout, 'eigenscales');
    this.failures = new FailureLog(gpu, this.jobs, set, {
      failed: 'eigenvalues not found',
      kept: 'Old basis kept',
    });
    this.boosts = uploadTable(gpu, 'damping boosts', new Float32Array(this.jobs.length).fill(1));
    this.jobTable = uploadTable(gpu, 'eigen jobs', this.describeJobs(starts.at));
    this.targetTable = uploadTable(gpu, 'eigen targets', this.describeTargets());
    this.amounts = new LayerAmounts(gpu, set, layout, this.damping, this.boosts, (layer, side) =>
      this.jobOf(layer[side]),
    );
  }

  get state(): Region[] {
    const { counts, latest } = this.failures;
    return [counts, latest, this.all, this.spectra, this.scales.whole, this.amounts.region];
  }

  /** Damping as the run asked for, no longer raised by earlier failures. */
  reset(gpu: GpuContext): void {
    this.damping.reset(gpu);
    writeRegion(gpu, this.boosts, new Float32Array(this.jobs.length).fill(1));
  }

  /** The launches of an inverse step, in order: of one slice, or of all layers. */
  lower(lowering: Lowering, step: StepUniform, slice: number | null = null): Dispatch[] {
    const { old } = this;
    const groups = this.jobGroups.filter((group) => slice === null || group.slice === slice);
    const touched = new Set(
      groups.flatMap(({ jobs }) => jobs.flatMap(({ targets }) => targets.map((t) => t.layer))),
    );
    return [
      this.damping.measure(lowering.gpu, this.failures, step),
      ...(old ? [this.keepOld(old)] : []),
      ...groups.flatMap((group) => this.decompose(lowering, step, group)),
      this.amounts.lower(),
      ...(old ? this.carryScales(lowering, old, touched) : [this.products(null)]),
    ];
  }

  /**
   * Scales of new bases from those of the old ones, as if these had been independent: with overlaps O = U_new^T U_old the
   * second moment of a number in the new bases is (Og o Og) S (Oa o Oa)^T, whose sum is that of S. A layer that had no
   * bases begins with the products of its eigenvalues.
   */
  private carryScales(lowering: Lowering, old: OldBases, touched: ReadonlySet<KfacLayer>): Dispatch[] {
    const { gpu } = lowering;
    const { layout, scales } = this;
    const overlap = (i: number, side: 'a' | 'g', width: number, batch: number) => {
      const result = lowering.scratch('squared overlaps', batch * width ** 2);
      const launch = matmul(gpu, {
        label: 'squared overlaps',
        a: this.groups[i]?.[side] as Region,
        b: old.groups[i]?.[side] as Region,
        c: {
          code: 'fn C_set(i: u32, value: vec4f) { C[i] = value * value; }',
          bindings: [{ name: 'C', type: 'array<vec4f>', region: result, write: true }],
        },
        ...{ m: width, n: width, k: width, batch, transposeB: true },
      });
      return { result, launch };
    };
    const known = lowering.scratch('layers with bases', layout.layers.length);
    const groups = layout.groups.flatMap((group, i) => {
      const { rows, columns, stride, layers } = group;
      if (!layers.some((layer) => touched.has(layer))) return [];
      const batch = layers.length;
      const half = lowering.scratch('scales, half carried', stride * batch);
      const own = scales.groups[i] as Region;
      const [g, a] = [overlap(i, 'g', rows, batch), overlap(i, 'a', columns, batch)];
      const size = { m: rows, n: columns, batch, strideC: stride };
      const first = layout.layers.indexOf(layers[0] as KfacLayer);
      const launches = {
        before: [
          g.launch,
          a.launch,
          matmul(gpu, { label: 'Og^2 S', a: g.result, b: own, c: half, ...size, k: rows, strideB: stride }),
        ],
        after: matmul(gpu, {
          label: 'Og^2 S Oa^2',
          a: half,
          b: a.result,
          c: {
            code: `fn C_set(i: u32, value: vec4f) { if (known[${first}u + i / ${stride / 4}u] != 0u) { C[i] = value; } }`,
            bindings: [
              { name: 'C', type: 'array<vec4f>', region: own, write: true },
              { name: 'known', type: 'array<u32>', region: known, write: false },
            ],
          },
          ...{ ...size, k: columns, strideA: stride, transposeB: true },
        }),
      };
      return [launches];
    });
    return [
      this.findKnown(old, known),
      ...groups.flatMap(({ before }) => before),
      this.products(known),
      ...groups.map(({ after }) => after),
    ];
  }

  /** Layers whose old bases are there. */
  private findKnown(old: OldBases, known: Region): Dispatch {
    const count = this.layout.layers.length;
    return {
      label: 'layers with bases',
      code: knownSource,
      bindings: [
        { name: 'places', type: 'array<vec4<u32>>', region: old.places, write: false },
        { name: 'bases', type: 'array<f32>', region: old.all, write: false },
        { name: 'known', type: 'array<u32>', region: known, write: true },
      ],
      params: { type: 'Params', data: Uint32Array.of(count) },
      workgroups: [Math.ceil(count / 16), 1, 1],
      flops: 0,
    };
  }

  private keepOld(old: OldBases): Dispatch {
    // The groups' bases come first in both; those of single factors are not needed again.
    const quads = old.all.bytes / 16;
    const grid = linearGrid(quads, 64);
    return {
      label: 'keep old bases',
      code: expandTemplate(copySource, { ROW: grid.row }),
      bindings: [
        { name: 'source', type: 'array<vec4f>', region: this.all, write: false },
        { name: 'copied', type: 'array<vec4f>', region: old.all, write: true },
      ],
      params: { type: 'Params', data: Uint32Array.of(quads) },
      workgroups: grid.workgroups,
      flops: 0,
    };
  }

  /** Scales from the products of eigenvalues; where there is `known`, of layers alone that are not. */
  private products(known: Region | null): Dispatch {
    const grid = linearGrid(this.layout.length, 64);
    return {
      label: 'eigenvalues of layers',
      code: [layerSource, expandTemplate(scalesSource, { ROW: grid.row, KNOWN: known !== null })].join('\n'),
      bindings: [
        { name: 'blocks', type: 'array<u32>', region: this.layout.blocks, write: false },
        { name: 'layers', type: 'array<Layer>', region: this.layout.table, write: false },
        { name: 'spectraOf', type: 'array<vec2<u32>>', region: this.spectraOf, write: false },
        { name: 'spectra', type: 'array<f32>', region: this.spectra, write: false },
        ...(known ? [{ name: 'known', type: 'array<u32>', region: known, write: false }] : []),
        { name: 'scales', type: 'array<f32>', region: this.scales.whole, write: true },
      ],
      params: { type: 'Params', data: Uint32Array.of(grid.count) },
      workgroups: grid.workgroups,
      flops: this.layout.length,
    };
  }

  private decompose(lowering: Lowering, step: StepUniform, group: JobGroup): Dispatch[] {
    const { side, jobs, firstJob, firstTarget } = group;
    const words = jobs.length * side * side;
    const matrices = lowering.scratch('matrices to decompose', words);
    const vectors = lowering.scratch('eigenvectors', words);
    const targets = jobs.reduce((sum, job) => sum + 1 + job.targets.length, 0);
    const widest = Math.max(...jobs.map(({ factor }) => factor.padded));
    const jobTable: Binding = { name: 'jobs', type: 'array<Job>', region: this.jobTable, write: false };
    const status: Binding = { name: 'status', type: 'array<u32>', region: this.allStatus, write: false };
    return [
      {
        label: 'prepare decomposition',
        code: [jobsSource, prepareSource].join('\n'),
        bindings: [
          jobTable,
          { name: 'factors', type: 'array<f32>', region: this.set.averages, write: false },
          { name: 'work', type: 'array<f32>', region: matrices, write: true },
        ],
        params: { type: 'Params', data: Uint32Array.of(firstJob) },
        workgroups: [Math.ceil((side * side) / 64), jobs.length, 1],
        flops: 0,
      },
      ...symmetricEigen(lowering.gpu, {
        label: 'decompose',
        n: side,
        batch: jobs.length,
        matrices,
        vectors,
        values: group.values,
        status: group.status,
        scratch: (label, count) => lowering.scratch(label, count),
      }),
      {
        label: 'eigenvalues',
        code: [stepScalarsSource, raisedSource, jobsSource, spectraSource].join('\n'),
        bindings: [
          jobTable,
          { name: 'values', type: 'array<f32>', region: this.allValues, write: false },
          status,
          { name: 'spectra', type: 'array<f32>', region: this.spectra, write: true },
          { name: 'boosts', type: 'array<f32>', region: this.boosts, write: true },
          this.damping.binding,
          ...this.failures.bindings,
        ],
        params: { type: 'Params', data: Uint32Array.of(firstJob, jobs.length) },
        step,
        workgroups: [Math.ceil(jobs.length / 16), 1, 1],
        flops: 0,
      },
      {
        label: 'publish bases',
        code: [jobsSource, publishSource].join('\n'),
        bindings: [
          jobTable,
          { name: 'work', type: 'array<f32>', region: vectors, write: false },
          status,
          { name: 'targets', type: 'array<vec4<u32>>', region: this.targetTable, write: false },
          { name: 'bases', type: 'array<f32>', region: this.all, write: true },
        ],
        params: { type: 'Params', data: Uint32Array.of(firstTarget) },
        workgroups: [Math.ceil(widest ** 2 / 64), targets, 1],
        flops: 0,
      },
    ];
  }

  private jobOf(factor: Factor): number {
    return this.jobs.findIndex((job) => job.factor === factor);
  }

  private describeJobs(spectra: readonly number[]): Uint32Array {
    return Uint32Array.from(
      this.jobGroups.flatMap((group) =>
        group.jobs.flatMap(({ factor }, slot) => [
          factor.average.offset / 4,
          factor.padded,
          slot * group.side ** 2,
          group.side,
          group.values.offset / 4 + slot * group.side,
          group.status.offset / 4 + slot,
          spectra[group.firstJob + slot] ?? 0,
          0,
        ]),
      ),
    );
  }

  private describeTargets(): Uint32Array {
    return Uint32Array.from(
      this.jobs.flatMap((job, index) => [
        ...[index, job.basis.offset / 4, job.factor.padded, 0],
        ...job.targets.flatMap(({ layer, side }) => {
          const at = this.layout.groups.findIndex((g) => g.layers.includes(layer));
          const group = this.layout.groups[at];
          const width = side === 'a' ? (group?.columns ?? 0) : (group?.rows ?? 0);
          const slot = group?.layers.indexOf(layer) ?? 0;
          return [index, (this.groups[at]?.[side].offset ?? 0) / 4 + slot * width ** 2, width, 0];
        }),
      ]),
    );
  }
}

function groupBases(layout: JointLayout): GroupInverses[] {
  return layout.groups.map((group) => ({
    a: new Region('bases of A', group.layers.length * group.columns ** 2 * 4),
    g: new Region('bases of G', group.layers.length * group.rows ** 2 * 4),
  }));
}

function oldBases(gpu: GpuContext, layout: JointLayout): OldBases {
  const groups = groupBases(layout);
  const regions = groups.flatMap((g) => [g.a, g.g]);
  const all = wholeBuffer('old bases', placeInNewBuffer(gpu, 'old bases', regions));
  const places = layout.groups.flatMap(({ layers, rows, columns }, i) =>
    layers.flatMap((_, slot) => [
      (groups[i]?.a.offset ?? 0) / 4 + slot * columns ** 2,
      columns,
      (groups[i]?.g.offset ?? 0) / 4 + slot * rows ** 2,
      rows,
    ]),
  );
  return { all, groups, places: uploadTable(gpu, 'places of old bases', Uint32Array.from(places)) };
}

/** A shared A is decomposed once: its basis does not depend on damping. */
function eigenJobs(set: FactorSet): EigenJob[] {
  const jobs = new Map<Factor, EigenJob>();
  for (const layer of set.layers) {
    for (const side of ['a', 'g'] as const) {
      const factor = layer[side];
      const job = jobs.get(factor) ?? {
        factor,
        basis: new Region(`basis of ${factor.name}`, factor.padded ** 2 * 4),
        targets: [],
      };
      job.targets.push({ layer, side });
      jobs.set(factor, job);
    }
  }
  return [...jobs.values()];
}

/** Few launches for many matrices matter more than the zeros that are added. */
function workSide({ factor }: EigenJob): number {
  return Math.ceil(factor.padded / 16) * 16;
}

function groupJobs(jobs: readonly EigenJob[], slicing: Slicing | null): JobGroup[] {
  let firstJob = 0;
  let firstTarget = 0;
  return batches(jobs, slicing, workSide).map(({ slice, side, members }) => {
    const group = {
      ...{ slice, side, jobs: members, firstJob, firstTarget },
      values: new Region('eigenvalues', members.length * side * 4),
      status: new Region('decomposition status', members.length * 4),
    };
    firstJob += members.length;
    firstTarget += members.reduce((sum, job) => sum + 1 + job.targets.length, 0);
    return group;
  });
}

/** Where pieces of these lengths start when they lie one after another, and where the last one ends. */
function startsOf(lengths: readonly number[]): { at: number[]; end: number } {
  let end = 0;
  const at = lengths.map((length) => {
    const start = end;
    end += length;
    return start;
  });
  return { at, end };
}
