/**
 * A whole training step as one recorded program: gather the batch, forward, loss, backward, curvature, update, and one
 * row of metrics; and beside it the evaluation of the whole validation set with the same parameters. A program can be
 * reset and trained again, so runs that differ only by seed, rate or length share everything that was compiled.
 */
import { KronlabError } from '../../contract/errors.ts';
import type { OptimizerSpec, RunSpec } from '../../contract/run-spec.ts';
import { phases, type LayerReport, type Phase } from '../../contract/runs.ts';
import type { LabelledImages, PreparedDataset } from '../../datasets/dataset.ts';
import { openScope, releaseScope, type GpuContext } from '../../gpu-kernels/device.ts';
import { uploadTable, writeRegion, type Region } from '../../gpu-kernels/region.ts';
import { flavourOf } from '../curvature/flavour.ts';
import { Kfac } from '../curvature/kfac.ts';
import { buildModel } from '../models/model.ts';
import { ModelBuilder } from '../models/model-builder.ts';
import type { OptimiserArenas } from '../optimisers/first-order.ts';
import type { ParameterRule } from '../optimisers/parameter-groups.ts';
import { compile, type Program } from '../program/compile.ts';
import { Graph } from '../program/graph.ts';
import { crossEntropy, type Loss } from '../program/operations/loss.ts';
import { gather } from '../program/operations/gather.ts';
import { Parameters, type Parameter } from '../program/parameters.ts';
import { StepUniform } from '../program/step-scalars.ts';
import { MetricsRing } from './metrics-ring.ts';
import { PhaseTimer } from './phase-timer.ts';
import { addBackward, addUpdate, createArenas } from './step-graph.ts';

interface Parts {
  scope: GpuContext;
  parameters: Parameters;
  arenas: OptimiserArenas;
  kfac: Kfac | null;
  step: StepUniform;
  ring: MetricsRing;
  rows: Region;
  layers: LayerReport[];
  /** Null where the adapter has no timestamps. */
  timer: PhaseTimer | null;
  program: Program;
  evaluation: Program;
}

export class TrainingProgram {
  private readonly parts: Parts;

  private constructor(parts: Parts) {
    this.parts = parts;
  }

  /** Compiles a spec. Throws `invalid` when model, batch and data do not fit together. */
  static async build(gpu: GpuContext, spec: RunSpec, data: PreparedDataset): Promise<TrainingProgram> {
    checkFits(spec, data);
    const scope = openScope(gpu);
    try {
      return new TrainingProgram(await buildParts(scope, spec, data));
    } catch (error) {
      releaseScope(scope);
      throw error;
    }
  }

  get parameters(): Parameters {
    return this.parts.parameters;
  }

  get layers(): LayerReport[] {
    return this.parts.layers;
  }

  get step(): StepUniform {
    return this.parts.step;
  }

  get ring(): MetricsRing {
    return this.parts.ring;
  }

  get timer(): PhaseTimer | null {
    return this.parts.timer;
  }

  get kfac(): Kfac | null {
    return this.parts.kfac;
  }

  get statistics() {
    return { training: this.parts.program.statistics, evaluation: this.parts.evaluation.statistics };
  }

  /** Back to before the first step, with these parameter values. */
  reset(values: (parameter: Parameter) => Float32Array): void {
    const { scope, parameters, arenas, kfac } = this.parts;
    parameters.upload(scope, values);
    const encoder = scope.device.createCommandEncoder();
    for (const region of [arenas.first, arenas.second, ...(kfac?.state ?? [])]) {
      encoder.clearBuffer(region.buffer, region.offset, region.bytes);
    }
    scope.device.queue.submit([encoder.finish()]);
    kfac?.resetDamping(scope);
    this.parts.timer?.reset();
  }

  /** Chooses the batch of everything submitted afterwards. */
  writeRows(rows: Uint32Array): void {
    writeRegion(this.parts.scope, this.parts.rows, rows);
  }

  /** Encodes one training step: the phases that are due, with timestamps around them when they are to be timed. */
  encodeStep(encoder: GPUCommandEncoder, due: ReadonlySet<Phase>, timed: boolean): void {
    const { program, timer } = this.parts;
    if (timed && timer) {
      timer.encode(encoder, program, due);
      return;
    }
    const pass = encoder.beginComputePass();
    program.encode(pass, due);
    pass.end();
  }

