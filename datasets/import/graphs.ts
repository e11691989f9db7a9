/** Graphs, from molecules or JSON, to the ragged tensors of a data set. */
import { indexTensor, valueTensor, type Column, type Tensor, type TensorDataset } from '../tensor-dataset.ts';
import type { TargetTask } from '../../contract/data-kinds.ts';
import { Answers } from './answers.ts';
import type { Cell } from './columns.ts';
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
  readonly #graphs: Graph[] = [];
  readonly #places: number[] = [];
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
    this.#bytes += 8 + graph.nodeFeatures.byteLength + graph.edges.byteLength + graph.edgeFeatures.byteLength;
    checkLimit(this.#file, `row ${place}`, this.#bytes, limits.bytes, 'bytes of graphs');
    checkLimit(this.#file, `row ${place}`, this.#graphs.length + 1, limits.examples, 'graphs');
    this.#context.observer?.graph(graph, answers);
    this.#graphs.push(graph);
    this.#places.push(place);
    this.#answers.add(answers, place);
  }

  skip(reason: string, place: number): void {
    this.skips.add(reason, `${this.#file}, row ${place}`);
  }

  /** Throws `KronlabError` (`invalid`) where no graph is left. */
  finish(name: string): TensorDataset {
    const { names } = this.#answers;
    const task = this.#answers.decide();
    const rows: number[] = [];
    this.#graphs.forEach((_, row) => {
      const problem = this.#answers.problem(row);
      if (problem === null) rows.push(row);
      else this.skip(problem, this.#places[row]!);
    });
    if (rows.length === 0) {
      const why = this.skips.report().reasons[0];
      const detail = why === undefined ? '' : ` (${why.reason}, ${why.first})`;
      throw fault(this.#file, null, `holds no usable graph${detail}`, 'choose a file with at least one');
    }
    const tensors = this.#tensors(rows.map((row) => this.#graphs[row]!));
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

  #tensors(graphs: readonly Graph[]): Record<string, Tensor> {
    const nodeOffsets = offsets(graphs.map((graph) => graph.nodes));
    const edgeOffsets = offsets(graphs.map((graph) => graph.edges.length / 2));
    const nodes = nodeOffsets.at(-1)!;
    const edges = edgeOffsets.at(-1)!;
    const nodeValues = new Float32Array(nodes * this.#nodeColumns.length);
    const edgeValues = new Float32Array(edges * this.#edgeColumns.length);
    const edgeEnds = new Uint32Array(2 * edges);
    graphs.forEach((graph, i) => {
      nodeValues.set(graph.nodeFeatures, nodeOffsets[i]! * this.#nodeColumns.length);
      edgeValues.set(graph.edgeFeatures, edgeOffsets[i]! * this.#edgeColumns.length);
      edgeEnds.set(graph.edges, 2 * edgeOffsets[i]!);
    });
    return {
      nodes: valueTensor([nodes, this.#nodeColumns.length], nodeValues),
      nodeOffsets: indexTensor([nodeOffsets.length], nodeOffsets),
      edges: indexTensor([edges, 2], edgeEnds),
      edgeFeatures: valueTensor([edges, this.#edgeColumns.length], edgeValues),
      edgeOffsets: indexTensor([edgeOffsets.length], edgeOffsets),
    };
  }
}

/** `[N + 1]`: where each begins, and the end. */
function offsets(counts: readonly number[]): Uint32Array {
  const starts = new Uint32Array(counts.length + 1);
  counts.forEach((count, i) => (starts[i + 1] = starts[i]! + count));
  return starts;
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
