/** A graph network against its definition in float64, on graphs of different sizes, one of them without edges. */
import { describe, expect, it } from 'vitest';
import type { Tape } from '../curvature/acceptance/test-reference-net.ts';
import { squaredErrorColumns } from '../curvature/acceptance/test-reference-net.ts';
import { meanSquaredError } from '../program/operations/loss.ts';
import { Graph } from '../program/graph.ts';
import { Parameters } from '../program/parameters.ts';
import { expectClose, noise } from '../program/test-program.ts';
import { graphNetwork, type GraphNetworkSpec } from './graph-network.ts';
import { symbolicInputs } from './input-shapes.ts';
import { ModelBuilder } from './model-builder.ts';
import { checkFactors, checkPass, passOf, type CheckedModel } from './test-check-model.ts';
import {
  edgeCounts,
  edgeValues,
  edgeWidth,
  nodeCounts,
  nodeValues,
  nodeWidth,
  receivers,
  senders,
  testGraphs,
} from './test-graphs.ts';
import { describeLayers, describeParameters } from './test-model.ts';
import { beside, normOf, reluOf } from './test-reference-layers.ts';

const base: GraphNetworkSpec = {
  ...{ kind: 'graph-network', width: 4, rounds: 2, updateLayers: 1 },
  ...{ aggregation: 'sum', globals: 'on', readout: 'mean', norm: 'layer', residual: 'on' },
};
const C = 2;
const N = nodeCounts.length;
const targets = noise(N * C, 33);

function model(spec: GraphNetworkSpec, padding = 0, rubbish = 0): CheckedModel {
  return {
    build: (builder, leaf) => graphNetwork(builder, spec, testGraphs(leaf, padding, rubbish), C),
    loss: (outputs, leaf) => meanSquaredError(outputs, leaf(targets, [N, C])),
  };
}

const squaredError = (outputs: Float64Array): number =>
  outputs.reduce((sum, value, i) => sum + (value - targets[i]!) ** 2, 0) / outputs.length;

const owners = (counts: readonly number[]): number[] =>
  counts.flatMap((count, n) => new Array<number>(count).fill(n));

/** Rows of x by an index. */
const pick = (x: Float64Array, width: number, index: readonly number[]): Float64Array =>
  Float64Array.from(index.flatMap((row) => [...x.subarray(row * width, (row + 1) * width)]));

/** Sums, or means, of rows over equal entries of an index. */
function gather(x: Float64Array, width: number, index: readonly number[], rows: number, mean: boolean) {
  const y = new Float64Array(rows * width);
  index.forEach((row, m) => {
    const share = mean ? index.filter((other) => other === row).length : 1;
    for (let j = 0; j < width; j++) y[row * width + j]! += x[m * width + j]! / share;
  });
  return y;
}

/** The forward pass as the header of the model has it. */
function reference(spec: GraphNetworkSpec): (tape: Tape) => Float64Array {
  const { width: w } = spec;
  const [nodeOwner, edgeOwner] = [owners(nodeCounts), owners(edgeCounts)];
  const graphCounts = nodeCounts.map(() => 1);
  return (tape) => {
    const update = (name: string, x: Float64Array, counts: readonly number[]): Float64Array => {
      let y = x;
      for (let i = 0; i < spec.updateLayers; i++) {
        const rows = counts.reduce((a, b) => a + b, 0);
        const z = tape.linear(`${name}.layers.${i}`, { data: y, width: y.length / rows, counts }, w);
        y = reluOf(spec.norm === 'layer' ? normOf(tape, `${name}.norms.${i}`, z, w) : z);
      }
      return y;
    };
    const step = (state: Float64Array, by: Float64Array) =>
      spec.residual === 'on' ? state.map((v, i) => v + by[i]!) : by;
    const embed = (name: string, data: Float64Array, width: number, counts: readonly number[]) =>
      reluOf(tape.linear(name, { data, width, counts }, w));
    let v = embed('embed.node', nodeValues, nodeWidth, nodeCounts);
    let e = embed('embed.edge', edgeValues, edgeWidth, edgeCounts);
    let u: Float64Array | null = null;
    if (spec.globals === 'on') {
      const start = tape.parameter('embed.global', w);
      u = Float64Array.from({ length: N * w }, (_, i) => start[i % w]!);
    }
    for (let i = 0; i < spec.rounds; i++) {
      const whole = (owner: readonly number[]) => (u ? [[pick(u, w, owner), w] as const] : []);
      const messages = update(
        `rounds.${i}.edge`,
        beside([[e, w], [pick(v, w, senders), w], [pick(v, w, receivers), w], ...whole(edgeOwner)]),
        edgeCounts,
      );
      const incoming = gather(messages, w, receivers, nodeOwner.length, spec.aggregation === 'mean');
      const updates = update(
        `rounds.${i}.node`,
        beside([[v, w], [incoming, w], ...whole(nodeOwner)]),
        nodeCounts,
      );
      [v, e] = [step(v, updates), step(e, messages)];
      if (!u || (i === spec.rounds - 1 && spec.readout !== 'global')) continue;
      const pools = [gather(v, w, nodeOwner, N, true), gather(e, w, edgeOwner, N, true)] as const;
      u = step(
        u,
        update(
          `rounds.${i}.global`,
          beside([
            [u, w],
            [pools[0], w],
            [pools[1], w],
          ]),
          graphCounts,
        ),
      );
    }
    const pooled = spec.readout === 'global' && u ? u : gather(v, w, nodeOwner, N, spec.readout === 'mean');
    const hidden = reluOf(tape.linear('readout', { data: pooled, width: w, counts: graphCounts }, w));
    return tape.linear('head', { data: hidden, width: w, counts: graphCounts }, C);
  };
}

