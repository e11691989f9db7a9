/**
 * K-FAC for one model: factors, inverses and preconditioner on one set of layers, and how they enter a training
 * program. Two recipes share the parts (`docs/kfac.md`): `grafted` preconditions Adam's first moment and gives the
 * result Adam's length, `classic` preconditions the gradient and lets heavy-ball momentum follow.
 */
import type { KfacSpec } from '../../contract/run-spec.ts';
import type { LayerReport } from '../../contract/runs.ts';
import type { GpuContext } from '../../gpu-kernels/device.ts';
import { uploadTable, writeRegion, type Region } from '../../gpu-kernels/region.ts';
import type { LinearLayer } from '../models/model-builder.ts';
import type { OptimiserArenas } from '../optimisers/first-order.ts';
import type { LayerOptimiser, MatrixFailures } from '../optimisers/layer-optimiser.ts';
import type { Graph, Tensor } from '../program/graph.ts';
import type { Loss } from '../program/operations/loss.ts';
import type { StepUniform } from '../program/step-scalars.ts';
import { addFactors, createFactors, layerReports, type FactorSet } from './factors.ts';
import type { Flavour } from './flavour.ts';
import { Inverses } from './inverses.ts';
import { layOutJoint, type JointLayout } from './joint-layout.ts';
import { Preconditioner } from './precondition.ts';

export class Kfac implements LayerOptimiser {
  readonly factors: FactorSet;
  readonly layout: JointLayout;
  /** Null for the control with an identity preconditioner. */
  readonly inverses: Inverses | null;
  readonly preconditioner: Preconditioner;
  private readonly spec: KfacSpec;
  private readonly column: Region;

  /** Parameters must be allocated: tables hold their positions. */
  constructor(
    gpu: GpuContext,
    layers: LinearLayer[],
    spec: KfacSpec,
    flavourOf: (layer: LinearLayer) => Flavour,
  ) {
    this.spec = spec;
    this.factors = createFactors(gpu, layers, flavourOf, {
      maxSide: spec.maxFactorSide,
      convention: spec.reduceConvention,
    });
    this.layout = layOutJoint(gpu, this.factors.layers);
    this.inverses =
      spec.preconditioner === 'identity'
        ? null
        : new Inverses(gpu, this.factors, this.layout, { rule: spec.dampingRule, damping: spec.damping });
    this.preconditioner = new Preconditioner(gpu, this.layout, this.inverses?.groups ?? null);
    this.column = uploadTable(gpu, 'column', new Uint32Array(4));
  }

  /** What a fresh run starts from as zero: the inverses too, or a first inversion that fails would keep another run's. */
  get state(): Region[] {
    const { inverses } = this;
    return [
      this.factors.averages,
      this.preconditioner.velocity,
      ...(inverses ? [inverses.failures, inverses.all] : []),
    ];
  }

  get failures(): MatrixFailures | null {
    const { inverses } = this;
    if (!inverses) return null;
    return {
      counts: inverses.failures,
      code: 'pivot-failed',
      describe: (job, times) =>
        `${inverses.jobs[job]?.factor.name ?? ''}: pivot failed${times > 1 ? ` ${times} times` : ''}. Old inverse kept, damping raised.`,
    };
  }

  /** Damping as the run asked for, no longer raised by earlier failures. */
  reset(gpu: GpuContext): void {
    if (this.inverses)
      writeRegion(gpu, this.inverses.boosts, new Float32Array(this.inverses.jobs.length).fill(1));
  }

  get reports(): LayerReport[] {
    return layerReports(this.factors);
  }

  /** The factor and inverse phases; the program has its forward and backward pass already. */
  addCurvature(
    graph: Graph,
    loss: Loss,
    step: StepUniform,
    outputGradients: ReadonlyMap<Tensor, Tensor>,
  ): void {
    const { inverses } = this;
    if (!inverses) return;
    addFactors(this.factors, {
      graph,
      loss,
      fisher: this.spec.fisher,
      samples: this.spec.fisherSamples,
      step,
      outputGradients,
      column: this.column,
    });
    graph.inPhase('inverses', () => graph.effect('inverses', [], (lowering) => inverses.lower(lowering)));
  }

  /** Preconditioning and the update of the layers' parameters; Adam's moments must be up to date. */
  addUpdate(graph: Graph, arenas: OptimiserArenas, step: StepUniform): void {
    // Momentum is made of clipped gradients already.
    const [source, clipScale] =
      this.spec.recipe === 'grafted' ? [arenas.first, null] : [arenas.gradients, arenas.clipScale];
    graph.inPhase('precondition', () =>
      graph.effect('precondition', [], () => this.preconditioner.precondition(source, clipScale)),
    );
    graph.inPhase('update', () =>
      graph.effect('update layers', [], () => this.preconditioner.update(arenas, step, this.spec)),
    );
  }
}
