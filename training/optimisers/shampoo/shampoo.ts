/**
 * Shampoo (Gupta, Koren, Singer 2018, arXiv 1802.09568) as it is used today (Anil et al. 2020, arXiv 2002.09018; Shi et
 * al. 2023, arXiv 2309.06497): moving averages of both sides' gradient moments, the momentum preconditioned by their
 * inverse roots, and the result given the length of another optimiser's step, weight by weight:
 *
 *   L = average of G G^T, R = average of G^T G;  D = (L + e)^-p m (R + e)^-p
 *   W <- (1 - lr wd) W - lr (||u|| / ||D||) D,  u the step of Adam, or of SGD with momentum
 */
import type { ShampooSpec } from '../../../contract/run-spec.ts';
import type { GpuContext } from '../../../gpu-kernels/device.ts';
import type { Region } from '../../../gpu-kernels/region.ts';
import { layOutJoint, type JointLayout } from '../../curvature/joint-layout.ts';
import { Preconditioner } from '../../curvature/precondition.ts';
import type { LinearLayer } from '../../models/layers.ts';
import type { Graph } from '../../program/graph.ts';
import type { Loss } from '../../program/operations/loss.ts';
import type { StepUniform } from '../../program/step-scalars.ts';
import type { OptimiserArenas } from '../first-order.ts';
import { GradientMoments } from '../gradient-moments.ts';
import type { LayerOptimiser, MatrixFailures } from '../layer-optimiser.ts';
import { layOutSides, type SideLayout } from '../side-layout.ts';
import { weightBlocks, type WeightBlock } from '../weight-blocks.ts';
import { InversePowers } from './inverse-power.ts';

export class Shampoo implements LayerOptimiser {
  readonly layout: JointLayout<WeightBlock>;
  readonly sides: SideLayout<WeightBlock>;
  readonly moments: GradientMoments;
  readonly powers: InversePowers;
  readonly preconditioner: Preconditioner;
  /** It has no factors of a layer's inputs and outputs to report. */
  readonly reports = [];
  private readonly spec: ShampooSpec;

  /** Parameters must be allocated: tables hold their positions. */
  constructor(gpu: GpuContext, layers: readonly LinearLayer[], spec: ShampooSpec) {
    this.spec = spec;
    this.layout = layOutJoint(gpu, weightBlocks(layers, spec.maxFactorSide));
    this.sides = layOutSides(gpu, this.layout);
    this.moments = new GradientMoments(gpu, this.layout, this.sides);
    this.powers = new InversePowers(gpu, this.layout, this.sides, this.moments.averages, spec);
    this.preconditioner = new Preconditioner(gpu, this.layout, this.powers.groups);
  }

  get state(): Region[] {
    return [this.moments.averages.whole, this.powers.all, this.powers.failures];
  }

  get failures(): MatrixFailures {
    const { matrices } = this.sides;
    return {
      counts: this.powers.failures,
      code: 'root-failed',
      describe: (index, times) => {
        const matrix = matrices[index];
        const name = `${matrix?.side === 'g' ? 'L' : 'R'} of ${matrix?.member.name ?? ''}`;
        return `${name}: no inverse root${times > 1 ? ` ${times} times` : ''}. Old root kept.`;
      },
    };
  }

  /** Zero is what a fresh run starts from. */
  reset(): void {
    return;
  }

  /** Moments of the gradients, and the roots made of them. */
  addCurvature(graph: Graph, _loss: Loss, step: StepUniform, arenas: OptimiserArenas): void {
    graph.inPhase('factors', () =>
      graph.effect('gradient moments', [], () => this.moments.lower(arenas.gradients, step)),
    );
    graph.inPhase('inverses', () =>
      graph.effect('inverse roots', [], (lowering) => this.powers.lower(lowering)),
    );
  }

  addUpdate(graph: Graph, arenas: OptimiserArenas, step: StepUniform): void {
    const { preconditioner, spec } = this;
    graph.inPhase('precondition', () =>
      graph.effect('precondition', [], () => preconditioner.precondition(arenas.first)),
    );
    const { eps, weightDecay, grafting: graft } = spec;
    const settings = { recipe: 'grafted', momentum: 0, eps, weightDecay, graft } as const;
    graph.inPhase('update', () =>
      graph.effect('update layers', [], () => preconditioner.update(arenas, step, settings)),
    );
  }
}
