/** Batches put together on the host with plain loops: what feeding must give, whatever way it takes. */
import { partTensor, type DatasetPart, type PreparedDataset } from '../../datasets/dataset.ts';
import type { ModelInputs } from '../models/inputs.ts';
import type { Leaf } from '../program/test-program.ts';

/** Rows of width `width` with these numbers. */
export function pickRows(values: ArrayLike<number>, width: number, rows: readonly number[]): number[] {
  return rows.flatMap((row) => Array.from({ length: width }, (_, j) => values[row * width + j]!));
}

/** Row numbers from one offset to the next, of each chosen segment. */
export function segmentOf(offsets: ArrayLike<number>, segment: number): number[] {
  const start = offsets[segment]!;
  return Array.from({ length: offsets[segment + 1]! - start }, (_, i) => start + i);
}

function offsetsOf(sizes: readonly number[]): Uint32Array {
  return Uint32Array.from([0, ...sizes.map((_, i) => sizes.slice(0, i + 1).reduce((a, b) => a + b, 0))]);
}

/** These examples (of a text the windows that begin there) as inputs of a model, without any padding. */
export function hostInputs(
  data: PreparedDataset,
  part: DatasetPart,
  chosen: readonly number[],
  leaf: Leaf,
): ModelInputs {
  const { kind, example } = data;
  const values = (name: string) => partTensor(part, name).data;
  switch (kind) {
    case 'images': {
      const pixels = example.reduce((a, b) => a * b, 1);
      return { kind, images: leaf(pickRows(values('inputs'), pixels, chosen), [chosen.length, ...example]) };
    }
    case 'table': {
      const [columns = 0] = example;
      return { kind, rows: leaf(pickRows(values('inputs'), columns, chosen), [chosen.length, columns]) };
    }
    case 'text': {
      const [length = 0] = example;
      const tokens = chosen.flatMap((start) => [...values('tokens').subarray(start, start + length)]);
      const leaves = leaf(Uint32Array.from(tokens), [chosen.length, length]);
      return { kind, tokens: leaves, vocabulary: data.outputs };
    }
    case 'graphs': {
      const [nodeWidth = 0, edgeWidth = 0] = example;
      const nodes = chosen.map((graph) => segmentOf(values('nodeOffsets'), graph));
      const edges = chosen.map((graph) => segmentOf(values('edgeOffsets'), graph));
      const firstNodes = offsetsOf(nodes.map(({ length }) => length));
      const ends = (name: string) =>
        Uint32Array.from(edges.flatMap((rows, i) => rows.map((row) => values(name)[row]! + firstNodes[i]!)));
      const rows = (name: string, width: number, of: number[][]) =>
        leaf(pickRows(values(name), width, of.flat()), [of.flat().length, width]);
      const index = (list: Uint32Array) => leaf(list, [list.length]);
      return {
        kind,
        nodes: rows('nodes', nodeWidth, nodes),
        edges: rows('edgeFeatures', edgeWidth, edges),
        senders: index(ends('senders')),
        receivers: index(ends('receivers')),
        nodeOffsets: index(firstNodes),
        edgeOffsets: index(offsetsOf(edges.map(({ length }) => length))),
      };
    }
    default:
      return kind satisfies never;
  }
}
