/**
 * What every side trains: the same model from the same weights on the same batch by the same rule. Weights are drawn by
 * our own initialisers and handed to the peers, who lay them out as suits them.
 */
import { adamwSpecSchema, type ModelSpec, type OptimizerSpec } from '../contract/run-spec.ts';
import { Region } from '../gpu-kernels/region.ts';
import { seededUniform } from '../gpu-kernels/spd-inverse/test-support.ts';
import { initialValues } from '../training/loop/trainer.ts';
import { ModelBuilder } from '../training/models/model-builder.ts';
import { Graph, size } from '../training/program/graph.ts';
import { Parameters } from '../training/program/parameters.ts';
import { buildLogits } from './ours/models.ts';

export type AdamwSpec = Extract<OptimizerSpec, { name: 'adamw' }>;

export type BenchModel =
  | Extract<ModelSpec, { kind: 'mlp' | 'vit' }>
  /** 3 x 3 convolutions of these channels, each with ReLU and a 2 x 2 max pool, then a dense layer. */
  | { kind: 'convnet'; channels: readonly number[] };

export interface TrainingTask {
  name: 'mlp' | 'convnet' | 'vit';
  batch: number;
  /** Images are [batch, 1, side, side]. */
  side: number;
  classes: number;
  model: BenchModel;
  optimizer: AdamwSpec;
  /** Steps whose loss all sides must agree on, and how closely: relative. */
  checkedSteps: number;
  tolerance: number;
}

const adam = adamwSpecSchema.parse({
  name: 'adamw',
  lr: 1e-3,
  beta1: 0.9,
  beta2: 0.999,
  eps: 1e-7,
  weightDecay: 0,
});

const images = { batch: 128, side: 28, classes: 10 };

export const trainingTasks: Readonly<Record<TrainingTask['name'], TrainingTask>> = {
  mlp: {
    name: 'mlp',
    ...images,
    model: { kind: 'mlp', hidden: [256, 128], activation: 'relu' },
    optimizer: adam,
    checkedSteps: 10,
    tolerance: 1e-4,
  },
  convnet: {
    name: 'convnet',
    ...images,
    model: { kind: 'convnet', channels: [16, 32] },
    optimizer: adam,
    checkedSteps: 3,
    tolerance: 1e-4,
  },
  vit: {
    name: 'vit',
    ...images,
    model: { kind: 'vit', patch: 7, width: 64, blocks: 2, heads: 4, mlpRatio: 2, pool: 'mean' },
    optimizer: { ...adam, weightDecay: 0.01 },
    checkedSteps: 5,
    tolerance: 1e-4,
  },
};

export interface Batch {
  /** [batch, 1, side, side], uniform in [-0.5, 0.5). */
  images: Float32Array;
  /** [batch] */
  labels: Uint32Array;
}

/** The batch of a task, made once. */
export const batchOf = once((task: TrainingTask): Batch => {
  const uniform = seededUniform(9);
  return {
    images: Float32Array.from({ length: task.batch * task.side ** 2 }, () => uniform() - 0.5),
    labels: Uint32Array.from({ length: task.batch }, (_, i) => (i * 7) % task.classes),
  };
});

export interface Weight {
  /** As in PyTorch: [outputs, inputs], or [outputs, inputs, KH, KW] of a filter. */
  shape: readonly number[];
  values: Float32Array;
  isDecayed: boolean;
}

/** Initial weights by name, made once, from a trace of the model that needs no GPU. */
export const weightsOf = once((task: TrainingTask): ReadonlyMap<string, Weight> => {
  const graph = new Graph();
  const parameters = new Parameters();
  const shape = [task.batch, 1, task.side, task.side];
  const leaf = graph.leaf('images', shape, new Region('images', size(shape) * 4));
  buildLogits(new ModelBuilder(graph, parameters), task.model, leaf, task.classes);
  return new Map(
    parameters.all.map((parameter) => {
      const isDecayed = parameter.kind === 'weight' && task.optimizer.weightDecay > 0;
      return [parameter.name, { shape: parameter.shape, values: initialValues(parameter, 1), isDecayed }];
    }),
  );
});

/** Numbers that all sides share are made by the first that asks, so that no side is timed making them again. */
function once<T>(make: (task: TrainingTask) => T): (task: TrainingTask) => T {
  const made = new WeakMap<TrainingTask, T>();
  return (task) => {
    const known = made.get(task);
    if (known !== undefined) return known;
    const fresh = make(task);
    made.set(task, fresh);
    return fresh;
  };
}
