/** What an MLP declares: names and layouts as in PyTorch, and the widths K-FAC's factors will have. */
import { describe, expect, it } from 'vitest';
import { describeLayers, describeParameters, traceModel } from './test-model.ts';

const activation = 'relu';

describe('mlp', () => {
  it('declares one weight and one bias per layer, the first over all pixels of the image', () => {
    const { parameters, builder, logits } = traceModel(
      { kind: 'mlp', hidden: [5, 7], activation },
      [6, 2, 4, 3],
      10,
    );
    expect(describeParameters(parameters)).toEqual([
      'layers.0.weight [5, 24] weight',
      'layers.0.bias [5] bias',
      'layers.1.weight [7, 5] weight',
      'layers.1.bias [7] bias',
      'head.weight [10, 7] weight',
      'head.bias [10] bias',
    ]);
    expect(describeLayers(builder)).toEqual([
      'layers.0 24 -> 5, shared 1 times',
      'layers.1 5 -> 7, shared 1 times',
      'head 7 -> 10, shared 1 times',
    ]);
    expect(parameters.count).toBe(24 * 5 + 5 + 5 * 7 + 7 + 7 * 10 + 10);
    expect(logits.shape).toEqual([6, 10]);
  });

  it('puts the chosen activation behind every hidden layer and none behind the head', () => {
    for (const kind of ['relu', 'tanh', 'gelu'] as const) {
      const { builder, logits } = traceModel(
        { kind: 'mlp', hidden: [3, 3], activation: kind },
        [2, 1, 2, 2],
        2,
      );
      expect(builder.layers.map(({ uses }) => uses[0]?.input?.label)).toEqual(['images', kind, kind]);
      expect(logits).toBe(builder.layers.at(-1)?.uses[0]?.output);
    }
  });
});