const variants: [name: string, spec: GraphNetworkSpec][] = [
  ['as it comes', base],
  ['means, no globals, sum readout', { ...base, aggregation: 'mean', globals: 'off', readout: 'sum' }],
  ['read by its globals, updates of two layers', { ...base, readout: 'global', updateLayers: 2, rounds: 1 }],
  ['without norms and residuals', { ...base, norm: 'none', residual: 'off', readout: 'global' }],
];

describe('graph network', () => {
  it.each(variants)('outputs and gradients are those of the definition: %s', (_, spec) =>
    checkPass(model(spec), reference(spec), squaredError, 1e-5),
  );

  it.each(variants)('padding of the batch changes neither outputs nor gradients: %s', async (_, spec) => {
    const bare = await passOf(model(spec));
    const padded = await passOf(model(spec, 7, 50));
    expectClose(padded.outputs, bare.outputs, 1e-6, 'outputs');
    for (const [name, gradient] of bare.gradients)
      expectClose(padded.gradients.get(name)!, gradient, 1e-6, name);
  });

  it.each([
    ['as it comes', base, 0],
    ['with padding', base, 5],
    ['read by its globals', { ...base, readout: 'global' as const, rounds: 1 }, 3],
  ])('factors of both flavours are those of the definition: %s', async (_, spec, padding) => {
    const layers = [
      ...['embed.node', 'embed.edge'].map((name) => [name, spec.width] as const),
      ...Array.from({ length: spec.rounds }, (__, i) => i).flatMap((i) =>
        ['edge', 'node', ...(i < spec.rounds - 1 || spec.readout === 'global' ? ['global'] : [])].map(
          (part) => [`rounds.${i}.${part}.layers.0`, spec.width] as const,
        ),
      ),
      ['readout', spec.width] as const,
      ['head', C] as const,
    ];
    await checkFactors(model(spec, padding, 20), reference(spec), {
      ...{ layers, terms: N, tolerance: 1e-5 },
      columns: (outputs) => squaredErrorColumns(outputs, C),
    });
  });

  it('declares layers over nodes, edges and graphs', () => {
    const graph = new Graph();
    const parameters = new Parameters();
    const builder = new ModelBuilder(graph, parameters);
    const shape = { kind: 'graphs', nodeWidth: 5, edgeWidth: 2, nodes: 9, edges: 20 } as const;
    const inputs = symbolicInputs(graph, shape, 3);
    if (inputs.kind !== 'graphs') throw new Error('no graphs');
    const outputs = graphNetwork(builder, { ...base, rounds: 1, readout: 'global' }, inputs, 7);
    expect(outputs.shape).toEqual([3, 7]);
    expect(describeLayers(builder)).toEqual([
      'embed.node 5 -> 4, shared 9 times',
      'embed.edge 2 -> 4, shared 20 times',
      'rounds.0.edge.layers.0 16 -> 4, shared 20 times',
      'rounds.0.node.layers.0 12 -> 4, shared 9 times',
      'rounds.0.global.layers.0 12 -> 4, shared 1 times',
      'readout 4 -> 4, shared 1 times',
      'head 4 -> 7, shared 1 times',
    ]);
    expect(describeParameters(parameters).filter((line) => line.endsWith('other'))).toEqual([
      'embed.global [1, 4] other',
      ...['edge', 'node', 'global'].flatMap((part) => [
        `rounds.0.${part}.norms.0.weight [4] other`,
        `rounds.0.${part}.norms.0.bias [4] other`,
      ]),
    ]);
  });

  it('cannot be read by globals that are off', () => {
    const graph = new Graph();
    const shape = { kind: 'graphs', nodeWidth: 5, edgeWidth: 2, nodes: 9, edges: 20 } as const;
    const inputs = symbolicInputs(graph, shape, 3);
    if (inputs.kind !== 'graphs') throw new Error('no graphs');
    const spec = { ...base, globals: 'off', readout: 'global' } as const;
    expect(() => graphNetwork(new ModelBuilder(graph, new Parameters()), spec, inputs, 1)).toThrow(
      'model.readout: global needs globals on; they are off',
    );
  });
});
