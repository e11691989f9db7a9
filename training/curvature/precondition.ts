/** From momentum or gradients to preconditioned steps: D = G^-1 [W b] A^-1 for all layers, then the parameter update. */
import { floatBits, type Dispatch } from '../../gpu-kernels/dispatch.ts';
import { linearGrid } from '../../gpu-kernels/grid.ts';
import type { GpuContext } from '../../gpu-kernels/device.ts';
import { uploadTable, type Region } from '../../gpu-kernels/region.ts';
import { expandTemplate } from '../../gpu-kernels/template.ts';
import type { OptimiserArenas } from '../optimisers/first-order.ts';
import type { Graph } from '../program/graph.ts';
import { blockLength } from '../program/parameters.ts';
import { stepScalarsSource, type StepUniform } from '../program/step-scalars.ts';
import graftLengthsSource from './graft-lengths.wgsl';
import graftNormsSource from './graft-norms.wgsl';
import type { GroupInverses } from './inverses.ts';
import applySource from './joint-apply.wgsl';
import { jointArena, type JointLayout, type JointMatrix } from './joint-layout.ts';
import layerSource from './kfac-layer.wgsl';
import clipSource from './kl-clip.wgsl';
import { jointTables, packJoint } from './pack-joint.ts';
import { inverseProducts, type ProductArenas } from './products.ts';
import { updateRule, type LayerUpdateSettings, type UpdateRule } from './update-rule.ts';

/** Makes `result` of `packed`, both in the joint layout. */
export type Products = (arenas: ProductArenas) => Dispatch[];

export class Preconditioner {
  /** D of every layer, in the joint layout. */
  readonly direction: Region;
  /** Heavy-ball velocity where momentum comes after the preconditioner, in the joint layout. */
  readonly velocity: Region;
  private readonly layout: JointLayout<JointMatrix>;
  private readonly arenas: ProductArenas;
  private readonly norms: Region;
  private readonly lengths: Region;
  private readonly products: Products | null;

  /** Inverses of both sides, or other products. Without any the direction is the momentum itself: the control. */
  constructor(
    gpu: GpuContext,
    layout: JointLayout<JointMatrix>,
    products: GroupInverses[] | Products | null,
  ) {
    this.layout = layout;
    this.products = Array.isArray(products)
      ? (arenas) => inverseProducts(gpu, layout, products, arenas)
      : products;
    this.arenas = {
      packed: jointArena(gpu, layout, 'joint momentum'),
      half: jointArena(gpu, layout, 'joint half product'),
      result: jointArena(gpu, layout, 'preconditioned'),
    };
    this.direction = products ? this.arenas.result.whole : this.arenas.packed.whole;
    this.velocity = jointArena(gpu, layout, 'velocity').whole;
    this.norms = uploadTable(gpu, 'block norms', new Float32Array((layout.length / blockLength) * 4));
    this.lengths = uploadTable(gpu, 'graft lengths', new Float32Array(layout.layers.length * 2));
  }

  /** Preconditioning and the update of the layers' parameters; Adam's moments must be up to date. */
  addUpdate(graph: Graph, arenas: OptimiserArenas, step: StepUniform, spec: LayerUpdateSettings): void {
    // Momentum is made of clipped gradients already.
    const [source, clipScale] =
      updateRule(spec).momentumPlace === 'before'
        ? [arenas.first, null]
        : [arenas.gradients, arenas.clipScale];
    graph.inPhase('precondition', () =>
      graph.effect('precondition', [], () => this.precondition(source, clipScale)),
    );
    graph.inPhase('update', () => graph.effect('update layers', [], () => this.update(arenas, step, spec)));
  }

  /** Packs an arena (momentum or gradients), times `clipScale`, and preconditions it. */
  precondition(source: Region, clipScale: Region | null = null): Dispatch[] {
    return [
      packJoint(this.layout, source, this.arenas.packed.whole, clipScale),
      ...(this.products?.(this.arenas) ?? []),
    ];
  }

