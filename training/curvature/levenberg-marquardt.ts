/**
 * Damping that adapts itself: every few steps the loss on the same batch is taken again after the step, and lambda follows
 * how well the quadratic model had foretold the change (Martens and Grosse 2015, sections 6.4 and 6.5):
 *
 *   q(d) = <gradient, d> + 1/2 d^T F d,   rho = (loss after - loss before) / q(d)
 *   rho > 3/4: lambda *= decay^interval;   rho < 1/4: lambda /= decay^interval
 *
 * d is what the step did to all parameters, weight decay included; F is K-FAC's own damped curvature, which knows nothing of
 * parameters outside its layers. All of it happens on the GPU.
 */
import type { GpuContext } from '../../gpu-kernels/device.ts';
import { floatBits, type Binding, type Dispatch } from '../../gpu-kernels/dispatch.ts';
import { linearGrid } from '../../gpu-kernels/grid.ts';
import { matmul } from '../../gpu-kernels/matmul/matmul.ts';
import { sumMiddle } from '../../gpu-kernels/reduce/sum-middle.ts';
import { Region, uploadTable } from '../../gpu-kernels/region.ts';
import { expandTemplate } from '../../gpu-kernels/template.ts';
import type { OptimiserArenas } from '../optimisers/first-order.ts';
import type { Adaptation } from '../optimisers/layer-optimiser.ts';
import type { Graph, Lowering } from '../program/graph.ts';
import type { Loss } from '../program/operations/loss.ts';
import { blockLength } from '../program/parameters.ts';
import adaptSource from './adapt-damping.wgsl';
import type { Damping } from './damping.ts';
import copySource from './eigen-copy.wgsl';
import differenceSource from './joint-difference.wgsl';
import { jointArena, type JointLayout } from './joint-layout.ts';
import layerSource from './kfac-layer.wgsl';
import type { LayerAmounts } from './layer-amounts.ts';
import quadraticSource from './quadratic-sums.wgsl';
import slopeSource from './slope-sums.wgsl';

export interface AdaptationSettings {
  /** Steps from one look at the loss to the next. */
  interval: number;
  /** Lambda's factor per step while the model is right, below 1. */
  decay: number;
}

export class LevenbergMarquardt implements Adaptation {
  readonly interval: number;
  private readonly decay: number;
  private readonly layout: JointLayout;
  private readonly damping: Damping;
  private readonly amounts: LayerAmounts;
  /** f32: the batch's loss before the last step, the change that the model promised at the last look, the change seen. */
  readonly memory: Region;
  private readonly before: Region;
  private readonly change: { whole: Region; groups: Region[] };
  private readonly left: { whole: Region; groups: Region[] };
  private readonly right: { whole: Region; groups: Region[] };

  /** `length`: numbers in the parameter arena. */
  constructor(
    gpu: GpuContext,
    layout: JointLayout,
    curvature: { damping: Damping; amounts: LayerAmounts },
    length: number,
    settings: AdaptationSettings,
  ) {
    this.interval = settings.interval;
    this.decay = settings.decay;
    this.layout = layout;
    this.damping = curvature.damping;
    this.amounts = curvature.amounts;
    this.memory = uploadTable(gpu, 'loss before the step', new Float32Array(4));
    this.before = uploadTable(gpu, 'parameters before the step', new Float32Array(length));
    this.change = jointArena(gpu, layout, 'step of layers');
    this.left = jointArena(gpu, layout, 'G times the step');
    this.right = jointArena(gpu, layout, 'step times A');
  }

  /** Adds to a training step what remembers loss and parameters before the update. */
  addMemory(graph: Graph, loss: Loss, arenas: OptimiserArenas): void {
    const quads = arenas.length / 4;
    const grid = linearGrid(quads, 64);
    graph.effect('remember', [loss.terms], (lowering) => [
      ...meanLoss(lowering, loss, this.memory),
      {
        label: 'remember parameters',
        code: expandTemplate(copySource, { ROW: grid.row }),
        bindings: [
          { name: 'source', type: 'array<vec4f>', region: arenas.values, write: false },
          { name: 'copied', type: 'array<vec4f>', region: this.before, write: true },
        ],
        params: { type: 'Params', data: Uint32Array.of(quads) },
        workgroups: grid.workgroups,
        flops: 0,
      },
    ]);
  }

