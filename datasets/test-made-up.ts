/** Small data sets of every kind and task in the common form, made up in memory: for tests of what comes after reading. */
import { createRandom } from './random.ts';
import {
  indexTensor,
  missingLabel,
  nothingSkipped,
  valueTensor,
  type Column,
  type GivenSplit,
  type Tensor,
  type TensorDataset,
} from './tensor-dataset.ts';
import type { DatasetTask } from '../contract/data-kinds.ts';

type AnsweredTask = Exclude<DatasetTask, 'language'>;

export const classNames = ['low', 'middle', 'high'];
const names = (prefix: string, count: number) => Array.from({ length: count }, (_, i) => `${prefix}${i}`);
const numbers = (count: number, prefix: string): Column[] =>
  names(prefix, count).map((name) => ({ name, type: 'number' }));

/** Numbers in [-1, 1). */
function drawn(count: number, seed: number): Float32Array<ArrayBuffer> {
  const random = createRandom(seed);
  return Float32Array.from({ length: count }, () => random.nextBelow(2 ** 20) / 2 ** 19 - 1);
}

/**
 * What is to be learnt of a hidden number in [-1, 1) of each example: its third of the range; two numbers far from
 * standard units; or three labels, of which every fifth is missing.
 */
function answersTo(
  task: AnsweredTask,
  hidden: Float32Array,
): Pick<TensorDataset, 'classes' | 'targets'> & {
  tensor: Record<string, Tensor>;
} {
  const n = hidden.length;
  switch (task) {
    case 'classification': {
      const labels = Uint32Array.from(hidden, (x) => Math.min(2, Math.floor((x + 1) * 1.5)));
      return { classes: classNames, targets: ['size'], tensor: { labels: indexTensor([n], labels) } };
    }
    case 'regression': {
      const values = Float32Array.from({ length: 2 * n }, (_, i) => {
        const x = hidden[i >> 1]!;
        return i % 2 === 0 ? 40 + 25 * x : -3 + 0.1 * x * x;
      });
      return { classes: [], targets: ['mass', 'charge'], tensor: { targets: valueTensor([n, 2], values) } };
    }
    case 'multi-label': {
      const marks = Uint8Array.from({ length: 3 * n }, (_, i) => {
        if (i % 5 === 3) return missingLabel;
        return hidden[Math.floor(i / 3)]! > [-0.5, 0, 0.5][i % 3]! ? 1 : 0;
      });
      const targets = ['toxic', 'soluble', 'stable'];
      return { classes: [], targets, tensor: { targets: { type: 'u8', shape: [n, 3], data: marks } } };
    }
    default:
      return task satisfies never;
  }
}

function madeUp(
  kind: TensorDataset['kind'],
  task: DatasetTask,
  rest: Pick<TensorDataset, 'examples' | 'tensors'> & Partial<TensorDataset>,
): TensorDataset {
  return {
    ...{ name: `Made-up ${kind}`, kind, task, classes: [], columns: [], edgeColumns: [], targets: [] },
    ...{ splits: [], skipped: nothingSkipped },
    ...rest,
  };
}

/** Three columns of numbers in different units, one of nothing but 0 and 1, and two of a category. */
export function madeUpTable(task: AnsweredTask, examples = 56, splits: GivenSplit[] = []): TensorDataset {
  const x = drawn(examples * 3, 1);
  const hidden = Float32Array.from({ length: examples }, (_, i) => 0.8 * x[3 * i]! + 0.2 * x[3 * i + 1]!);
  const inputs = Float32Array.from({ length: examples * 6 }, (_, i) => {
    const [row, column] = [Math.floor(i / 6), i % 6];
    if (column < 3) return x[3 * row + column]! * [100, 1, 0.01][column]! + [1000, 0, -7][column]!;
    return (row % (column === 3 ? 3 : 2) === 0) === (column !== 5) ? 1 : 0;
  });
  const { tensor, ...answers } = answersTo(task, hidden);
  const category = (value: string): Column => ({ name: 'colour', type: 'category', value });
  return madeUp('table', task, {
    ...{ examples, splits, ...answers },
    columns: [...numbers(3, 'x'), { name: 'flag', type: 'number' }, category('red'), category('blue')],
    tensors: { inputs: valueTensor([examples, 6], inputs), ...tensor },
  });
}

