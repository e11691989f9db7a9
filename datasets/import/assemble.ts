/** Puts the parts a format was read into (training and test files, say) together as one data set. */
import {
  elementCount,
  indexTensor,
  valueTensor,
  type Column,
  type GivenSplit,
  type Tensor,
  type TensorDataset,
} from '../tensor-dataset.ts';
import { isUnknown, requireKnown } from './label-columns.ts';
import { encodeLabels, type RawLabels } from './labels.ts';
import { checkLimit, fault, type ImportLimits } from './limits.ts';
import { Skips } from './skips.ts';

/** Examples of one file or one split; one of labels, targets and marks. */
export interface Part {
  /** Null where the file makes no split. */
  split: string | null;
  /** What errors and the report of skipped rows call it. */
  file: string;
  count: number;
  /** `[count, ...shape]` */
  inputs: Uint8Array | Float32Array;
  labels?: RawLabels;
  /** `[count, T]` */
  targets?: Float32Array;
  /** `[count, L]`: 0, 1 or `missingLabel` of each of several labels. */
  marks?: Uint8Array;
}

export interface Assembly {
  name: string;
  kind: 'images' | 'table';
  /** Of one example: `[C, H, W]` or `[D]`. */
  shape: readonly number[];
  parts: readonly Part[];
  /** Names behind the numbers of the labels, where the format has them. */
  classNames?: readonly string[] | null;
  columns?: readonly Column[];
  targetNames: readonly string[];
  skips?: Skips;
}

const splitOrder = ['train', 'validation', 'test'];

/**
 * Joins the parts in the order train, validation, test. Examples with a value that is not finite are left out and
 * reported. Throws `KronlabError` (`invalid`) where nothing is left or a limit is passed.
 */
export function assemble(assembly: Assembly, limits: ImportLimits): TensorDataset {
  const { name, kind, shape, targetNames, skips = new Skips() } = assembly;
  const size = elementCount(shape);
  const place = (split: string | null) => (split === null ? -1 : splitOrder.indexOf(split) + 1 || 9);
  const parts = assembly.parts
    .toSorted((a, b) => place(a.split) - place(b.split))
    .map((part) => withoutGaps(part, size, skips));
  const examples = parts.reduce((sum, part) => sum + part.count, 0);
  const file = parts[0]?.file ?? name;
  if (examples === 0) {
    const why = skips.report().reasons[0];
    const detail = why === undefined ? '' : ` (${why.reason}, ${why.first})`;
    throw fault(file, null, `holds no usable example${detail}`, 'choose a file with at least one');
  }
  checkLimit(file, null, examples, limits.examples, 'examples');
  const tensors: Record<string, Tensor> = {
    inputs: valueTensor([examples, ...shape], joinValues(parts.map((part) => part.inputs))),
  };
  const common = {
    name,
    kind,
    examples,
    tensors,
    columns: assembly.columns ?? [],
    edgeColumns: [],
    targets: targetNames,
    splits: splitsOf(parts),
    skipped: skips.report(),
  };
  if (parts.every((part) => part.marks !== undefined)) {
    const marks = joinValues(parts.map((part) => part.marks!)) as Uint8Array<ArrayBuffer>;
    requireKnown(file, targetNames, marks);
    tensors['targets'] = { type: 'u8', shape: [examples, targetNames.length], data: Uint8Array.from(marks) };
    return { ...common, task: 'multi-label', classes: [] };
  }
  if (parts.every((part) => part.labels !== undefined)) {
    const encoded = encodeLabels(
      joinLabels(parts.map((part) => part.labels!)),
      file,
      limits,
      assembly.classNames,
    );
    tensors['labels'] = indexTensor([examples], encoded.labels);
    return { ...common, task: 'classification', classes: encoded.classes };
  }
  const targets = parts.map(
    (part) => part.targets ?? Float32Array.from(part.labels as ArrayLike<number>, Number),
  );
  tensors['targets'] = valueTensor([examples, targetNames.length], joinValues(targets));
  return { ...common, task: 'regression', classes: [] };
}

/** The splits of parts that follow one another; none where a part belongs to no split. */
export function splitsOf(parts: readonly { split: string | null; count: number }[]): GivenSplit[] {
  const splits: GivenSplit[] = [];
  let start = 0;
  for (const { split, count } of parts) {
    if (split === null) return [];
    const last = splits.at(-1);
    if (last?.name === split) last.count += count;
    else splits.push({ name: split, start, count });
    start += count;
  }
  return splits.filter((split) => split.count > 0);
}

function withoutGaps(part: Part, size: number, skips: Skips): Part {
  const { inputs, targets, labels, marks, count } = part;
  const labelCount = marks === undefined ? 0 : marks.length / count;
  const width = targets === undefined ? 0 : targets.length / count;
  const finite = (values: Uint8Array | Float32Array, row: number, perRow: number) => {
    if (values instanceof Uint8Array) return true;
    for (let i = row * perRow; i < (row + 1) * perRow; i += 1) if (!Number.isFinite(values[i])) return false;
    return true;
  };
  const numbers =
    labels !== undefined && typeof labels[0] === 'number' ? (labels as ArrayLike<number>) : null;
  const kept: number[] = [];
  for (let row = 0; row < count; row += 1) {
    const reason = !finite(inputs, row, size)
      ? 'an input is not a finite number'
      : (targets !== undefined && !finite(targets, row, width)) ||
          (numbers !== null && !Number.isFinite(numbers[row]))
        ? 'the target is not a finite number'
        : marks !== undefined && isUnknown(marks, row, labelCount)
          ? 'none of its labels is known'
          : null;
    if (reason === null) kept.push(row);
    else skips.add(reason, `${part.file}, example ${row + 1}`);
  }
  if (kept.length === count) return part;
  return {
    ...part,
    count: kept.length,
    inputs: takeRows(inputs, kept, size),
    ...(targets !== undefined && { targets: takeRows(targets, kept, width) as Float32Array }),
    ...(marks !== undefined && { marks: takeRows(marks, kept, labelCount) as Uint8Array }),
    ...(labels !== undefined && { labels: kept.map((row) => labels[row]!) as RawLabels }),
  };
}

function takeRows(values: Uint8Array | Float32Array, rows: readonly number[], size: number) {
  const taken =
    values instanceof Uint8Array ? new Uint8Array(rows.length * size) : new Float32Array(rows.length * size);
  rows.forEach((row, at) => taken.set(values.subarray(row * size, (row + 1) * size), at * size));
  return taken;
}

function joinValues(arrays: readonly (Uint8Array | Float32Array)[]): Uint8Array | Float32Array {
  if (arrays.length === 1) return arrays[0]!;
  const length = arrays.reduce((sum, array) => sum + array.length, 0);
  const joined = arrays.every((array) => array instanceof Uint8Array)
    ? new Uint8Array(length)
    : new Float32Array(length);
  let at = 0;
  for (const array of arrays) {
    joined.set(array, at);
    at += array.length;
  }
  return joined;
}

function joinLabels(parts: readonly RawLabels[]): RawLabels {
  if (parts.length === 1) return parts[0]!;
  return parts.flatMap((part) => Array.from(part as ArrayLike<number>));
}
