/** Graphs, from molecules or JSON, to the ragged tensors of a data set. */
import { indexTensor, valueTensor, type Column, type Tensor, type TensorDataset } from '../tensor-dataset.ts';
import type { TargetTask } from '../../contract/data-kinds.ts';
import { Answers } from './answers.ts';
import type { Cell } from './columns.ts';
import { GrowingNumbers } from './growing.ts';
import { requireKnown } from './label-columns.ts';
import { encodeLabels } from './labels.ts';
import { checkLimit, fault, type ImportContext } from './limits.ts';
import { Skips } from './skips.ts';
import type { AskedTarget } from './targets.ts';

export interface GraphOptions {
  target?: AskedTarget | undefined;
  task?: TargetTask | undefined;
}

/** One graph; an undirected edge is there in both directions. */
export interface Graph {
  nodes: number;
  /** `[nodes, Fn]` */
  nodeFeatures: Float32Array;
  /** `[E, 2]`: sender and receiver. */
  edges: Uint32Array;
  /** `[E, Fe]` */
  edgeFeatures: Float32Array;
}

export class GraphBuilder {
  readonly skips = new Skips();
  readonly #file: string;
  readonly #nodeColumns: readonly Column[];
  readonly #edgeColumns: readonly Column[];
  readonly #context: ImportContext;
  readonly #answers: Answers;
  /** Of all graphs, one after another; where each begins and ends is told by the two kinds of offsets. */
  readonly #nodes = new GrowingNumbers((length) => new Float32Array(length));
  readonly #edges = new GrowingNumbers((length) => new Uint32Array(length));
  readonly #edgeFeatures = new GrowingNumbers((length) => new Float32Array(length));
  readonly #nodeOffsets = new GrowingNumbers((length) => new Uint32Array(length));
  readonly #edgeOffsets = new GrowingNumbers((length) => new Uint32Array(length));
  readonly #places = new GrowingNumbers((length) => new Uint32Array(length));
  #count = 0;
  #bytes = 0;

  /**
   * @param targets what is to be predicted, of the `properties` that graphs have
   */
  constructor(
    file: string,
    { properties, targets }: { properties: readonly string[]; targets: readonly string[] },
    columns: { nodes: readonly string[]; edges: readonly string[] },
    task: TargetTask | undefined,
    context: ImportContext,
  ) {
    this.#file = file;
    this.#nodeColumns = columns.nodes.map((name) => ({ name, type: 'number' }));
    this.#edgeColumns = columns.edges.map((name) => ({ name, type: 'number' }));
    this.#context = context;
    this.#answers = new Answers(file, targets, task, context);
    this.#nodeOffsets.push([0]);
    this.#edgeOffsets.push([0]);
    context.observer?.properties(properties, targets);
  }

