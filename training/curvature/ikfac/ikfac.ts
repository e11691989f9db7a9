/**
 * Inverse-free K-FAC and SINGD for one model: K-FAC's factors and update of the layers, with roots of the inverses that
 * are moved by matrix products in the place of inverses that are computed. Settings, traps and sources:
 * `docs/optimisers.md`.
 */
import type { InverseFreeSpec } from '../../../contract/run-spec.ts';
import type { LayerReport } from '../../../contract/runs.ts';
import type { GpuContext } from '../../../gpu-kernels/device.ts';
import { uploadTable, type Region } from '../../../gpu-kernels/region.ts';
import type { LinearLayer } from '../../models/model-builder.ts';
import type { OptimiserArenas } from '../../optimisers/first-order.ts';
import type { LayerOptimiser, MatrixFailures } from '../../optimisers/layer-optimiser.ts';
import type { Graph } from '../../program/graph.ts';
import type { Loss } from '../../program/operations/loss.ts';
import type { StepUniform } from '../../program/step-scalars.ts';
import { createFactors, layerReports, startFactors, type FactorSet, type FactorUpdate } from '../factors.ts';
import type { FlavoursOf } from '../flavour.ts';
import { layOutJoint, type JointLayout } from '../joint-layout.ts';
import { Preconditioner } from '../precondition.ts';
import { InverseRoots } from './inverse-roots.ts';

export class InverseFree implements LayerOptimiser {
  readonly factors: FactorSet;
  readonly layout: JointLayout;
  readonly roots: InverseRoots;
  readonly preconditioner: Preconditioner;
  private readonly spec: InverseFreeSpec;
  private readonly column: Region;
  private update: FactorUpdate | null = null;

  /** Parameters must be allocated: tables hold their positions. */
  constructor(gpu: GpuContext, layers: LinearLayer[], spec: InverseFreeSpec, flavoursOf: FlavoursOf) {
    this.spec = spec;
    this.factors = createFactors(gpu, layers, flavoursOf, {
      maxSide: spec.maxFactorSide,
      convention: spec.reduceConvention,
    });
    this.layout = layOutJoint(gpu, this.factors.layers);
    this.roots = new InverseRoots(gpu, this.factors, this.layout, spec);
    this.preconditioner = new Preconditioner(gpu, this.layout, this.roots.inverses);
    this.column = uploadTable(gpu, 'column', new Uint32Array(4));
  }

  get state(): Region[] {
    const { factors, roots, preconditioner } = this;
    return [factors.averages, preconditioner.velocity, roots.velocity.whole, roots.failures];
  }

  get failures(): MatrixFailures {
    const { matrices } = this.roots.sides;
    return {
      counts: this.roots.failures,
      code: 'root-not-finite',
      describe: (index, times) => {
        const matrix = matrices[index];
        const name = matrix?.member[matrix.side].name ?? '';
        return `${name}: update of its inverse root was not finite${times > 1 ? ` ${times} times` : ''}. Old root kept.`;
      },
    };
  }

  get reports(): LayerReport[] {
    return layerReports(this.factors);
  }

  reset(gpu: GpuContext): void {
    this.roots.reset(gpu);
  }

  /** Begins the factors of the batch. */
  watchGradients(graph: Graph, loss: Loss, step: StepUniform): FactorUpdate['accept'] {
    const { fisher, fisherSamples: samples } = this.spec;
    this.update = startFactors(this.factors, { graph, loss, fisher, samples, step, column: this.column });
    return this.update.accept;
  }

  /** The rest of the factors, and one update of the roots by them. */
  addCurvature(graph: Graph): void {
    this.update?.finish();
    graph.inPhase('inverses', () => graph.effect('inverse roots', [], () => this.roots.lower()));
  }

  addUpdate(graph: Graph, arenas: OptimiserArenas, step: StepUniform): void {
    this.preconditioner.addUpdate(graph, arenas, step, this.spec);
  }
}