  /** Adds to a program that takes the loss of the same batch again, after the step, what adapts lambda. */
  add(graph: Graph, loss: Loss, arenas: OptimiserArenas): void {
    graph.effect('adapt damping', [loss.terms], (lowering) => {
      const now = lowering.scratch('loss after the step', 4);
      const slope = this.sum(lowering, 'slope', arenas.length / blockLength, (parts, blocks) => ({
        ...this.blockLaunch('slope', slopeSource, blocks),
        bindings: [
          ...this.values(arenas),
          { name: 'gradients', type: 'array<f32>', region: arenas.gradients, write: false },
          { name: 'parts', type: 'array<f32>', region: parts, write: true },
        ],
      }));
      const curve = this.sum(lowering, 'curvature', this.layout.length / blockLength, (parts, blocks) => ({
        ...this.blockLaunch('curvature', quadraticSource, blocks),
        bindings: [
          { name: 'blocks', type: 'array<u32>', region: this.layout.blocks, write: false },
          { name: 'amounts', type: 'array<vec4f>', region: this.amounts.region, write: false },
          { name: 'change', type: 'array<f32>', region: this.change.whole, write: false },
          { name: 'left', type: 'array<f32>', region: this.left.whole, write: false },
          { name: 'right', type: 'array<f32>', region: this.right.whole, write: false },
          { name: 'parts', type: 'array<f32>', region: parts, write: true },
        ],
      }));
      return [
        ...meanLoss(lowering, loss, now),
        ...slope.launches,
        this.difference(arenas),
        ...this.products(lowering.gpu),
        ...curve.launches,
        this.adapt(now, slope.total, curve.total),
      ];
    });
  }

  private values(arenas: OptimiserArenas): Binding[] {
    return [
      { name: 'values', type: 'array<f32>', region: arenas.values, write: false },
      { name: 'before', type: 'array<f32>', region: this.before, write: false },
    ];
  }

  private blockLaunch(label: string, code: string, blocks: number): Omit<Dispatch, 'bindings'> {
    return {
      label,
      code,
      params: { type: 'Params', data: Uint32Array.of(blocks) },
      workgroups: [Math.ceil(blocks / 16), 1, 1],
      flops: 6 * blocks * blockLength,
    };
  }

  /** Sums per block and their total. */
  private sum(
    lowering: Lowering,
    label: string,
    blocks: number,
    launch: (parts: Region, blocks: number) => Dispatch,
  ): { total: Region; launches: Dispatch[] } {
    const parts = lowering.scratch(`${label} by blocks`, blocks);
    const total = lowering.scratch(label, 4);
    return {
      total,
      launches: [launch(parts, blocks), ...sumAll(lowering, label, parts, total, blocks, 1)],
    };
  }

  private difference(arenas: OptimiserArenas): Dispatch {
    const grid = linearGrid(this.layout.length, 64);
    return {
      label: 'step of layers',
      code: [layerSource, expandTemplate(differenceSource, { ROW: grid.row })].join('\n'),
      bindings: [
        { name: 'blocks', type: 'array<u32>', region: this.layout.blocks, write: false },
        { name: 'layers', type: 'array<Layer>', region: this.layout.table, write: false },
        ...this.values(arenas),
        { name: 'joint', type: 'array<f32>', region: this.change.whole, write: true },
      ],
      params: { type: 'Params', data: Uint32Array.of(grid.count) },
      workgroups: grid.workgroups,
      flops: this.layout.length,
    };
  }

  /** G d and d A of every layer. */
  private products(gpu: GpuContext): Dispatch[] {
    return this.layout.groups.flatMap((group) =>
      group.layers.flatMap(({ a, g }, slot) => {
        const at = group.offset + slot * group.stride;
        const part = ({ whole }: { whole: Region }) => {
          const region = new Region(whole.label, group.stride * 4);
          region.locate(whole.buffer, whole.offset + at * 4);
          return region;
        };
        const size = { m: group.rows, n: group.columns };
        return [
          matmul(gpu, {
            ...{ label: 'G d', ...size, k: group.rows },
            ...{ a: g.average, b: part(this.change), c: part(this.left) },
          }),
          matmul(gpu, {
            ...{ label: 'd A', ...size, k: group.columns },
            ...{ a: part(this.change), b: a.average, c: part(this.right) },
          }),
        ];
      }),
    );
  }

  private adapt(loss: Region, slope: Region, curve: Region): Dispatch {
    const { floor = 0, scale } = this.damping.settings;
    const read = (name: string, region: Region) => ({ name, type: 'array<f32>', region, write: false });
    return {
      label: 'adapt damping',
      code: adaptSource,
      bindings: [
        read('loss', loss),
        { ...read('memory', this.memory), write: true },
        read('slope', slope),
        read('curve', curve),
        { name: 'levels', type: 'array<f32>', region: this.damping.levels, write: true },
      ],
      params: {
        type: 'Params',
        data: Uint32Array.of(
          floatBits(this.decay ** this.interval),
          floatBits(floor),
          scale === 'loss' ? 1 : 0,
        ),
      },
      workgroups: [1, 1, 1],
      flops: 0,
    };
  }
}

/** Mean of the loss terms into `mean[0]`. */
export function meanLoss(lowering: Lowering, loss: Loss, mean: Region): Dispatch[] {
  const terms = lowering.region(loss.terms);
  return sumAll(lowering, 'mean loss', terms, mean, loss.termCount, 1 / loss.termCount);
}

function sumAll(
  lowering: Lowering,
  label: string,
  x: Region,
  y: Region,
  length: number,
  scale: number,
): Dispatch[] {
  const scratch = (name: string, words: number) => lowering.scratch(name, words);
  return sumMiddle({ label, x, y, outer: 1, length, inner: 1, scale, scratch });
}
