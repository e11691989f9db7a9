/** From the common form to what the training loop takes: split first, then standardise, so that nothing leaks. */
import { KronlabError } from '../contract/errors.ts';
import type { DatasetSpec } from '../contract/run-spec.ts';
import {
  partTensor,
  type DatasetPart,
  type PreparedDataset,
  type PreparedTensor,
  type Scaling,
} from './dataset.ts';
import { splitDataset } from './split-dataset.ts';
import { channelStatistics, standardise } from './standardise.ts';
import {
  elementCount,
  missingLabel,
  tensorOf,
  type Column,
  type Tensor,
  type TensorDataset,
} from './tensor-dataset.ts';

/** Tokens that a model reads at once where nobody says otherwise. */
export const usualContext = 64;

/**
 * Splits and standardises a data set as `spec` says; `dataset` is left as it is. Standardised are images by channel,
 * numbers of tables, of nodes and of edges by column, and targets of regression; columns of categories or of nothing but
 * 0 and 1 stay as they are. Throws `KronlabError` (`invalid`) naming the field where a part would be empty or the spec
 * does not fit the data set.
 */
export function prepareDataset(id: string, dataset: TensorDataset, spec: DatasetSpec): PreparedDataset {
  const { name, kind, task } = dataset;
  if (spec.contextLength !== undefined && kind !== 'text') {
    throw new KronlabError(
      'invalid',
      `dataset.contextLength: only texts are read in windows; "${name}" is ${kind}`,
    );
  }
  const split = splitDataset(dataset, spec);
  const [train, validation] = [split.train, split.validation].map((rows) => partOf(dataset, rows));
  const scaling = scalingOf(dataset, train!);
  const shape = { kind, task, example: exampleShape(train!, kind, spec), outputs: outputsOf(dataset) };
  requireWindows(shape.example, train!, validation!, kind, name);
  return {
    ...{ id, name, ...shape, scaling },
    outputNames: task === 'regression' || task === 'multi-label' ? dataset.targets : dataset.classes,
    train: scaled(train!, scaling),
    validation: scaled(validation!, scaling),
    splitDescription: split.description,
  };
}

function outputsOf(dataset: TensorDataset): number {
  if (dataset.task === 'classification' || dataset.task === 'language') return dataset.classes.length;
  return elementCount(tensorOf(dataset, 'targets').shape.slice(1));
}

function exampleShape(part: DatasetPart, kind: TensorDataset['kind'], spec: DatasetSpec): readonly number[] {
  const row = (name: string) => partTensor(part, name).shape.slice(1);
  if (kind === 'text') return [spec.contextLength ?? usualContext];
  return kind === 'graphs' ? [...row('nodes'), ...row('edgeFeatures')] : row('inputs');
}

/**
 * The longest window of a text with so many tokens in its parts: two to train on, so that they can begin anywhere, and one
 * to validate with.
 */
export function longestContext(train: number, validation: number): number {
  return Math.min(Math.floor(train / 2), validation - 1);
}

function requireWindows(
  [length = 1]: readonly number[],
  train: DatasetPart,
  validation: DatasetPart,
  kind: TensorDataset['kind'],
  name: string,
): void {
  const most = longestContext(train.count, validation.count);
  if (kind !== 'text' || length <= most) return;
  throw new KronlabError(
    'invalid',
    `dataset.contextLength: ${length} is too long for the ${train.count} training and ${validation.count} validation ` +
      `tokens of "${name}"; ${most > 0 ? `at most ${most} fit` : 'choose a longer text'}`,
  );
}

/** The examples with these numbers, as they are in the file. */
function partOf(dataset: TensorDataset, rows: Uint32Array): DatasetPart {
  const tensors: Record<string, PreparedTensor> = {};
  if (dataset.kind === 'text') tensors['tokens'] = indices(tensorOf(dataset, 'tokens'), rows);
  else if (dataset.kind === 'graphs') Object.assign(tensors, graphsOf(dataset, rows));
  else tensors['inputs'] = floats(tensorOf(dataset, 'inputs'), rows);
  if (dataset.task === 'classification') tensors['labels'] = indices(tensorOf(dataset, 'labels'), rows);
  if (dataset.task === 'regression') tensors['targets'] = floats(tensorOf(dataset, 'targets'), rows);
  if (dataset.task === 'multi-label') tensors['targets'] = binaryTargets(tensorOf(dataset, 'targets'), rows);
  return { count: rows.length, tensors };
}

function floats(
  { shape, data }: Tensor,
  rows: Uint32Array,
): PreparedTensor & { data: Float32Array<ArrayBuffer> } {
  const size = elementCount(shape.slice(1));
  const taken = new Float32Array(rows.length * size);
  rows.forEach((from, to) => taken.set(data.subarray(from * size, (from + 1) * size), to * size));
  return { shape: [rows.length, ...shape.slice(1)], data: taken };
}

