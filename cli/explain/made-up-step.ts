/** A training step over made-up data of a given shape: what a model takes on an adapter, without any data set. */
import type { ModelPreset } from '../../contract/model-presets.ts';
import type { OptimizerSpec } from '../../contract/run-spec.ts';
import { phases } from '../../contract/runs.ts';
import { openScope, releaseScope, type GpuContext } from '../../gpu-kernels/device.ts';
import { readFloats } from '../../gpu-kernels/readback.ts';
import { placeInNewBuffer, Region, uploadTable } from '../../gpu-kernels/region.ts';
import { createRandom, type Random } from '../../datasets/random.ts';
import { addGradients, addUpdate, createArenas } from '../../training/loop/step-graph.ts';
import { initialValues } from '../../training/loop/trainer.ts';
import type { ModelInputs } from '../../training/models/inputs.ts';
import type { LinearLayer } from '../../training/models/layers.ts';
import { buildModel } from '../../training/models/model.ts';
import { ModelBuilder } from '../../training/models/model-builder.ts';
import { createLayerOptimiser, isLayerParameter } from '../../training/optimisers/create-layer-optimiser.ts';
import { compile, type ProgramStatistics } from '../../training/program/compile.ts';
import { Graph, size, type Tensor } from '../../training/program/graph.ts';
import { crossEntropy } from '../../training/program/operations/loss.ts';
import { Parameters } from '../../training/program/parameters.ts';
import { recomputingGraph } from '../../training/program/recomputation.ts';
import { StepUniform } from '../../training/program/step-scalars.ts';

export interface MadeUpStep {
  parameters: number;
  layers: readonly LinearLayer[];
  /** An example has one loss term. */
  lossPools: boolean;
  statistics: ProgramStatistics;
  /** Runs steps on one batch, every phase due. Answers the loss before each and the ms it took until the GPU was done. */
  run(steps: number): Promise<{ loss: number; ms: number }[]>;
  destroy(): void;
}

type MadeUp = Pick<ModelPreset, 'model' | 'input' | 'outputs' | 'batch'>;

/** Compiles the step of a model with labels drawn at random. */
export async function compileMadeUpStep(
  gpu: GpuContext,
  task: MadeUp,
  optimizer: OptimizerSpec,
  recompute = false,
): Promise<MadeUpStep> {
  const scope = openScope(gpu);
  const graph = recompute ? recomputingGraph() : new Graph();
  const parameters = new Parameters();
  const builder = new ModelBuilder(graph, parameters);
  const draw = new Draw(scope, graph);
  const inputs = draw.inputs(task);
  const outputs = buildModel(builder, task.model, inputs, task.outputs);
  const loss = crossEntropy(outputs, draw.numbers('labels', outputs.shape.slice(0, -1), task.outputs));
  const lossPools = loss.termCount === task.batch;
  parameters.allocate(scope);
  parameters.upload(scope, (parameter) => initialValues(parameter, 1));
  const terms = new Region('loss terms', loss.termCount * 4);
  placeInNewBuffer(scope, 'loss terms', [terms]);
  graph.pin(loss.terms, terms);
  const step = new StepUniform(scope);
  const layerOptimiser = createLayerOptimiser(scope, builder.layers, optimizer, lossPools);
  const arenas = createArenas(scope, parameters, (parameter) => ({
    ...{ lrScale: 1, weightDecay: 0, weightDecayKind: 'decoupled' },
    isUpdated: !isLayerParameter(parameter, optimizer),
  }));
  addGradients(graph, builder, loss, arenas, step, layerOptimiser);
  addUpdate(graph, arenas, step, optimizer, layerOptimiser);
  const program = await compile(scope, graph, 'step');
  layerOptimiser?.reset(scope);
  const runOne = async (index: number) => {
    const start = performance.now();
    const correction1 = 1 - 0.9 ** index;
    const correction2 = 1 - 0.99 ** index;
    step.write({ index, seed: 1, slot: 0, lr: optimizer.lr, correction1, correction2, factorMix: 1 / index });
    const encoder = scope.device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    program.encode(pass, new Set(phases));
    pass.end();
    scope.device.queue.submit([encoder.finish()]);
    const values = await readFloats(scope, terms);
    return { loss: values.reduce((sum, v) => sum + v, 0) / values.length, ms: performance.now() - start };
  };
  return {
    ...{ parameters: parameters.count, layers: builder.layers, lossPools, statistics: program.statistics },
    async run(steps) {
      const results: { loss: number; ms: number }[] = [];
      for (let index = 1; index <= steps; index++) results.push(await runOne(index));
      return results;
    },
    destroy: () => releaseScope(scope),
  };
}

/** Leaves of random numbers. */
class Draw {
  private readonly scope: GpuContext;
  private readonly graph: Graph;
  private readonly random: Random = createRandom(1, 1);

  constructor(scope: GpuContext, graph: Graph) {
    [this.scope, this.graph] = [scope, graph];
  }

  inputs({ input, batch }: MadeUp): ModelInputs {
    switch (input.kind) {
      case 'images': {
        const shape = [batch, input.channels, input.height, input.width];
        return { kind: 'images', images: this.values('images', shape) };
      }
      case 'table':
        return { kind: 'table', rows: this.values('rows', [batch, input.columns]) };
      case 'text': {
        const { length, vocabulary } = input;
        return { kind: 'text', tokens: this.numbers('tokens', [batch, length], vocabulary), vocabulary };
      }
      case 'graphs': {
        const [nodes, edges] = [batch * input.nodes, batch * input.edges];
        const ends = (name: string) =>
          this.table(name, [edges], (i) => {
            const graph = Math.floor(i / input.edges);
            return graph * input.nodes + (this.random.nextUint32() % input.nodes);
          });
        return {
          kind: 'graphs',
          nodes: this.values('nodes', [nodes, input.nodeWidth]),
          edges: this.values('edges', [edges, input.edgeWidth]),
          ...{ senders: ends('senders'), receivers: ends('receivers') },
          nodeOffsets: this.table('node offsets', [batch + 1], (i) => i * input.nodes),
          edgeOffsets: this.table('edge offsets', [batch + 1], (i) => i * input.edges),
        };
      }
      default:
        return input satisfies never;
    }
  }

  /** Whole numbers below `limit`. */
  numbers(name: string, shape: readonly number[], limit: number): Tensor {
    return this.table(name, shape, () => this.random.nextUint32() % limit);
  }

  private values(name: string, shape: readonly number[]): Tensor {
    const values = Float32Array.from({ length: size(shape) }, () => this.random.nextUint32() / 2 ** 31 - 1);
    return this.graph.leaf(name, shape, uploadTable(this.scope, name, values));
  }

  private table(name: string, shape: readonly number[], at: (i: number) => number): Tensor {
    const numbers = Uint32Array.from({ length: size(shape) }, (_, i) => at(i));
    return this.graph.leaf(name, shape, uploadTable(this.scope, name, numbers), 'u32');
  }
}
