/**
 * A whole training step as one recorded program: gather the batch, forward, loss, backward, curvature, update, and one
 * row of metrics; and beside it the evaluation of the whole validation set with the same parameters. A program can be
 * reset and trained again, so runs that differ only by seed, rate or length share everything that was compiled.
 */
import { KronlabError } from '../../contract/errors.ts';
import { embeddingsAreLayers } from '../../contract/optimizer-family.ts';
import type { OptimizerSpec, RunSpec } from '../../contract/run-spec.ts';
import { phases, type LayerReport, type Phase } from '../../contract/runs.ts';
import type { PreparedDataset } from '../../datasets/dataset.ts';
import { openScope, releaseScope, type GpuContext } from '../../gpu-kernels/device.ts';
import { GpuMemoryError } from '../../gpu-kernels/faults.ts';
import { costlyFisher, termsPerExample } from '../curvature/fisher-passes.ts';
import { Augmentation } from '../feeding/augmentation.ts';
import { createFeeding, exampleCount, openSource, type Feeding } from '../feeding/feeding.ts';
import { placeParts, usualDataBytes } from '../feeding/placement.ts';
import { taskLoss } from '../feeding/task-loss.ts';
import { buildModel } from '../models/model.ts';
import { ModelBuilder, type LinearLayer } from '../models/model-builder.ts';
import { withReasons } from '../curvature/flavour.ts';
import { createLayerOptimiser, isLayerParameter } from '../optimisers/create-layer-optimiser.ts';
import type { OptimiserArenas } from '../optimisers/first-order.ts';
import type { Adaptation, LayerOptimiser, Slices } from '../optimisers/layer-optimiser.ts';
import type { ParameterRule } from '../optimisers/parameter-groups.ts';
import { compile, type Program, type ProgramStatistics } from '../program/compile.ts';
import { Graph } from '../program/graph.ts';
import type { Loss } from '../program/operations/loss.ts';
import { Parameters, type Parameter } from '../program/parameters.ts';
import { recomputingGraph } from '../program/recomputation.ts';
import { StepUniform } from '../program/step-scalars.ts';
import { Evaluation } from './evaluation.ts';
import { MetricsRing } from './metrics-ring.ts';
import { PhaseTimer } from './phase-timer.ts';
import { addGradients, addUpdate, createArenas } from './step-graph.ts';
import { CutProgram, Pace, usualBudgetMs } from './submits.ts';

interface Parts {
  scope: GpuContext;
  parameters: Parameters;
  arenas: OptimiserArenas;
  layerOptimiser: LayerOptimiser | null;
  step: StepUniform;
  ring: MetricsRing;
  feeding: Feeding;
  layers: LayerReport[];
  /** All layers of the model, and whether an example has one loss term. */
  modelLayers: readonly LinearLayer[];
  lossPools: boolean;
  costlyFisher: string | null;
  streamed: readonly string[];
  recomputed: string | null;
  /** Null where the adapter has no timestamps. */
  timer: PhaseTimer | null;
  pace: Pace;
  program: CutProgram;
  /** What the optimiser starts from; null where it starts from nothing. */
  start: CutProgram | null;
  evaluation: Evaluation;
  /** Takes the loss of the batch again after a step, where the optimiser adapts to it. */
  adaptation: CutProgram | null;
  /** Parts of a round of inversions that is spread over steps. */
  slices: CutProgram[];
  statistics: { training: ProgramStatistics; evaluation: ProgramStatistics };
}

export class TrainingProgram {
  private readonly parts: Parts;

  private constructor(parts: Parts) {
    this.parts = parts;
  }

  /**
   * Compiles a spec; its submits aim at `budgetMs`, and of the data set no more than `dataBytes` stay on the GPU. Throws `invalid` when model, batch, data and adapter do not fit together.
   */
  static async build(
    gpu: GpuContext,
    spec: RunSpec,
    data: PreparedDataset,
    budgetMs = usualBudgetMs,
    dataBytes = usualDataBytes,
  ): Promise<TrainingProgram> {
    checkBatch(spec, data);
    const attempt = async (recompute: boolean): Promise<TrainingProgram> => {
      const scope = openScope(gpu);
      try {
        return new TrainingProgram(await buildParts(scope, spec, data, { budgetMs, dataBytes, recompute }));
      } catch (error) {
        releaseScope(scope);
        throw error;
      }
    };
    try {
      return await attempt(spec.recompute === 'always');
    } catch (error) {
      if (spec.recompute !== undefined || !(error instanceof GpuMemoryError)) throw error;
      return attempt(true);
    }
  }