/** Images of two channels, 3 x 4 pixels; the hidden number lies in the first channel. */
export function madeUpImages(task: AnsweredTask, examples = 43, splits: GivenSplit[] = []): TensorDataset {
  const hidden = drawn(examples, 2);
  const pixels = drawn(examples * 24, 3).map((x, i) =>
    Math.floor(i / 12) % 2 === 0 ? 20 * x + 60 * hidden[Math.floor(i / 24)]! : 5 * x + 9,
  );
  const { tensor, ...answers } = answersTo(task, hidden);
  return madeUp('images', task, {
    ...{ examples, splits, ...answers },
    tensors: { inputs: valueTensor([examples, 2, 3, 4], pixels), ...tensor },
  });
}

/** A text of five different tokens, most of them told by the one before. */
export function madeUpText(examples = 630, splits: GivenSplit[] = []): TensorDataset {
  const random = createRandom(4);
  const tokens = new Uint32Array(examples);
  for (let i = 1; i < examples; i += 1) {
    const isFree = random.nextBelow(8) === 0;
    tokens[i] = isFree ? random.nextBelow(5) : (3 * tokens[i - 1]! + 1) % 5;
  }
  return madeUp('text', 'language', {
    ...{ examples, splits, classes: ['a', 'b', 'c', 'd', ' '] },
    tensors: { tokens: indexTensor([examples], tokens) },
  });
}

/**
 * Rings of 3 to 7 nodes, one of them a single node without an edge. A node has two numbers and one of 0 and 1, an edge
 * one number; the hidden number is the mean of the nodes' first.
 */
export function madeUpGraphs(task: AnsweredTask, examples = 43, splits: GivenSplit[] = []): TensorDataset {
  const sizes = Array.from({ length: examples }, (_, i) => (i === 5 ? 1 : 3 + ((i * 7) % 5)));
  const edgesOf = (size: number) => (size === 1 ? 0 : 2 * size);
  const nodeOffsets = offsetsOf(sizes);
  const edgeOffsets = offsetsOf(sizes.map(edgesOf));
  const hidden = drawn(examples, 5);
  const noise = drawn(nodeOffsets[examples]! * 2, 6);
  const nodes = sizes.flatMap((size, graph) =>
    Array.from({ length: size }, (_, node) => {
      const at = 2 * (nodeOffsets[graph]! + node);
      return [10 * (hidden[graph]! + 0.2 * noise[at]!), 300 + noise[at + 1]!, node % 2];
    }).flat(),
  );
  const edges = sizes.flatMap((size) =>
    size === 1
      ? []
      : Array.from({ length: size }, (_, i) => [i, (i + 1) % size, i, (i + size - 1) % size]).flat(),
  );
  const { tensor, ...answers } = answersTo(task, hidden);
  return madeUp('graphs', task, {
    ...{ examples, splits, ...answers },
    columns: numbers(3, 'node '),
    edgeColumns: numbers(1, 'edge '),
    tensors: {
      nodes: valueTensor([nodeOffsets[examples]!, 3], Float32Array.from(nodes)),
      edges: indexTensor([edges.length / 2, 2], Uint32Array.from(edges)),
      edgeFeatures: valueTensor([edges.length / 2, 1], drawn(edges.length / 2, 7)),
      nodeOffsets: indexTensor([examples + 1], nodeOffsets),
      edgeOffsets: indexTensor([examples + 1], edgeOffsets),
      ...tensor,
    },
  });
}

function offsetsOf(sizes: readonly number[]): Uint32Array {
  const offsets = new Uint32Array(sizes.length + 1);
  sizes.forEach((size, i) => {
    offsets[i + 1] = offsets[i]! + size;
  });
  return offsets;
}
