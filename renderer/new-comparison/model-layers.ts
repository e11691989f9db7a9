/** The layers of a model that nobody has trained yet: the engine's own model code, traced over an example that is only a shape. */
import { KronlabError } from '../../contract/errors.ts';
import { embeddingsAreLayers } from '../../contract/optimizer-family.ts';
import { modelPresets } from '../../contract/model-presets.ts';
import { datasetSpecSchema, optimizerSpecSchema, type RunSpec } from '../../contract/run-spec.ts';
import type { WeightsFile } from '../../contract/weights.ts';
import { usualContext } from '../../datasets/prepare.ts';
import { costlyFisher, takesType2 } from '../../training/curvature/fisher-passes.ts';
import { flavoursOf } from '../../training/curvature/flavour.ts';
import { limitWarnings, planLayers, type LayerPlan } from '../../training/curvature/layer-plan.ts';
import { inputShapeOf } from '../../training/feeding/input-shape-of.ts';
import { symbolicInputs } from '../../training/models/input-shapes.ts';
import type { LinearLayer } from '../../training/models/layers.ts';
import { buildModel } from '../../training/models/model.ts';
import { ModelBuilder } from '../../training/models/model-builder.ts';
import { checkEntries } from '../../training/models/weights.ts';
import { Graph, size, type Tensor } from '../../training/program/graph.ts';
import { Parameters } from '../../training/program/parameters.ts';
import { findBundled, type FindDataset, type FormDataset } from './form-datasets.ts';
import { modelKinds, type ModelKind } from './model-fields.ts';

type Planned = Pick<RunSpec, 'dataset' | 'model' | 'optimizer' | 'batchSize'>;

/** Settings that decide nothing about what a model reads. */
const probe = {
  dataset: datasetSpecSchema.parse({ id: 'any' }),
  optimizer: optimizerSpecSchema.parse({ name: 'adamw', lr: 0.01 }),
  batchSize: 1,
};

export interface ModelPlan {
  layers: LayerPlan[];
  /** What does not fit the adapter, one sentence each. */
  warnings: string[];
}

/** Layers as an optimiser with factors sees them; none where the model does not fit the data set. */
export function planModel(
  spec: Planned,
  limits: Readonly<Record<string, number>> = {},
  find: FindDataset = findBundled,
): ModelPlan {
  const traced = trace(spec, find);
  if (!traced) return { layers: [], warnings: [] };
  const { optimizer, batchSize } = spec;
  const settings = 'flavour' in optimizer ? optimizer : ({ flavour: 'expand' } as const);
  // An output per position has a loss term per position.
  const lossPools = traced.outputs.shape.length === 2;
  const layers = planLayers(traced.layers, settings, lossPools, batchSize);
  return { layers, warnings: limitWarnings(layers, traced.parameters, limits, 'flavour' in optimizer) };
}

/** A sentence where a spec's Fisher takes a backward pass for every output of every position; else null. */
export function costlyFisherOf(spec: Planned, find: FindDataset = findBundled): string | null {
  const shape = takesType2(spec.optimizer) ? trace(spec, find)?.outputs.shape : undefined;
  if (!shape) return null;
  const [classes = 1, examples = 1] = [shape.at(-1), shape[0]];
  return costlyFisher(spec.optimizer, { classes, terms: size(shape) / classes / examples });
}

/** The kinds of models that cannot read a data set of this shape. */
export function kindsBlindTo(set: FormDataset): ModelKind[] {
  return modelKinds.filter((kind) => {
    const preset = modelPresets.find(({ model }) => model.kind === kind);
    return preset && unreadable({ ...probe, model: preset.model }, () => set) !== null;
  });
}

/** Whether the model can be built over its data set. */
export function isBuildable(spec: Planned, find: FindDataset = findBundled): boolean {
  return trace(spec, find) !== null;
}

/** What a model reads and its data set has, where those are not the same: `decoder reads text; ...`; else null. */
export function unreadable(spec: Planned, find: FindDataset = findBundled): string | null {
  return /^model\.kind: (.*)$/.exec(invalidityOf(() => build(spec, find)) ?? '')?.[1] ?? null;
}

/** The first tensor of a file of weights that does not fit the model, and why; null where all of them do. */
export function unfitWeights(
  spec: Planned,
  { hash, tensors }: WeightsFile,
  find: FindDataset = findBundled,
): string | null {
  const wanted = trace(spec, find)?.tensors;
  if (!wanted) return null;
  return invalidityOf(() => checkEntries(hash.slice(0, 12), tensors, wanted));
}

/** The first pattern among a spec's exceptions that fits no layer of its model; null where there is none to complain of. */
export function unfitPattern(spec: Planned, find: FindDataset = findBundled): string | null {
  if (!('layers' in spec.optimizer) || spec.optimizer.layers.length === 0) return null;
  const layers = trace(spec, find)?.layers;
  if (!layers) return null;
  const isUnfit = (exception: (typeof spec.optimizer.layers)[number]) =>
    unlessInvalid(() => flavoursOf(layers, { flavour: 'expand', layers: [exception] }, true)) === null;
  return spec.optimizer.layers.find(isUnfit)?.pattern ?? null;
}

/** Null: the model cannot be built over this data set. */
function trace(spec: Planned, find: FindDataset): Traced | null {
  return unlessInvalid(() => build(spec, find));
}

/** Throws `invalid` where the model cannot be built over this data set. */
function build({ dataset, model, optimizer }: Planned, find: FindDataset): Traced {
  const entry = find(dataset.id);
  if (!entry) throw new KronlabError('invalid', `dataset.id: there is no data set "${dataset.id}"`);
  const example = entry.kind === 'text' ? [dataset.contextLength ?? usualContext] : entry.example;
  const graph = new Graph();
  const parameters = new Parameters();
  const builder = new ModelBuilder(graph, parameters, 'training', {
    embeddingsAreLayers: embeddingsAreLayers(optimizer),
  });
  const inputs = symbolicInputs(graph, inputShapeOf({ ...entry, example }));
  const outputs = buildModel(builder, model, inputs, entry.outputs);
  const tensors = [...parameters.all, ...parameters.buffers];
  return { layers: builder.layers, outputs, tensors, parameters: parameters.count };
}

interface Traced {
  layers: LinearLayer[];
  outputs: Tensor;
  /** Whatever a file of weights holds. */
  tensors: { name: string; shape: readonly number[] }[];
  parameters: number;
}

/** What `make` finds invalid in its input; null for nothing. */
function invalidityOf(make: () => unknown): string | null {
  try {
    make();
    return null;
  } catch (error) {
    if (error instanceof KronlabError && error.code === 'invalid') return error.message;
    throw error;
  }
}

/** What `make` makes; null where it finds its input `invalid`. */
function unlessInvalid<T>(make: () => T): T | null {
  try {
    return make();
  } catch (error) {
    if (error instanceof KronlabError && error.code === 'invalid') return null;
    throw error;
  }
}
