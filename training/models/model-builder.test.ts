/** What a convolution writes down for K-FAC, and that it is written down only when asked for. */
import { describe, expect, it } from 'vitest';
import { Region } from '../../gpu-kernels/region.ts';
import { Graph } from '../program/graph.ts';
import { Parameters } from '../program/parameters.ts';
import { ModelBuilder } from './model-builder.ts';
import { describeParameters } from './test-model.ts';

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
    const [layer] = builder.layers;
    const input = graph.inPhase('factors', () => layer?.input);
    expect(input?.shape).toEqual([2, 9, 36]);
    expect(input?.node.phase).toBe('factors');
    expect(layer?.input).toBe(input);
  });

  it('has an output whose gradient G is made of, one row per position', () => {
    const { builder, image } = build();
    const output = builder.convolution('c', image, 8, { kernel: [1, 3] });
    expect(builder.layers[0]).toMatchObject({ output, source: image, inputs: 12, outputs: 8, sharing: 18 });
    expect(output.shape).toEqual([2, 6, 3, 8]);
  });

  it('of several groups is no layer to K-FAC, and its parameters no layer’s', () => {
    const { builder, parameters, image } = build();
    builder.convolution('c', image, 8, { kernel: 3 }, true, 4);
    expect(builder.layers).toEqual([]);
    expect(describeParameters(parameters)).toEqual(['c.weight [8, 1, 3, 3] other', 'c.bias [8] other']);
  });
});