  /** @param place number of the row or record, from 1 */
  add(graph: Graph, answers: readonly Cell[], place: number): void {
    const { limits } = this.#context;
    const reason =
      graph.nodes === 0
        ? 'has no nodes'
        : Math.max(graph.nodes, graph.edges.length / 2) > limits.graph
          ? `has more than ${limits.graph} nodes or edges`
          : !graph.nodeFeatures.every(Number.isFinite) || !graph.edgeFeatures.every(Number.isFinite)
            ? 'has a feature that is not a finite number'
            : null;
    if (reason !== null) {
      this.skip(reason, place);
      return;
    }
    this.#bytes +=
      12 + graph.nodeFeatures.byteLength + graph.edges.byteLength + graph.edgeFeatures.byteLength;
    checkLimit(this.#file, `row ${place}`, this.#bytes, limits.bytes, 'bytes of graphs');
    checkLimit(this.#file, `row ${place}`, this.#count + 1, limits.examples, 'graphs');
    this.#context.observer?.graph(graph, answers);
    this.#count += 1;
    this.#nodes.push(graph.nodeFeatures);
    this.#edges.push(graph.edges);
    this.#edgeFeatures.push(graph.edgeFeatures);
    this.#nodeOffsets.push([this.#nodeOffsets.values().at(-1)! + graph.nodes]);
    this.#edgeOffsets.push([this.#edgeOffsets.values().at(-1)! + graph.edges.length / 2]);
    this.#places.push([place]);
    this.#answers.add(answers, place);
  }

  /** Throws where more were left out than may be kept: such a file is none of graphs. */
  skip(reason: string, place: number): void {
    checkLimit(this.#file, `row ${place}`, place, this.#context.limits.examples, 'rows');
    this.skips.add(reason, `${this.#file}, row ${place}`);
  }

  /** Throws `KronlabError` (`invalid`) where no graph is left. */
  finish(name: string): TensorDataset {
    const { names } = this.#answers;
    const task = this.#answers.decide();
    const rows: number[] = [];
    const places = this.#places.values();
    for (let row = 0; row < this.#count; row += 1) {
      const problem = this.#answers.problem(row);
      if (problem === null) rows.push(row);
      else this.skip(problem, places[row]!);
    }
    if (rows.length === 0) {
      const why = this.skips.report().reasons[0];
      const detail = why === undefined ? '' : ` (${why.reason}, ${why.first})`;
      throw fault(this.#file, null, `holds no usable graph${detail}`, 'choose a file with at least one');
    }
    const tensors = this.#tensors(rows);
    const common = {
      name,
      kind: 'graphs' as const,
      examples: rows.length,
      tensors,
      columns: this.#nodeColumns,
      edgeColumns: this.#edgeColumns,
      task,
      classes: [] as string[],
      targets: names,
      splits: [],
      skipped: this.skips.report(),
    };
    const answers = this.#answers.of(rows);
    const shape = [rows.length, names.length];
    if ('marks' in answers) {
      requireKnown(this.#file, names, answers.marks);
      tensors['targets'] = { type: 'u8', shape, data: Uint8Array.from(answers.marks) };
      return common;
    }
    if ('targets' in answers) {
      tensors['targets'] = valueTensor(shape, answers.targets);
      return common;
    }
    const { labels, classes } = encodeLabels(answers.labels, this.#file, this.#context.limits);
    tensors['labels'] = indexTensor([rows.length], labels);
    return { ...common, classes };
  }

  /** Of the graphs of these rows. */
  #tensors(rows: readonly number[]): Record<string, Tensor> {
    const [nodeStarts, edgeStarts] = [this.#nodeOffsets.values(), this.#edgeOffsets.values()];
    const nodeOffsets = offsetsOf(rows, nodeStarts);
    const edgeOffsets = offsetsOf(rows, edgeStarts);
    const nodes = nodeOffsets.at(-1)!;
    const edges = edgeOffsets.at(-1)!;
    const [nodeWidth, edgeWidth] = [this.#nodeColumns.length, this.#edgeColumns.length];
    const nodeValues = new Float32Array(nodes * nodeWidth);
    const edgeValues = new Float32Array(edges * edgeWidth);
    const edgeEnds = new Uint32Array(2 * edges);
    copyRows(nodeValues, this.#nodes.values(), rows, nodeStarts, nodeOffsets, nodeWidth);
    copyRows(edgeValues, this.#edgeFeatures.values(), rows, edgeStarts, edgeOffsets, edgeWidth);
    copyRows(edgeEnds, this.#edges.values(), rows, edgeStarts, edgeOffsets, 2);
    return {
      nodes: valueTensor([nodes, nodeWidth], nodeValues),
      nodeOffsets: indexTensor([nodeOffsets.length], nodeOffsets),
      edges: indexTensor([edges, 2], edgeEnds),
      edgeFeatures: valueTensor([edges, edgeWidth], edgeValues),
      edgeOffsets: indexTensor([edgeOffsets.length], edgeOffsets),
    };
  }
}

/** `[N + 1]`: where each of the chosen begins, and the end. */
function offsetsOf(rows: readonly number[], starts: Uint32Array): Uint32Array {
  const offsets = new Uint32Array(rows.length + 1);
  rows.forEach((row, i) => (offsets[i + 1] = offsets[i]! + starts[row + 1]! - starts[row]!));
  return offsets;
}

/** Copies what the chosen rows have of `from`, `width` numbers for each node or edge, to their places in `to`. */
function copyRows(
  to: Float32Array | Uint32Array,
  from: Float32Array | Uint32Array,
  rows: readonly number[],
  starts: Uint32Array,
  offsets: Uint32Array,
  width: number,
): void {
  rows.forEach((row, i) =>
    to.set(from.subarray(starts[row]! * width, starts[row + 1]! * width), offsets[i]! * width),
  );
}

/** Both directions of undirected edges, with their features, in the order of sender and receiver. */
export function bothDirections(
  edges: readonly { ends: readonly [number, number]; features: readonly number[] }[],
): Pick<Graph, 'edges' | 'edgeFeatures'> {
  const directed = edges.flatMap(({ ends: [a, b], features }) =>
    a === b
      ? [{ from: a, to: b, features }]
      : [
          { from: a, to: b, features },
          { from: b, to: a, features },
        ],
  );
  directed.sort((x, y) => x.from - y.from || x.to - y.to);
  return {
    edges: Uint32Array.from(directed.flatMap(({ from, to }) => [from, to])),
    edgeFeatures: Float32Array.from(directed.flatMap(({ features }) => features)),
  };
}
