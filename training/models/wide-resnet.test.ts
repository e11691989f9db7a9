/** What a Wide ResNet declares: PyTorch's names and shapes, and how often each filter is applied. */
import { describe, expect, it } from 'vitest';
import { Region } from '../../gpu-kernels/region.ts';
import { Graph, size } from '../program/graph.ts';
import { Parameters } from '../program/parameters.ts';
import { ModelBuilder } from './model-builder.ts';
import { describeLayers, describeParameters } from './test-model.ts';
import { wideResNet, type WideResNetSpec } from './wide-resnet.ts';

function trace(spec: WideResNetSpec, images: readonly number[], classes: number) {
  const graph = new Graph();
  const parameters = new Parameters();
  const builder = new ModelBuilder(graph, parameters);
  const leaf = graph.leaf('images', images, new Region('images', size(images) * 4));
  return { parameters, builder, logits: wideResNet(builder, spec, leaf, classes) };
}

describe('wide resnet', () => {
  it('has the layers of WRN-10-1 on 28 x 28 images', () => {
    const { builder, logits } = trace({ depth: 10, width: 1, norm: 'batch' }, [5, 1, 28, 28], 10);
    expect(describeLayers(builder)).toEqual([
      'conv1 9 -> 16, shared 784 times',
      'block1.layer.0.conv1 144 -> 16, shared 784 times',
      'block1.layer.0.conv2 144 -> 16, shared 784 times',
      'block2.layer.0.conv1 144 -> 32, shared 196 times',
      'block2.layer.0.conv2 288 -> 32, shared 196 times',
      'block2.layer.0.convShortcut 16 -> 32, shared 196 times',
      'block3.layer.0.conv1 288 -> 64, shared 49 times',
      'block3.layer.0.conv2 576 -> 64, shared 49 times',
      'block3.layer.0.convShortcut 32 -> 64, shared 49 times',
      'fc 64 -> 10, shared 1 times',
    ]);
    expect(logits.shape).toEqual([5, 10]);
  });

  it('has the published number of parameters: WRN-16-4 on colour images has 2,748,890', () => {
    const { parameters } = trace({ depth: 16, width: 4, norm: 'batch' }, [1, 3, 32, 32], 10);
    expect(parameters.count).toBe(2_748_890);
    const names = describeParameters(parameters);
    expect(names).toContain('block3.layer.1.conv2.weight [256, 256, 3, 3] weight');
    expect(names).toContain('block2.layer.0.convShortcut.weight [128, 64, 1, 1] weight');
    expect(names.filter((name) => /layer\.1\.convShortcut|conv.*bias/.test(name))).toEqual([]);
    expect(parameters.buffers.length).toBe(2 * 13);
  });

  it('keeps no running statistics with group norm', () => {
    const { parameters } = trace({ depth: 10, width: 2, norm: 'group' }, [2, 1, 8, 8], 10);
    expect(parameters.buffers).toEqual([]);
  });

  it.each([9, 4, 12])('refuses a depth of %i', (depth) => {
    expect(() => trace({ depth, width: 1, norm: 'batch' }, [2, 1, 8, 8], 10)).toThrow(
      `depth of 6 n + 4, such as 10, 16, 22 or 28; ${depth} is not one`,
    );
  });
});
