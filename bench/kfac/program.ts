/**
 * A training step of a net by an optimiser, over a batch that lies on the GPU, with the phases that are due: what the
 * training loop does but for gathering and metrics.
 */
import type { OptimizerSpec } from '../../contract/run-spec.ts';
import { phases, type Phase } from '../../contract/runs.ts';
import { openScope, releaseScope, type GpuContext } from '../../gpu-kernels/device.ts';
import { uploadTable } from '../../gpu-kernels/region.ts';
import { seededUniform } from '../../gpu-kernels/spd-inverse/test-support.ts';
import { dueWork, phasesDue, sliceDue } from '../../training/loop/intervals.ts';
import { addGradients, addUpdate, createArenas } from '../../training/loop/step-graph.ts';
import { initialValues } from '../../training/loop/trainer.ts';
import { ModelBuilder } from '../../training/models/model-builder.ts';
import { createLayerOptimiser, isLayerParameter } from '../../training/optimisers/create-layer-optimiser.ts';
import { MomentWeights } from '../../training/optimisers/moment-weights.ts';
import { compile, type Program } from '../../training/program/compile.ts';
import { Graph, size } from '../../training/program/graph.ts';
import { Parameters } from '../../training/program/parameters.ts';
import { StepUniform } from '../../training/program/step-scalars.ts';
import type { KfacNet, Leaves } from './nets.ts';

export class CurvatureStep {
  private readonly scope: GpuContext;
  private readonly optimizer: OptimizerSpec;
  private readonly program: Program;
  /** What is inverted at the ends of steps, where a round of inversions is spread over several. */
  private readonly slices: readonly Program[];
  private readonly scalars: StepUniform;
  private readonly weights: MomentWeights;
  private index = 0;

  private constructor(
    scope: GpuContext,
    optimizer: OptimizerSpec,
    { program, slices }: { program: Program; slices: readonly Program[] },
    scalars: StepUniform,
  ) {
    this.scope = scope;
    this.optimizer = optimizer;
    this.program = program;
    this.slices = slices;
    this.scalars = scalars;
    this.weights = new MomentWeights(optimizer);
  }

  static async build(gpu: GpuContext, net: KfacNet, optimizer: OptimizerSpec): Promise<CurvatureStep> {
    const scope = openScope(gpu);
    const graph = new Graph();
    const parameters = new Parameters();
    const builder = new ModelBuilder(graph, parameters);
    const loss = net.build(builder, leavesOf(scope, graph));
    parameters.allocate(scope);
    parameters.upload(scope, (parameter) => initialValues(parameter, 1));
    parameters.resetBuffers(scope);
    const scalars = new StepUniform(scope);
    const layers = createLayerOptimiser(scope, builder.layers, optimizer);
    const arenas = createArenas(scope, parameters, (parameter) => ({
      lrScale: 1,
      weightDecay: parameter.kind === 'weight' ? optimizer.weightDecay : 0,
      weightDecayKind: 'decoupled',
      isUpdated: !isLayerParameter(parameter, optimizer),
    }));
    addGradients(graph, builder, loss, arenas, scalars, layers);
    addUpdate(graph, arenas, scalars, optimizer, layers);
    const program = await compile(scope, graph, net.name);
    const slices: Program[] = [];
    for (let slice = 0; slice < (layers?.slices?.count ?? 0); slice++) {
      const ofSlice = new Graph();
      layers?.slices?.add(ofSlice, slice);
      slices.push(await compile(scope, ofSlice, `${net.name}: slice ${slice}`));
    }
    return new CurvatureStep(scope, optimizer, { program, slices }, scalars);
  }

  /** The next training step; resolves when the GPU has made it. */
  async step(): Promise<void> {
    const due = dueWork(this.optimizer, ++this.index, this.slices.length);
    const { lr } = this.optimizer;
    const factorMix = due.factors ? 0.1 : 0;
    this.scalars.write({ index: this.index, seed: 0, slot: 0, lr, ...this.weights.next(), factorMix });
    await this.submit(phasesDue(due), 1, sliceDue(this.optimizer, this.index, this.slices.length));
  }

  /** Some phases alone, so many times over, then a slice of the inversions; resolves when the GPU has made them. */
  async submit(due: ReadonlySet<Phase>, times: number, slice: number | null = null): Promise<void> {
    const { device } = this.scope;
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    for (let i = 0; i < times; i++) this.program.encode(pass, due);
    if (slice !== null) this.slices[slice]?.encode(pass, new Set(phases));
    pass.end();
    device.queue.submit([encoder.finish()]);
    await device.queue.onSubmittedWorkDone();
  }

  /** Which phases have any work. */
  get phases(): Phase[] {
    return phases.filter((phase) => this.program.statistics.kernels.some((kernel) => kernel.phase === phase));
  }

  dispose(): void {
    releaseScope(this.scope);
  }
}

function leavesOf(scope: GpuContext, graph: Graph): Leaves {
  const uniform = seededUniform(9);
  return {
    noise(label, shape) {
      const values = Float32Array.from({ length: size(shape) }, () => uniform() - 0.5);
      return graph.leaf(label, shape, uploadTable(scope, label, values));
    },
    labels(count, classes) {
      const values = Uint32Array.from({ length: count }, (_, i) => (i * 7) % classes);
      return graph.leaf('labels', [count], uploadTable(scope, 'labels', values), 'u32');
    },
  };
}
