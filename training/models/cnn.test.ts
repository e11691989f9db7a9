/** What a convolutional net declares: filters in PyTorch's layout, and how often each is applied to an image. */
import { describe, expect, it } from 'vitest';
import { describeLayers, describeParameters, traceModel } from './test-model.ts';

describe('cnn', () => {
  it('declares 3 x 3 filters [channels, C, 3, 3] with biases, and a head over the pooled channels', () => {
    const { parameters, logits } = traceModel({ kind: 'cnn', channels: [4, 6, 8] }, [5, 3, 8, 8], 10);
    expect(describeParameters(parameters)).toEqual([
      'convolutions.0.weight [4, 3, 3, 3] weight',
      'convolutions.0.bias [4] bias',
      'convolutions.1.weight [6, 4, 3, 3] weight',
      'convolutions.1.bias [6] bias',
      'convolutions.2.weight [8, 6, 3, 3] weight',
      'convolutions.2.bias [8] bias',
      'head.weight [10, 8] weight',
      'head.bias [10] bias',
    ]);
    expect(parameters.count).toBe(27 * 4 + 4 + 36 * 6 + 6 + 54 * 8 + 8 + 80 + 10);
    expect(logits.shape).toEqual([5, 10]);
  });

  it('keeps the size in the first convolution, halves it in each later one, and shares filters over all pixels', () => {
    const { builder } = traceModel({ kind: 'cnn', channels: [4, 6, 8] }, [5, 3, 7, 6], 2);
    expect(describeLayers(builder)).toEqual([
      'convolutions.0 27 -> 4, shared 42 times',
      'convolutions.1 36 -> 6, shared 12 times',
      'convolutions.2 54 -> 8, shared 4 times',
      'head 8 -> 2, shared 1 times',
    ]);
  });
});
