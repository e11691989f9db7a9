/** What layers write down for K-FAC, and that patches are written down only when asked for. */
import { describe, expect, it } from 'vitest';
import { Region } from '../../gpu-kernels/region.ts';
import { Graph } from '../program/graph.ts';
import { Parameters } from '../program/parameters.ts';
import { ModelBuilder } from './model-builder.ts';
import { describeLayers, describeParameters } from './test-model.ts';

function build() {
  const graph = new Graph();
  const parameters = new Parameters();
  const builder = new ModelBuilder(graph, parameters);
  const image = graph.leaf('image', [2, 6, 5, 4], new Region('image', 2 * 6 * 5 * 4 * 4));
  return { graph, parameters, builder, image };
}

describe('a convolution layer', () => {
  it('has its patches as input, added in the phase that first asks for them', () => {
    const { graph, builder, image } = build();
    builder.convolution('c', image, 8, { kernel: 3, stride: 2, padding: 1 });
    expect(graph.nodes.some(({ operation }) => operation.name === 'unfold')).toBe(false);
    const [use] = builder.layers[0]?.uses ?? [];
    const input = graph.inPhase('factors', () => use?.input);
    expect(input?.shape).toEqual([2, 9, 36]);
    expect(input?.node.phase).toBe('factors');
    expect(use?.input).toBe(input);
  });

  it('has an output whose gradient G is made of, one row per position', () => {
    const { builder, image } = build();
    const output = builder.convolution('c', image, 8, { kernel: [1, 3] });
    const positions = { kind: 'dense', examples: 2, perExample: 18, mask: null };
    expect(builder.layers[0]).toMatchObject({ inputs: 12, outputs: 8, uses: [{ output, positions }] });
    expect(output.shape).toEqual([2, 6, 3, 8]);
  });

  it('of several groups is one layer whose inputs are those of a group', () => {
    const { builder, parameters, image } = build();
    builder.convolution('c', image, 8, { kernel: 3 }, { groups: 4 });
    expect(builder.layers[0]).toMatchObject({ inputs: 9, outputs: 8, groups: 4 });
    expect(builder.layers[0]?.uses[0]?.input?.shape).toEqual([2, 12, 36]);
    expect(describeParameters(parameters)).toEqual(['c.weight [8, 1, 3, 3] weight', 'c.bias [8] bias']);
  });
});

describe('a layer that is used again', () => {
  const rows = (graph: Graph, label: string, shape: number[]) =>
    graph.leaf(
      label,
      shape,
      new Region(
        label,
        shape.reduce((a, b) => a * b, 4),
      ),
    );

  it('is the same layer with one more use, whose positions are its own', () => {
    const { graph, builder, parameters } = build();
    const first = builder.linear('tied', rows(graph, 'x', [2, 3, 4]), 5);
    const second = builder.linear('tied', rows(graph, 'y', [2, 7, 4]), 5);
    expect(builder.layers).toHaveLength(1);
    expect(builder.layers[0]?.uses.map(({ output }) => output)).toEqual([first, second]);
    expect(describeLayers(builder)).toEqual(['tied 4 -> 5, shared 10 times']);
    expect(parameters.all).toHaveLength(2);
  });

  it('cannot have its bias in one place only', () => {
    const { graph, builder } = build();
    const x = rows(graph, 'x', [2, 3, 4]);
    builder.linear('tied', x, 5);
    expect(() => builder.linear('tied', x, 5, { bias: false })).toThrow(
      'tied is used twice in different ways',
    );
  });
});

describe('ragged rows', () => {
  it('belong to examples by their offsets, which must be u32', () => {
    const { graph, builder } = build();
    const x = graph.leaf('x', [9, 4], new Region('x', 144));
    const offsets = graph.leaf('offsets', [4], new Region('offsets', 16), 'u32');
    builder.linear('nodes', x, 5, { offsets });
    expect(builder.layers[0]?.uses[0]?.positions).toEqual({ kind: 'ragged', examples: 3, offsets });
    expect(describeLayers(builder)).toEqual(['nodes 4 -> 5, shared 3 times']);
    expect(() => builder.linear('other', x, 5, { offsets: x })).toThrow('other reads [9, 4] by f32 offsets');
  });
});

describe('an embedding', () => {
  it.each([false, true])('is a K-FAC layer where that is asked for: %s', (embeddingsAreLayers) => {
    const graph = new Graph();
    const parameters = new Parameters();
    const builder = new ModelBuilder(graph, parameters, 'training', { embeddingsAreLayers });
    const ids = graph.leaf('ids', [2, 3], new Region('ids', 24), 'u32');
    expect(builder.embedding('tokens', ids, 11, 4).shape).toEqual([2, 3, 4]);
    expect(describeParameters(parameters)).toEqual([
      `tokens.weight [11, 4] ${embeddingsAreLayers ? 'weight' : 'other'}`,
    ]);
    expect(describeLayers(builder)).toEqual(embeddingsAreLayers ? ['tokens 11 -> 4, shared 3 times'] : []);
  });
});
