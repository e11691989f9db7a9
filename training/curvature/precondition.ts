/** From momentum or gradients to preconditioned steps: D = G^-1 [W b] A^-1 for all layers, then the parameter update. */
import type { KfacSpec } from '../../contract/run-spec.ts';
import { floatBits, type Dispatch } from '../../gpu-kernels/dispatch.ts';
import { linearGrid } from '../../gpu-kernels/grid.ts';
import { matmul } from '../../gpu-kernels/matmul/matmul.ts';
import type { GpuContext } from '../../gpu-kernels/device.ts';
import { uploadTable, type Region } from '../../gpu-kernels/region.ts';
import { expandTemplate } from '../../gpu-kernels/template.ts';
import type { OptimiserArenas } from '../optimisers/first-order.ts';
import { blockLength } from '../program/parameters.ts';
import { stepScalarsSource, type StepUniform } from '../program/step-scalars.ts';
import graftLengthsSource from './graft-lengths.wgsl';
import graftNormsSource from './graft-norms.wgsl';
import type { GroupInverses } from './inverses.ts';
import applySource from './joint-apply.wgsl';
import { jointArena, type JointLayout, type JointMatrix } from './joint-layout.ts';
import packSource from './joint-pack.wgsl';
import layerSource from './kfac-layer.wgsl';

/** What the update of the layers asks of an optimiser's settings. */
export type LayerUpdateSettings = Pick<KfacSpec, 'recipe' | 'eps' | 'momentum' | 'weightDecay'>;

export class Preconditioner {
  /** D of every layer, in the joint layout. */
  readonly direction: Region;
  /** `classic`: the heavy-ball velocity, in the joint layout. */
  readonly velocity: Region;
  private readonly gpu: GpuContext;
  private readonly layout: JointLayout<JointMatrix>;
  private readonly packed: { whole: Region; groups: Region[] };
  private readonly half: { whole: Region; groups: Region[] };
  private readonly result: { whole: Region; groups: Region[] };
  private readonly norms: Region;
  private readonly lengths: Region;
  private readonly inverses: GroupInverses[] | null;

  /** Without inverses the direction is the momentum itself: the control. */
  constructor(gpu: GpuContext, layout: JointLayout<JointMatrix>, inverses: GroupInverses[] | null) {
    this.gpu = gpu;
    this.layout = layout;
    this.inverses = inverses;
    this.packed = jointArena(gpu, layout, 'joint momentum');
    this.half = jointArena(gpu, layout, 'joint half product');
    this.result = jointArena(gpu, layout, 'preconditioned');
    this.direction = inverses ? this.result.whole : this.packed.whole;
    this.velocity = jointArena(gpu, layout, 'velocity').whole;
    this.norms = uploadTable(gpu, 'block norms', new Float32Array((layout.length / blockLength) * 2));
    this.lengths = uploadTable(gpu, 'graft lengths', new Float32Array(layout.layers.length));
  }

  /** Packs an arena (momentum for `grafted`, gradients for `classic`), times `clipScale`, and preconditions it. */
  precondition(source: Region, clipScale: Region | null = null): Dispatch[] {
    return [this.pack(source, clipScale), ...(this.inverses ? this.products(this.inverses) : [])];
  }

  /** Moves the parameters of all K-FAC layers. */
  update(arenas: OptimiserArenas, step: StepUniform, spec: LayerUpdateSettings): Dispatch[] {
    if (spec.recipe === 'classic') return [this.apply(arenas, step, spec, false)];
    return [this.blockNorms(arenas, step, spec), this.layerLengths(), this.apply(arenas, step, spec, true)];
  }

  private pack(source: Region, clipScale: Region | null): Dispatch {
    const grid = linearGrid(this.layout.length, 64);
    return {
      label: 'pack joint matrices',
      code: [layerSource, expandTemplate(packSource, { ROW: grid.row, CLIPPED: clipScale !== null })].join(
        '\n',
      ),
      bindings: [
        ...this.tables(),
        { name: 'source', type: 'array<f32>', region: source, write: false },
        ...(clipScale ? [{ name: 'clip', type: 'array<f32>', region: clipScale, write: false }] : []),
        { name: 'joint', type: 'array<f32>', region: this.packed.whole, write: true },
      ],
      params: { type: 'Params', data: Uint32Array.of(grid.count) },
      workgroups: grid.workgroups,
      flops: 0,
    };
  }