  get parameters(): Parameters {
    return this.parts.parameters;
  }

  get layers(): LayerReport[] {
    return this.parts.layers;
  }

  /** All layers of the model, whatever the optimiser makes of them, and whether an example has one loss term. */
  get model(): { layers: readonly LinearLayer[]; lossPools: boolean } {
    return { layers: this.parts.modelLayers, lossPools: this.parts.lossPools };
  }

  /** What the spec's Fisher costs without need, one sentence; null where it does not. */
  get costlyFisher(): string | null {
    return this.parts.costlyFisher;
  }

  /** Why activations are made again in the backward pass without having been asked for, one sentence; else null. */
  get recomputed(): string | null {
    return this.parts.recomputed;
  }

  /** Why parts of the data set are streamed, one sentence each; empty where all of it is on the GPU. */
  get streamed(): readonly string[] {
    return this.parts.streamed;
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

  get layerOptimiser(): LayerOptimiser | null {
    return this.parts.layerOptimiser;
  }

  /** Learns from the time that steps take how much goes into one submit. */
  get pace(): Pace {
    return this.parts.pace;
  }

  get statistics(): Parts['statistics'] {
    return this.parts.statistics;
  }

  /** Back to before the first step, with these parameter values. */
  reset(values: (parameter: Parameter) => Float32Array): void {
    const { scope, parameters, arenas, layerOptimiser } = this.parts;
    parameters.upload(scope, values);
    parameters.resetBuffers(scope);
    const encoder = scope.device.createCommandEncoder();
    for (const region of [arenas.first, arenas.second, ...(layerOptimiser?.state ?? [])]) {
      encoder.clearBuffer(region.buffer, region.offset, region.bytes);
    }
    scope.device.queue.submit([encoder.finish()]);
    layerOptimiser?.reset(scope);
    this.parts.timer?.reset();
  }

  /** Chooses the batch of everything submitted afterwards. */
  get feeding(): Feeding {
    return this.parts.feeding;
  }

  /**
   * Submits one training step: the phases that are due, with timestamps around them when they are to be timed. Answers
   * how much work it is, for `pace`.
   */
  submitStep(due: ReadonlySet<Phase>, timed: boolean): number {
    return this.parts.program.submit(due, timed ? this.parts.timer : null);
  }

  /** Has the optimiser adapt to the loss after a step. Answers how much work it is. */
  submitAdaptation(): number {
    return this.parts.adaptation?.submit(new Set(phases), null) ?? 0;
  }

  /** Submits a slice of a round of inversions. Answers how much work it is. */
  submitSlice(slice: number): number {
    return this.parts.slices[slice]?.submit(new Set(phases), null) ?? 0;
  }

  /** Submits what the optimiser does once, after the gradients of the first step. Answers how much work it is. */
  submitStart(): number {
    return this.parts.start?.submit(new Set(phases), null) ?? 0;
  }

  /** The validation part through the model, with the parameters of everything submitted before. */
  get evaluation(): Evaluation {
    return this.parts.evaluation;
  }

  destroy(): void {
    this.parts.timer?.destroy();
    releaseScope(this.parts.scope);
  }
}

const whyRecomputed =
  'Kept activations do not fit into the memory of this GPU: those that are cheap to make are made again in the backward pass. ' +
  'The numbers are the same; a step takes longer.';

function checkBatch(spec: RunSpec, data: PreparedDataset): void {
  const examples = exampleCount(data, data.train);
  if (spec.batchSize <= examples) return;
  const unit = data.kind === 'text' ? 'windows' : 'examples';
  throw new KronlabError(
    'invalid',
    `batchSize: ${spec.batchSize} is more than the ${examples} training ${unit} of ${data.name}`,
  );
}

interface BuildOptions {
  budgetMs: number;
  dataBytes: number;
  recompute: boolean;
}

async function buildParts(
  scope: GpuContext,
  spec: RunSpec,
  data: PreparedDataset,
  { budgetMs, dataBytes, recompute }: BuildOptions,
): Promise<Parts> {
  const parameters = new Parameters();
  const step = new StepUniform(scope);
  const ring = new MetricsRing(scope);
  const augmentation = Augmentation.create(scope, spec.augmentation, data, step);
  const { isStreamed, notes } = placeParts(scope, data, dataBytes);
  const source = openSource(scope, data, data.train, isStreamed.train, spec.batchSize);
  const feeding = createFeeding(scope, data, source, spec.batchSize, false, augmentation);
  const pace = new Pace(scope.adapterClass, budgetMs);
  const trace = (): { graph: Graph; builder: ModelBuilder; loss: Loss } => {
    const graph = recompute ? recomputingGraph() : new Graph();
    const builder = new ModelBuilder(graph, parameters, 'training', {
      embeddingsAreLayers: embeddingsAreLayers(spec.optimizer),
    });
    return { graph, builder, loss: trainingLoss(graph, builder, spec, data, feeding) };
  };
  const { graph, builder, loss } = trace();
  parameters.allocate(scope);
  ring.addRow(graph, step, loss);
  const lossPools = loss.termCount === spec.batchSize;
  const layerOptimiser = createLayerOptimiser(scope, builder.layers, spec.optimizer, lossPools);
  const { optimizer } = spec;
  const arenas = createArenas(
    scope,
    parameters,
    (parameter) => ruleOf(parameter, optimizer),
    optimizer.clipNorm,
  );
  addGradients(graph, builder, loss, arenas, step, layerOptimiser);
  addUpdate(graph, arenas, step, spec.optimizer, layerOptimiser);
  const [program, start, evaluation, adaptation, slices] = await Promise.all([
    compile(scope, graph, 'training step'),
    compileStart(scope, layerOptimiser),
    Evaluation.build({
      ...{ scope, spec, data, parameters, step, ring, pace },
      streamedBytes: isStreamed.validation ? dataBytes : null,
    }),
    compileAdaptation(scope, layerOptimiser?.adaptation ?? null, arenas, trace),
    compileSlices(scope, layerOptimiser?.slices ?? null),
  ]);
  const layers = withReasons(layerOptimiser?.reports ?? [], builder.layers, optimizer, lossPools);
  const timer = PhaseTimer.create(scope);
  return {
    ...{
      scope,
      parameters,
      arenas,
      layerOptimiser,
      step,
      ring,
      feeding,
      layers,
      timer,
      pace,
      evaluation,
      lossPools,
    },
    streamed: notes,
    recomputed: recompute && spec.recompute === undefined ? whyRecomputed : null,
    modelLayers: builder.layers,
    costlyFisher: costlyFisher(spec.optimizer, { classes: loss.classes, terms: termsPerExample(loss) }),
    program: new CutProgram(scope.device, program, pace),
    start: start && new CutProgram(scope.device, start, pace),
    adaptation: adaptation && new CutProgram(scope.device, adaptation, pace),
    slices: slices.map((slice) => new CutProgram(scope.device, slice, pace)),
    statistics: { training: program.statistics, evaluation: evaluation.statistics },
  };
}

async function compileAdaptation(
  scope: GpuContext,
  adaptation: Adaptation | null,
  arenas: OptimiserArenas,
  trace: () => { graph: Graph; loss: Loss },
): Promise<Program | null> {
  if (!adaptation) return null;
  const { graph, loss } = trace();
  adaptation.add(graph, loss, arenas);
  return compile(scope, graph, 'adaptation');
}

function compileSlices(scope: GpuContext, slices: Slices | null): Promise<Program[]> {
  return Promise.all(
    Array.from({ length: slices?.count ?? 0 }, (_, slice) => {
      const graph = new Graph();
      slices?.add(graph, slice);
      return compile(scope, graph, `inversions, slice ${slice}`);
    }),
  );
}

function trainingLoss(
  graph: Graph,
  builder: ModelBuilder,
  spec: RunSpec,
  data: PreparedDataset,
  feeding: Feeding,
): Loss {
  const { inputs, targets, mixed } = feeding.trace(graph);
  return taskLoss(data.task, buildModel(builder, spec.model, inputs, data.outputs), targets, mixed);
}

async function compileStart(
  scope: GpuContext,
  layerOptimiser: LayerOptimiser | null,
): Promise<Program | null> {
  if (!layerOptimiser?.addStart) return null;
  const graph = new Graph();
  layerOptimiser.addStart(graph);
  return compile(scope, graph, 'start of the optimiser');
}

function ruleOf(parameter: Parameter, optimizer: OptimizerSpec): ParameterRule {
  const isLayer = parameter.kind !== 'other';
  return {
    lrScale: isLayer ? 1 : optimizer.otherLrMultiplier,
    weightDecay: parameter.kind === 'weight' ? optimizer.weightDecay : 0,
    weightDecayKind: 'weightDecayKind' in optimizer ? optimizer.weightDecayKind : 'decoupled',
    isUpdated: !isLayerParameter(parameter, optimizer),
  };
}