function indices({ data }: Tensor, rows: Uint32Array): PreparedTensor {
  return { shape: [rows.length], data: Uint32Array.from(rows, (row) => data[row] ?? 0) };
}

function binaryTargets(targets: Tensor, rows: Uint32Array): PreparedTensor {
  const { shape, data } = floats(targets, rows);
  const numbers = data.map((value) => (value === missingLabel ? Number.NaN : value));
  return { shape, data: new Uint32Array(numbers.buffer) };
}

/** Nodes and edges of the chosen graphs one after another. Without features of their own they have one that is 1. */
function graphsOf(dataset: TensorDataset, graphs: Uint32Array): Record<string, PreparedTensor> {
  const nodes = segmentRows(tensorOf(dataset, 'nodeOffsets'), graphs);
  const edges = segmentRows(tensorOf(dataset, 'edgeOffsets'), graphs);
  const ends = tensorOf(dataset, 'edges').data;
  const end = (which: number): PreparedTensor => ({
    shape: [edges.rows.length],
    data: Uint32Array.from(edges.rows, (row) => ends[2 * row + which] ?? 0),
  });
  const features = (name: string, rows: Uint32Array): PreparedTensor => {
    const tensor = tensorOf(dataset, name);
    if (elementCount(tensor.shape.slice(1)) > 0) return floats(tensor, rows);
    return { shape: [rows.length, 1], data: new Float32Array(rows.length).fill(1) };
  };
  return {
    nodes: features('nodes', nodes.rows),
    edgeFeatures: features('edgeFeatures', edges.rows),
    ...{ senders: end(0), receivers: end(1) },
    nodeOffsets: { shape: [graphs.length + 1], data: nodes.offsets },
    edgeOffsets: { shape: [graphs.length + 1], data: edges.offsets },
  };
}

/** The rows of the chosen segments, and where each segment's begin among them. */
function segmentRows({ data: starts }: Tensor, segments: Uint32Array) {
  const offsets = new Uint32Array(segments.length + 1);
  segments.forEach((segment, i) => {
    offsets[i + 1] = offsets[i]! + starts[segment + 1]! - starts[segment]!;
  });
  const rows = new Uint32Array(offsets.at(-1)!);
  segments.forEach((segment, i) => {
    for (let at = offsets[i]!; at < offsets[i + 1]!; at += 1) rows[at] = starts[segment]! + at - offsets[i]!;
  });
  return { offsets, rows };
}

function scalingOf(dataset: TensorDataset, train: DatasetPart): Record<string, Scaling> {
  const scaling: Record<string, Scaling> = {};
  const columns: Record<string, readonly Column[]> =
    dataset.kind === 'graphs'
      ? { nodes: dataset.columns, edgeFeatures: dataset.edgeColumns }
      : dataset.kind === 'table'
        ? { inputs: dataset.columns }
        : {};
  for (const [name, types] of Object.entries(columns)) scaling[name] = columnScaling(train, name, types);
  if (dataset.kind === 'images') {
    const { shape, data } = partTensor(train, 'inputs');
    const [, channels = 1, height = 1, width = 1] = shape;
    scaling['inputs'] = channelStatistics(data as Float32Array, channels, height * width);
  }
  if (dataset.task === 'regression') {
    const { shape, data } = partTensor(train, 'targets');
    scaling['targets'] = channelStatistics(data as Float32Array, elementCount(shape.slice(1)), 1);
  }
  return scaling;
}

function columnScaling(train: DatasetPart, name: string, types: readonly Column[]): Scaling {
  const { shape, data } = partTensor(train, name);
  const width = elementCount(shape.slice(1));
  const isBinary = Array<boolean>(width).fill(true);
  data.forEach((value, i) => {
    if (value !== 0 && value !== 1) isBinary[i % width] = false;
  });
  // Graphs without a single edge have no statistics, and need none.
  if (data.length === 0) return { mean: Array<number>(width).fill(0), std: Array<number>(width).fill(1) };
  const { mean, std } = channelStatistics(data as Float32Array, width, 1);
  const stays = (column: number) => isBinary[column] === true || types[column]?.type === 'category';
  return {
    mean: mean.map((value, column) => (stays(column) ? 0 : value)),
    std: std.map((value, column) => (stays(column) ? 1 : value)),
  };
}

function scaled(part: DatasetPart, scaling: Readonly<Record<string, Scaling>>): DatasetPart {
  const tensors = { ...part.tensors };
  for (const [name, statistics] of Object.entries(scaling)) {
    const { shape, data } = partTensor(part, name);
    const pixels = name === 'inputs' ? elementCount(shape.slice(2)) : 1;
    tensors[name] = { shape, data: standardise(data as Float32Array<ArrayBuffer>, statistics, pixels) };
  }
  return { ...part, tensors };
}
