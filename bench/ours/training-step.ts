/**
 * Our side of a training benchmark: loss, gradients and update as one recorded program over a batch that lies on the
 * GPU, without the gathering and the metrics of the training loop, which the peers do not do either. Each step is
 * submitted on its own with two in flight, as the training loop does.
 */
import { phases } from '../../contract/runs.ts';
import { openScope, releaseScope, type GpuContext } from '../../gpu-kernels/device.ts';
import { readFloats } from '../../gpu-kernels/readback.ts';
import { placeInNewBuffer, Region, uploadTable } from '../../gpu-kernels/region.ts';
import { addBackward, addUpdate, createArenas } from '../../training/loop/step-graph.ts';
import { MomentWeights } from '../../training/optimisers/moment-weights.ts';
import type { ParameterRule } from '../../training/optimisers/parameter-groups.ts';
import { ModelBuilder } from '../../training/models/model-builder.ts';
import { compile, type Program } from '../../training/program/compile.ts';
import { Graph, type Tensor } from '../../training/program/graph.ts';
import { crossEntropy } from '../../training/program/operations/loss.ts';
import { meanAxes } from '../../training/program/operations/reduce.ts';
import { Parameters, type Parameter } from '../../training/program/parameters.ts';
import { StepUniform } from '../../training/program/step-scalars.ts';
import { batchOf, weightsOf, type TrainingTask } from '../tasks.ts';
import { buildLogits } from './models.ts';
import { submitInTurn } from './submit.ts';

const allPhases = new Set(phases);

export class OurTrainingStep {
  readonly name = 'ours';
  readonly program: Program;
  private readonly scope: GpuContext;
  private readonly task: TrainingTask;
  private readonly step: StepUniform;
  private readonly loss: Region;
  private readonly weights: MomentWeights;
  private steps = 0;

  private constructor(
    scope: GpuContext,
    task: TrainingTask,
    program: Program,
    step: StepUniform,
    loss: Region,
  ) {
    this.scope = scope;
    this.task = task;
    this.program = program;
    this.step = step;
    this.loss = loss;
    this.weights = new MomentWeights(task.optimizer);
  }

  /** Compiles the step and uploads weights and batch. */
  static async build(gpu: GpuContext, task: TrainingTask): Promise<OurTrainingStep> {
    const scope = openScope(gpu);
    const graph = new Graph();
    const parameters = new Parameters();
    const builder = new ModelBuilder(graph, parameters);
    const { images, labels } = batchLeaves(scope, graph, task);
    const loss = crossEntropy(buildLogits(builder, task.model, images, task.classes), labels);
    const mean = new Region('mean loss', 4);
    placeInNewBuffer(scope, mean.label, [mean]);
    graph.pin(meanAxes(loss.terms, 0, 0), mean);
    parameters.allocate(scope);
    const arenas = createArenas(scope, parameters, (parameter) => ruleOf(parameter, task));
    addBackward(graph, builder, loss, arenas);
    const step = new StepUniform(scope);
    addUpdate(graph, arenas, step, task.optimizer, null);
    const program = await compile(scope, graph, task.name);
    const weights = weightsOf(task);
    parameters.upload(scope, ({ name }) => weights.get(name)?.values ?? new Float32Array());
    return new OurTrainingStep(scope, task, program, step, mean);
  }

  async run(steps: number): Promise<void> {
    await submitInTurn(this.scope.device, steps, (encoder) => {
      this.writeScalars();
      const pass = encoder.beginComputePass();
      this.program.encode(pass, allPhases);
      pass.end();
    });
  }

  /** Mean loss of the last step's batch, before its update: [1]. */
  result(): Promise<Float32Array> {
    return readFloats(this.scope, this.loss);
  }

  dispose(): void {
    releaseScope(this.scope);
  }

  private writeScalars(): void {
    const { lr } = this.task.optimizer;
    this.steps++;
    this.step.write({ index: this.steps, seed: 0, slot: 0, lr, ...this.weights.next(), factorMix: 0 });
  }
}

function batchLeaves(
  scope: GpuContext,
  graph: Graph,
  task: TrainingTask,
): { images: Tensor; labels: Tensor } {
  const { images, labels } = batchOf(task);
  const shape = [task.batch, 1, task.side, task.side];
  return {
    images: graph.leaf('images', shape, uploadTable(scope, 'images', images)),
    labels: graph.leaf('labels', [task.batch], uploadTable(scope, 'labels', labels), 'u32'),
  };
}

function ruleOf(parameter: Parameter, { optimizer }: TrainingTask): ParameterRule {
  const weightDecay = parameter.kind === 'weight' ? optimizer.weightDecay : 0;
  return { lrScale: 1, weightDecay, weightDecayKind: optimizer.weightDecayKind, isUpdated: true };
}
