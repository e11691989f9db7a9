/** What one wants to see of a data set before training on it. */
import type { LabelCounts } from '../contract/datasets.ts';
import { datasetBytes, missingLabel, type Tensor, type TensorDataset } from './tensor-dataset.ts';

export interface Range {
  min: number;
  max: number;
  mean: number;
  /** Population standard deviation. */
  std: number;
}

export interface DatasetStatistics {
  bytes: number;
  /** How many examples (tokens, of a text) each class has, in the order of the classes. */
  classCounts: number[] | null;
  /** Over all values of `inputs`, or of `nodes`. */
  inputs: Range | null;
  /** Of each column of a table or of node features, of `targets` likewise. */
  columns: Range[] | null;
  targets: Range[] | null;
  /** Of each label, where the task is multi-label; such targets have no ranges. */
  labels?: LabelCounts[];
  /** `[C, H, W]`, the mean over all examples, row-major. */
  meanImage: number[] | null;
  graphs: { nodes: Range; edges: Range } | null;
}

/** Statistics in float64. */
export function datasetStatistics({ kind, task, tensors, classes }: TensorDataset): DatasetStatistics {
  const inputs = tensors['inputs'] ?? tensors['nodes'];
  const labels = tensors['labels'] ?? tensors['tokens'];
  const columns = inputs === undefined ? null : columnRanges(inputs);
  const { targets } = tensors;
  const isOfLabels = targets !== undefined && task === 'multi-label';
  return {
    bytes: datasetBytes(tensors),
    classCounts: labels === undefined ? null : countLabels(labels, classes.length),
    inputs: columns === null ? null : joinRanges(columns),
    columns: kind === 'images' ? null : columns,
    targets: targets === undefined || isOfLabels ? null : columnRanges(targets),
    ...(isOfLabels && { labels: countMarks(targets) }),
    meanImage: kind === 'images' && columns !== null ? columns.map((column) => column.mean) : null,
    graphs:
      kind === 'graphs'
        ? { nodes: sizeRange(tensors['nodeOffsets']!), edges: sizeRange(tensors['edgeOffsets']!) }
        : null,
  };
}

function countLabels({ data }: Tensor, classCount: number): number[] {
  const counts = Array<number>(classCount).fill(0);
  for (const label of data) counts[label] = (counts[label] ?? 0) + 1;
  return counts;
}

function countMarks({ shape, data }: Tensor): LabelCounts[] {
  const labels = shape[1] ?? 1;
  const counts = Array.from({ length: labels }, () => ({ positive: 0, negative: 0, missing: 0 }));
  data.forEach((mark, i) => {
    const count = counts[i % labels]!;
    if (mark === missingLabel) count.missing += 1;
    else if (mark === 1) count.positive += 1;
    else count.negative += 1;
  });
  return counts;
}

/** One range for each value of an example; two passes, so that a large mean costs no digits. */
function columnRanges({ shape, data }: Tensor): Range[] {
  const rows = shape[0]!;
  const width = rows === 0 ? 0 : data.length / rows;
  const ranges = Array.from({ length: width }, () => ({ min: Infinity, max: -Infinity, mean: 0, std: 0 }));
  for (let i = 0; i < data.length; i += 1) {
    const range = ranges[i % width]!;
    const value = data[i]!;
    range.min = Math.min(range.min, value);
    range.max = Math.max(range.max, value);
    range.mean += value / rows;
  }
  for (let i = 0; i < data.length; i += 1) {
    const range = ranges[i % width]!;
    range.std += (data[i]! - range.mean) ** 2 / rows;
  }
  return ranges.map((range) => ({ ...range, std: Math.sqrt(range.std) }));
}

/** The range of columns of equal length together: variance within and between them. */
function joinRanges(columns: readonly Range[]): Range | null {
  if (columns.length === 0) return null;
  const average = (value: (range: Range) => number) =>
    columns.reduce((sum, range) => sum + value(range), 0) / columns.length;
  const mean = average((range) => range.mean);
  return {
    min: columns.reduce((least, range) => Math.min(least, range.min), Infinity),
    max: columns.reduce((most, range) => Math.max(most, range.max), -Infinity),
    mean,
    std: Math.sqrt(average((range) => range.std ** 2 + (range.mean - mean) ** 2)),
  };
}

function sizeRange({ data }: Tensor): Range {
  const sizes = Float32Array.from({ length: data.length - 1 }, (_, i) => data[i + 1]! - data[i]!);
  return columnRanges({ type: 'f32', shape: [sizes.length, 1], data: sizes })[0]!;
}