  /** Moves the parameters of all K-FAC layers. */
  update(arenas: OptimiserArenas, step: StepUniform, spec: LayerUpdateSettings): Dispatch[] {
    const rule = updateRule(spec);
    const isMeasured = rule.graft !== 'none' || rule.momentumPlace === 'before' || rule.klClip !== null;
    if (!isMeasured) return [this.apply(arenas, step, rule, false)];
    return [
      this.blockNorms(arenas, step, rule),
      this.layerLengths(step, rule),
      ...(rule.klClip === null ? [] : [this.clip(step, rule.klClip)]),
      this.apply(arenas, step, rule, true),
    ];
  }

  private blockNorms(arenas: OptimiserArenas, step: StepUniform, rule: UpdateRule): Dispatch {
    const blocks = this.layout.length / blockLength;
    const { graft, momentumPlace, eps } = rule;
    const { clipScale } = arenas;
    const isBefore = momentumPlace === 'before';
    const values = { GRAFT: graft, BEFORE: isBefore, CLIPPED: clipScale !== null };
    const reads: [string, Region | null][] = [
      ['direction', this.direction],
      ['gradients', arenas.gradients],
      ['clip', clipScale],
      ['first', isBefore ? arenas.first : null],
      ['second', graft === 'adam' ? arenas.second : null],
    ];
    return {
      label: 'graft norms',
      code: [stepScalarsSource, layerSource, expandTemplate(graftNormsSource, values)].join('\n'),
      bindings: [
        ...jointTables(this.layout),
        ...reads.flatMap(([name, region]) =>
          region ? [{ name, type: 'array<f32>', region, write: false }] : [],
        ),
        { name: 'norms', type: 'array<vec4f>', region: this.norms, write: true },
      ],
      params: { type: 'Params', data: Uint32Array.of(blocks, floatBits(eps)) },
      step,
      workgroups: [Math.ceil(blocks / 16), 1, 1],
      flops: 10 * this.layout.length,
    };
  }

  private layerLengths(step: StepUniform, { graft, momentumPlace }: UpdateRule): Dispatch {
    const count = this.layout.layers.length;
    const values = { GRAFT: graft, BEFORE: momentumPlace === 'before' };
    return {
      label: 'graft lengths',
      code: [stepScalarsSource, layerSource, expandTemplate(graftLengthsSource, values)].join('\n'),
      bindings: [
        { name: 'layers', type: 'array<Layer>', region: this.layout.table, write: false },
        { name: 'norms', type: 'array<vec4f>', region: this.norms, write: false },
        { name: 'lengths', type: 'array<vec2f>', region: this.lengths, write: true },
      ],
      params: { type: 'Params', data: Uint32Array.of(count) },
      step,
      workgroups: [Math.ceil(count / 16), 1, 1],
      flops: 0,
    };
  }

  private clip(step: StepUniform, kappa: number): Dispatch {
    const count = this.layout.layers.length;
    return {
      label: 'clip the divergence',
      code: [stepScalarsSource, clipSource].join('\n'),
      bindings: [{ name: 'lengths', type: 'array<vec2f>', region: this.lengths, write: true }],
      params: { type: 'Params', data: Uint32Array.of(count, floatBits(kappa)) },
      step,
      workgroups: [1, 1, 1],
      flops: 3 * count,
    };
  }

  private apply(arenas: OptimiserArenas, step: StepUniform, rule: UpdateRule, hasLengths: boolean): Dispatch {
    const grid = linearGrid(this.layout.length, 64);
    const isAfter = rule.momentumPlace === 'after';
    const values = { ROW: grid.row, LENGTHS: hasLengths, AFTER: isAfter };
    return {
      label: 'update layers',
      code: [stepScalarsSource, layerSource, expandTemplate(applySource, values)].join('\n'),
      bindings: [
        ...jointTables(this.layout),
        { name: 'direction', type: 'array<f32>', region: this.direction, write: false },
        ...(hasLengths
          ? [{ name: 'lengths', type: 'array<vec2f>', region: this.lengths, write: false }]
          : []),
        ...(isAfter ? [{ name: 'velocity', type: 'array<f32>', region: this.velocity, write: true }] : []),
        { name: 'values', type: 'array<f32>', region: arenas.values, write: true },
      ],
      params: {
        type: 'Params',
        data: Uint32Array.of(grid.count, floatBits(rule.weightDecay), floatBits(rule.momentum)),
      },
      step,
      workgroups: grid.workgroups,
      flops: 4 * this.layout.length,
    };
  }
}
