/**
 * A graph network (Battaglia et al. 2018, section 3 and algorithm 1): nodes, edges and, where `globals` is on, every graph
 * have a state of `width` numbers. In each round an edge's update reads [edge, sender, receiver, global], a node's
 * [node, its incoming updates taken together, global], and a graph's [global, its nodes, its edges]; the readout takes the
 * nodes' means or sums, or the global states. An update is `updateLayers` times linear, layer norm and ReLU, added to the state.
 *
 * Rows of nodes and of edges belong to graphs by offsets, which their linear layers declare: what lies behind the last one is
 * padding and reaches neither outputs nor gradients nor factors.
 */
import { KronlabError } from '../../contract/errors.ts';
import type { ModelSpec } from '../../contract/run-spec.ts';
import type { Tensor } from '../program/graph.ts';
import { concat } from '../program/operations/concat.ts';
import { add, broadcastTo, relu } from '../program/operations/elementwise.ts';
import { invertIndex, type InverseIndex } from '../program/operations/inverse-index.ts';
import {
  entriesWithin,
  gatherRows,
  scatterMean,
  scatterSum,
  segmentMean,
  segmentSum,
  spreadOverSegments,
} from '../program/operations/segments.ts';
import { normal } from './initialisers.ts';
import type { GraphInputs } from './inputs.ts';
import type { ModelBuilder } from './model-builder.ts';

export type GraphNetworkSpec = Extract<ModelSpec, { kind: 'graph-network' }>;

/** Rows of one kind: which graph each belongs to, and how many there is room for. */
interface Rows {
  offsets: Tensor;
  count: number;
}

/** One end of all edges: the node of each, and the edges of each node. */
interface Ends {
  index: Tensor;
  inverse: InverseIndex;
}

interface States {
  nodes: Tensor;
  edges: Tensor;
  globals: Tensor | null;
}

/** Outputs [N, outputs] of N graphs. Throws `invalid` for a readout of globals that are switched off. */
export function graphNetwork(
  builder: ModelBuilder,
  spec: GraphNetworkSpec,
  inputs: GraphInputs,
  outputs: number,
): Tensor {
  return new GraphNetwork(builder, spec, inputs).outputs(outputs);
}

class GraphNetwork {
  private readonly builder: ModelBuilder;
  private readonly spec: GraphNetworkSpec;
  private readonly inputs: GraphInputs;
  private readonly nodeRows: Rows;
  private readonly edgeRows: Rows;
  private readonly senders: Ends;
  private readonly receivers: Ends;

  constructor(builder: ModelBuilder, spec: GraphNetworkSpec, inputs: GraphInputs) {
    if (spec.readout === 'global' && spec.globals === 'off') {
      throw new KronlabError('invalid', 'model.readout: global needs globals on; they are off');
    }
    [this.builder, this.spec, this.inputs] = [builder, spec, inputs];
    this.nodeRows = { offsets: inputs.nodeOffsets, count: inputs.nodes.shape[0] ?? 0 };
    this.edgeRows = { offsets: inputs.edgeOffsets, count: inputs.edges.shape[0] ?? 0 };
    this.senders = this.ends(inputs.senders);
    this.receivers = this.ends(inputs.receivers);
  }

  outputs(outputs: number): Tensor {
    const { builder, spec } = this;
    let states: States = {
      nodes: relu(this.linear('embed.node', this.inputs.nodes, this.nodeRows)),
      edges: relu(this.linear('embed.edge', this.inputs.edges, this.edgeRows)),
      globals: spec.globals === 'on' ? this.firstGlobals() : null,
    };
    for (let i = 0; i < spec.rounds; i++) states = this.round(`rounds.${i}`, states, i === spec.rounds - 1);
    const hidden = relu(builder.linear('readout', this.pooled(states), spec.width));
    return builder.linear('head', hidden, outputs);
  }

  private round(name: string, { nodes, edges, globals }: States, isLast: boolean): States {
    const { senders, receivers, nodeRows, edgeRows } = this;
    const spread = (rows: Rows): Tensor[] =>
      globals ? [spreadOverSegments(globals, rows.offsets, rows.count)] : [];
    const ends = [senders, receivers].map(({ index, inverse }) => gatherRows(nodes, index, inverse));
    const messages = this.update(`${name}.edge`, [edges, ...ends, ...spread(edgeRows)], edgeRows);
    const aggregate = this.spec.aggregation === 'sum' ? scatterSum : scatterMean;
    const incoming = aggregate(messages, receivers.index, nodeRows.count, receivers.inverse);
    const updates = this.update(`${name}.node`, [nodes, incoming, ...spread(nodeRows)], nodeRows);
    const next = { nodes: this.step(nodes, updates), edges: this.step(edges, messages), globals };
    // After the last round nobody reads a global state that is not what the readout takes.
    if (!globals || (isLast && this.spec.readout !== 'global')) return next;
    const pools = [segmentMean(next.nodes, nodeRows.offsets), segmentMean(next.edges, edgeRows.offsets)];
    const whole = this.update(`${name}.global`, [globals, ...pools], null);
    return { ...next, globals: this.step(globals, whole) };
  }

  /** What an update makes of the states it reads, side by side; rows of graphs have no offsets. */
  private update(name: string, reads: readonly Tensor[], rows: Rows | null): Tensor {
    let x = concat(reads, 1);
    for (let i = 0; i < this.spec.updateLayers; i++) {
      const z = this.linear(`${name}.layers.${i}`, x, rows);
      x = relu(this.spec.norm === 'layer' ? this.builder.layerNorm(`${name}.norms.${i}`, z) : z);
    }
    return x;
  }

  private step(state: Tensor, update: Tensor): Tensor {
    return this.spec.residual === 'on' ? add(state, update) : update;
  }

  private pooled({ nodes, globals }: States): Tensor {
    const { readout } = this.spec;
    if (readout === 'global' && globals) return globals;
    return (readout === 'sum' ? segmentSum : segmentMean)(nodes, this.nodeRows.offsets);
  }

  private linear(name: string, x: Tensor, rows: Rows | null): Tensor {
    return this.builder.linear(name, x, this.spec.width, rows ? { offsets: rows.offsets } : {});
  }

  /** A learned state that every graph starts from. */
  private firstGlobals(): Tensor {
    const { builder, spec } = this;
    const examples = (this.nodeRows.offsets.shape[0] ?? 1) - 1;
    return broadcastTo(builder.parameter('embed.global', [1, spec.width], normal(0.02)), [
      examples,
      spec.width,
    ]);
  }

  private ends(index: Tensor): Ends {
    const real = entriesWithin(index, this.edgeRows.offsets);
    return { index: real, inverse: invertIndex(real, this.nodeRows.count) };
  }
}
