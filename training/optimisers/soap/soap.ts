/**
 * SOAP (Vyas et al. 2024, arXiv 2409.11321): Adam in the eigenbases of Shampoo's two moments, weight by weight.
 *
 *   m = b1 m + (1 - b1) G                      as Adam's, kept in the weight's own coordinates
 *   s = b2 s + (1 - b2) (V_L G V_R^T)^2        in the bases, whose vectors are the rows of V
 *   W <- (1 - lr wd) W - lr V_L^T [ c1 V_L m V_R^T / (sqrt(c2 s) + eps) ] V_R
 *
 * Then L and R take G in, and every so many steps the bases follow them. A step therefore never turns by the gradient
 * that it is made of, and the first step moves nothing: it only finds the bases.
 */
import type { SoapSpec } from '../../../contract/run-spec.ts';
import type { GpuContext } from '../../../gpu-kernels/device.ts';
import { floatBits, type Dispatch } from '../../../gpu-kernels/dispatch.ts';
import { linearGrid } from '../../../gpu-kernels/grid.ts';
import { matmul } from '../../../gpu-kernels/matmul/matmul.ts';
import { Region } from '../../../gpu-kernels/region.ts';
import { expandTemplate } from '../../../gpu-kernels/template.ts';
import { jointArena, layOutJoint, type JointLayout } from '../../curvature/joint-layout.ts';
import { packJoint } from '../../curvature/pack-joint.ts';
import { Preconditioner } from '../../curvature/precondition.ts';
import type { LinearLayer } from '../../models/layers.ts';
import type { Graph } from '../../program/graph.ts';
import { stepScalarsSource, type StepUniform } from '../../program/step-scalars.ts';
import type { OptimiserArenas } from '../first-order.ts';
import { GradientMoments } from '../gradient-moments.ts';
import type { LayerOptimiser, MatrixFailures } from '../layer-optimiser.ts';
import { layOutSides, type SideLayout } from '../side-layout.ts';
import { weightBlocks, type WeightBlock } from '../weight-blocks.ts';
import adamSource from './basis-adam.wgsl';
import { Eigenbases } from './eigenbases.ts';

type Arena = ReturnType<typeof jointArena>;

export class Soap implements LayerOptimiser {
  readonly layout: JointLayout<WeightBlock>;
  readonly sides: SideLayout<WeightBlock>;
  readonly moments: GradientMoments;
  readonly eigenbases: Eigenbases;
  /** Adam's second moment in the bases, in the joint layout. */
  readonly squares: Arena;
  /** It has no factors of a layer's inputs and outputs to report. */
  readonly reports = [];
  private readonly gpu: GpuContext;
  private readonly spec: SoapSpec;
  /** Moves the weights along what lies in its direction. */
  private readonly mover: Preconditioner;
  private readonly packed: Arena;
  private readonly half: Arena;
  private readonly gradient: Arena;
  private readonly momentum: Arena;

  /** Parameters must be allocated: tables hold their positions. */
  constructor(gpu: GpuContext, layers: readonly LinearLayer[], spec: SoapSpec) {
    this.gpu = gpu;
    this.spec = spec;
    this.layout = layOutJoint(gpu, weightBlocks(layers, spec.maxFactorSide));
    this.sides = layOutSides(gpu, this.layout);
    this.moments = new GradientMoments(gpu, this.layout, this.sides);
    this.eigenbases = new Eigenbases(gpu, this.layout, this.sides, this.moments.averages);
    this.mover = new Preconditioner(gpu, this.layout, null);
    this.squares = jointArena(gpu, this.layout, 'second moment in the bases');
    this.packed = jointArena(gpu, this.layout, 'joint matrices');
    this.half = jointArena(gpu, this.layout, 'half turned');
    this.gradient = jointArena(gpu, this.layout, 'gradient in the bases');
    this.momentum = jointArena(gpu, this.layout, 'momentum in the bases');
  }

  get state(): Region[] {
    return [this.moments.averages.whole, this.squares.whole, this.eigenbases.failures, this.mover.velocity];
  }

  get failures(): MatrixFailures {
    const { matrices } = this.sides;
    return {
      counts: this.eigenbases.failures,
      code: 'basis-failed',
      describe: (index, times) => {
        const matrix = matrices[index];
        const name = `${matrix?.side === 'g' ? 'L' : 'R'} of ${matrix?.member.name ?? ''}`;
        return `${name}: no eigenbasis${times > 1 ? ` ${times} times` : ''}. Old basis kept.`;
      },
    };
  }

