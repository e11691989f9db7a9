/** A few small graphs for tests, one without edges, with room for more rows than there are. */
import type { Leaf } from '../program/test-program.ts';
import { noise } from '../program/test-program.ts';
import type { GraphInputs } from './inputs.ts';

export const nodeWidth = 3;
export const edgeWidth = 2;
export const nodeCounts = [3, 2, 1, 4];
export const edgeCounts = [4, 2, 0, 5];
/** Edges by rows of all nodes; the last graph has a node that no edge enters and one entered twice. */
export const senders = [0, 1, 1, 2, 3, 4, 6, 7, 8, 9, 7];
export const receivers = [1, 0, 2, 1, 4, 3, 7, 6, 7, 8, 6];

export const offsetsOf = (counts: readonly number[]): Uint32Array =>
  Uint32Array.from([0, ...counts.map((_, n) => counts.slice(0, n + 1).reduce((a, b) => a + b, 0))]);
const total = (counts: readonly number[]): number => counts.reduce((a, b) => a + b, 0);

export const nodeValues = noise(total(nodeCounts) * nodeWidth, 31);
export const edgeValues = noise(total(edgeCounts) * edgeWidth, 32);

/** The graphs as a batch with so many rows of padding, which hold `rubbish`. */
export function testGraphs(leaf: Leaf, padding = 0, rubbish = 0): GraphInputs {
  const rows = (values: Float64Array, width: number) =>
    leaf(Float64Array.from([...values, ...new Array<number>(padding * width).fill(rubbish)]), [
      values.length / width + padding,
      width,
    ]);
  const index = (values: readonly number[]) =>
    leaf(Uint32Array.from([...values, ...new Array<number>(padding).fill(0)]), [values.length + padding]);
  const offsets = (counts: readonly number[]) => leaf(offsetsOf(counts), [counts.length + 1]);
  return {
    kind: 'graphs',
    nodes: rows(nodeValues, nodeWidth),
    edges: rows(edgeValues, edgeWidth),
    senders: index(senders),
    receivers: index(receivers),
    nodeOffsets: offsets(nodeCounts),
    edgeOffsets: offsets(edgeCounts),
  };
}