  encodeEvaluation(pass: GPUComputePassEncoder): void {
    this.parts.evaluation.encode(pass, new Set(phases));
  }

  destroy(): void {
    this.parts.timer?.destroy();
    releaseScope(this.parts.scope);
  }
}

function checkFits(spec: RunSpec, data: PreparedDataset): void {
  if (spec.batchSize > data.train.count) {
    throw new KronlabError(
      'invalid',
      `batchSize: ${spec.batchSize} is more than the ${data.train.count} training examples of ${data.name}`,
    );
  }
}

async function buildParts(scope: GpuContext, spec: RunSpec, data: PreparedDataset): Promise<Parts> {
  const parameters = new Parameters();
  const step = new StepUniform(scope);
  const ring = new MetricsRing(scope);
  const rows = uploadTable(scope, 'batch rows', new Uint32Array(spec.batchSize));
  const graph = new Graph();
  const builder = new ModelBuilder(graph, parameters);
  const loss = trainingLoss(scope, graph, builder, spec, data, rows);
  parameters.allocate(scope);
  ring.addRow(graph, step, loss);
  const kfac = createKfac(scope, builder, spec.optimizer);
  const { optimizer } = spec;
  const arenas = createArenas(
    scope,
    parameters,
    (parameter) => ruleOf(parameter, optimizer),
    optimizer.clipNorm,
  );
  const outputGradients = addBackward(graph, builder, loss, arenas);
  kfac?.addCurvature(graph, loss, step, outputGradients);
  addUpdate(graph, arenas, step, spec.optimizer, kfac);
  const [program, evaluation] = await Promise.all([
    compile(scope, graph, 'training step'),
    compileEvaluation(scope, spec, data, parameters, step, ring),
  ]);
  const layers = kfac ? kfac.reports : [];
  const timer = PhaseTimer.create(scope);
  return { scope, parameters, arenas, kfac, step, ring, rows, layers, timer, program, evaluation };
}

function trainingLoss(
  scope: GpuContext,
  graph: Graph,
  builder: ModelBuilder,
  spec: RunSpec,
  data: PreparedDataset,
  rows: Region,
): Loss {
  const { images, labels } = residentPart(scope, graph, data, data.train);
  const batch = graph.leaf('batch rows', [spec.batchSize], rows, 'u32');
  const logits = buildModel(builder, spec.model, gather(images, batch), data.classes.length);
  return crossEntropy(logits, gather(labels, batch));
}

/** A part of the data set as tensors that live on the GPU. */
function residentPart(scope: GpuContext, graph: Graph, data: PreparedDataset, part: LabelledImages) {
  const shape = [part.count, data.channels, data.height, data.width];
  return {
    images: graph.leaf('images', shape, uploadTable(scope, 'images', part.images)),
    labels: graph.leaf('labels', [part.count], uploadTable(scope, 'labels', part.labels), 'u32'),
  };
}

function compileEvaluation(
  scope: GpuContext,
  spec: RunSpec,
  data: PreparedDataset,
  parameters: Parameters,
  step: StepUniform,
  ring: MetricsRing,
): Promise<Program> {
  const graph = new Graph();
  const { images, labels } = residentPart(scope, graph, data, data.validation);
  const logits = buildModel(new ModelBuilder(graph, parameters), spec.model, images, data.classes.length);
  ring.addRow(graph, step, crossEntropy(logits, labels), true);
  return compile(scope, graph, 'evaluation');
}

function createKfac(scope: GpuContext, builder: ModelBuilder, optimizer: OptimizerSpec): Kfac | null {
  if (optimizer.name !== 'kfac') return null;
  // Classification pools the positions: one loss term per example.
  return new Kfac(scope, builder.layers, optimizer, (layer) => flavourOf(layer, optimizer.flavour, true));
}

function ruleOf(parameter: Parameter, optimizer: OptimizerSpec): ParameterRule {
  const isLayer = parameter.kind !== 'other';
  return {
    lrScale: isLayer ? 1 : optimizer.otherLrMultiplier,
    weightDecay: parameter.kind === 'weight' ? optimizer.weightDecay : 0,
    weightDecayKind: optimizer.name === 'kfac' ? 'decoupled' : optimizer.weightDecayKind,
    isUpdated: !(isLayer && optimizer.name === 'kfac'),
  };
}