  reset(gpu: GpuContext): void {
    this.eigenbases.reset(gpu);
  }

  /** Nothing: moments and bases take the gradients in after the update. */
  addCurvature(): void {
    return;
  }

  addUpdate(graph: Graph, arenas: OptimiserArenas, step: StepUniform): void {
    const { spec, eigenbases } = this;
    const { eps, weightDecay } = spec;
    // Adam's step has its length already, and its momentum.
    const settings = { recipe: 'classic', momentum: 0, eps, weightDecay } as const;
    graph.inPhase('precondition', () =>
      graph.effect('adam in eigenbases', [], () => this.precondition(arenas, step)),
    );
    graph.inPhase('update', () =>
      graph.effect('update layers', [], () => this.mover.update(arenas, step, settings)),
    );
    graph.inPhase('factors', () =>
      graph.effect('gradient moments', [], () => this.moments.lower(arenas.gradients, step)),
    );
    graph.inPhase('inverses', () =>
      graph.effect('eigenbases', [], (lowering) => eigenbases.lowerRefresh(lowering, this.squares.whole)),
    );
  }

  addStart(graph: Graph): void {
    graph.inPhase('inverses', () =>
      graph.effect('first eigenbases', [], (lowering) => this.eigenbases.lowerStart(lowering)),
    );
  }

  private precondition(arenas: OptimiserArenas, step: StepUniform): Dispatch[] {
    const { packed, gradient, momentum } = this;
    return [
      packJoint(this.layout, arenas.gradients, packed.whole, arenas.clipScale),
      ...this.intoBases(packed, gradient),
      // Made of clipped gradients already.
      packJoint(this.layout, arenas.first, packed.whole),
      ...this.intoBases(packed, momentum),
      this.adam(step),
      ...this.outOfBases(momentum),
    ];
  }

  /** to = V_L from V_R^T */
  private intoBases(from: Arena, to: Arena): Dispatch[] {
    return [
      ...this.turn('V_L M', from, this.half, 'g', false),
      ...this.turn('V_L M V_R^T', this.half, to, 'a', true),
    ];
  }

  /** The direction in which the weights are moved = V_L^T from V_R */
  private outOfBases(from: Arena): Dispatch[] {
    const direction = partsOf(this.layout, this.mover.direction);
    return [
      ...this.turn('S V_R', from, this.half, 'a', false),
      ...this.turn('V_L^T S V_R', this.half, direction, 'g', true),
    ];
  }

  private turn(label: string, from: Arena, to: Arena, side: 'a' | 'g', isTransposed: boolean): Dispatch[] {
    return this.layout.groups.map(({ rows, columns, stride }, i) => {
      const basis = this.eigenbases.bases.of(i, side);
      const chunk = this.sides.chunk(i, side);
      const [source, c] = [from.groups[i] as Region, to.groups[i] as Region];
      const shape = { m: rows, n: columns, batch: chunk.count, strideC: stride };
      return side === 'g'
        ? matmul(this.gpu, {
            ...{ ...shape, label, a: basis, b: source, c, k: rows, transposeA: isTransposed },
            ...{ strideA: chunk.stride, strideB: stride },
          })
        : matmul(this.gpu, {
            ...{ ...shape, label, a: source, b: basis, c, k: columns, transposeB: isTransposed },
            ...{ strideA: stride, strideB: chunk.stride },
          });
    });
  }

  private adam(step: StepUniform): Dispatch {
    const grid = linearGrid(this.layout.length, 64);
    const { beta2, eps } = this.spec;
    return {
      label: 'adam in eigenbases',
      code: [stepScalarsSource, expandTemplate(adamSource, { ROW: grid.row })].join('\n'),
      bindings: [
        { name: 'gradient', type: 'array<f32>', region: this.gradient.whole, write: false },
        { name: 'squares', type: 'array<f32>', region: this.squares.whole, write: true },
        { name: 'momentum', type: 'array<f32>', region: this.momentum.whole, write: true },
      ],
      params: { type: 'Params', data: Uint32Array.of(grid.count, floatBits(beta2), floatBits(eps)) },
      step,
      workgroups: grid.workgroups,
      flops: 9 * this.layout.length,
    };
  }
}

/** The groups of an arena that is known as a whole. */
function partsOf({ groups }: JointLayout<WeightBlock>, whole: Region): Arena {
  return {
    whole,
    groups: groups.map(({ stride, layers, offset }) => {
      const part = new Region(whole.label, stride * layers.length * 4);
      part.locate(whole.buffer, whole.offset + offset * 4);
      return part;
    }),
  };
}
