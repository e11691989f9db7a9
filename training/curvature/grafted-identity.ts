/**
 * The grafting control: K-FAC's update of layers with the identity in the place of its preconditioner, D = m or the gradient.
 * What K-FAC gains over it is what the curvature is worth. It has no factors, and keeps no memory for any.
 */
import type { GraftedIdentitySpec } from '../../contract/run-spec.ts';
import type { GpuContext } from '../../gpu-kernels/device.ts';
import type { Region } from '../../gpu-kernels/region.ts';
import type { LinearLayer } from '../models/layers.ts';
import type { OptimiserArenas } from '../optimisers/first-order.ts';
import type { LayerOptimiser } from '../optimisers/layer-optimiser.ts';
import type { Graph } from '../program/graph.ts';
import type { StepUniform } from '../program/step-scalars.ts';
import { layerBlocks } from './blocks.ts';
import { layOutJoint } from './joint-layout.ts';
import { Preconditioner } from './precondition.ts';

export class GraftedIdentity implements LayerOptimiser {
  readonly preconditioner: Preconditioner;
  readonly reports = [];
  readonly failures = null;
  private readonly spec: GraftedIdentitySpec;

  /** Parameters must be allocated: tables hold their positions. */
  constructor(gpu: GpuContext, layers: readonly LinearLayer[], spec: GraftedIdentitySpec) {
    this.spec = spec;
    // In the parts that K-FAC's factors cut a layer into, because each part has a length of its own.
    const blocks = layers.flatMap((layer) => layerBlocks(layer, spec.maxFactorSide));
    this.preconditioner = new Preconditioner(gpu, layOutJoint(gpu, blocks), null);
  }

  get state(): Region[] {
    return [this.preconditioner.velocity];
  }

  /** Zero is what a fresh run starts from. */
  reset(): void {
    return;
  }

  addCurvature(): void {
    return;
  }

  addUpdate(graph: Graph, arenas: OptimiserArenas, step: StepUniform): void {
    this.preconditioner.addUpdate(graph, arenas, step, this.spec);
  }
}