  private products(inverses: GroupInverses[]): Dispatch[] {
    const left = this.layout.groups.map((group, i) =>
      matmul(this.gpu, {
        label: 'G^-1 M',
        a: inverses[i]?.g as Region,
        b: this.packed.groups[i] as Region,
        c: this.half.groups[i] as Region,
        m: group.rows,
        n: group.columns,
        k: group.rows,
        batch: group.layers.length,
        strideB: group.stride,
        strideC: group.stride,
      }),
    );
    const right = this.layout.groups.map((group, i) =>
      matmul(this.gpu, {
        label: '(G^-1 M) A^-1',
        a: this.half.groups[i] as Region,
        b: inverses[i]?.a as Region,
        c: this.result.groups[i] as Region,
        m: group.rows,
        n: group.columns,
        k: group.columns,
        batch: group.layers.length,
        strideA: group.stride,
        strideC: group.stride,
      }),
    );
    return [...left, ...right];
  }

  private blockNorms(arenas: OptimiserArenas, step: StepUniform, spec: LayerUpdateSettings): Dispatch {
    const blocks = this.layout.length / blockLength;
    return {
      label: 'graft norms',
      code: [stepScalarsSource, layerSource, graftNormsSource].join('\n'),
      bindings: [
        ...this.tables(),
        { name: 'direction', type: 'array<f32>', region: this.direction, write: false },
        { name: 'first', type: 'array<f32>', region: arenas.first, write: false },
        { name: 'second', type: 'array<f32>', region: arenas.second, write: false },
        { name: 'norms', type: 'array<vec2f>', region: this.norms, write: true },
      ],
      params: { type: 'Params', data: Uint32Array.of(blocks, floatBits(spec.eps)) },
      step,
      workgroups: [Math.ceil(blocks / 16), 1, 1],
      flops: 8 * this.layout.length,
    };
  }

  private layerLengths(): Dispatch {
    const count = this.layout.layers.length;
    return {
      label: 'graft lengths',
      code: [layerSource, graftLengthsSource].join('\n'),
      bindings: [
        { name: 'layers', type: 'array<Layer>', region: this.layout.table, write: false },
        { name: 'norms', type: 'array<vec2f>', region: this.norms, write: false },
        { name: 'lengths', type: 'array<f32>', region: this.lengths, write: true },
      ],
      params: { type: 'Params', data: Uint32Array.of(count) },
      workgroups: [Math.ceil(count / 16), 1, 1],
      flops: 0,
    };
  }

  private apply(
    arenas: OptimiserArenas,
    step: StepUniform,
    spec: LayerUpdateSettings,
    grafted: boolean,
  ): Dispatch {
    const grid = linearGrid(this.layout.length, 64);
    const memory = grafted
      ? { name: 'lengths', type: 'array<f32>', region: this.lengths, write: false }
      : { name: 'velocity', type: 'array<f32>', region: this.velocity, write: true };
    return {
      label: 'update layers',
      code: [
        stepScalarsSource,
        layerSource,
        expandTemplate(applySource, { ROW: grid.row, GRAFTED: grafted }),
      ].join('\n'),
      bindings: [
        ...this.tables(),
        { name: 'direction', type: 'array<f32>', region: this.direction, write: false },
        memory,
        { name: 'values', type: 'array<f32>', region: arenas.values, write: true },
      ],
      params: {
        type: 'Params',
        data: Uint32Array.of(grid.count, floatBits(spec.weightDecay), floatBits(spec.momentum)),
      },
      step,
      workgroups: grid.workgroups,
      flops: 4 * this.layout.length,
    };
  }

  private tables() {
    return [
      { name: 'blocks', type: 'array<u32>', region: this.layout.blocks, write: false },
      { name: 'layers', type: 'array<Layer>', region: this.layout.table, write: false },
    ];
  }
}
