/** What a Wide ResNet declares: PyTorch's names and shapes, and how often each filter is applied. */
import { describe, expect, it } from 'vitest';
import { Region } from '../../gpu-kernels/region.ts';
import { Graph, size } from '../program/graph.ts';
import type { Tape } from '../curvature/acceptance/test-reference-net.ts';
import { initialValues } from '../loop/trainer.ts';
import { meanSquaredError } from '../program/operations/loss.ts';
import { Parameters } from '../program/parameters.ts';
import { noise } from '../program/test-program.ts';
import { ModelBuilder } from './model-builder.ts';
import { checkPass, type CheckedModel } from './test-check-model.ts';
import { describeLayers, describeParameters } from './test-model.ts';
import { meanRows, reluOf } from './test-reference-layers.ts';
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
    const { builder, logits } = trace(
      { kind: 'wide-resnet', depth: 10, width: 1, norm: 'batch' },
      [5, 1, 28, 28],
      10,
    );
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
    const { parameters } = trace(
      { kind: 'wide-resnet', depth: 16, width: 4, norm: 'batch' },
      [1, 3, 32, 32],
      10,
    );
    expect(parameters.count).toBe(2_748_890);
    const names = describeParameters(parameters);
    expect(names).toContain('block3.layer.1.conv2.weight [256, 256, 3, 3] weight');
    expect(names).toContain('block2.layer.0.convShortcut.weight [128, 64, 1, 1] weight');
    expect(names.filter((name) => /layer\.1\.convShortcut|conv.*bias/.test(name))).toEqual([]);
    expect(parameters.buffers.length).toBe(2 * 13);
  });

  it('keeps no running statistics with group norm', () => {
    const { parameters } = trace(
      { kind: 'wide-resnet', depth: 10, width: 2, norm: 'group' },
      [2, 1, 8, 8],
      10,
    );
    expect(parameters.buffers).toEqual([]);
  });

  it.each([9, 4, 12])('refuses a depth of %i', (depth) => {
    expect(() => trace({ kind: 'wide-resnet', depth, width: 1, norm: 'batch' }, [2, 1, 8, 8], 10)).toThrow(
      `depth of 6 n + 4, such as 10, 16, 22 or 28; ${depth} is not one`,
    );
  });

  it('has scalars in the place of norms with Fixup, and starts every branch and the head at zero', () => {
    const { parameters } = trace(
      { kind: 'wide-resnet', depth: 16, width: 1, norm: 'fixup' },
      [2, 1, 8, 8],
      10,
    );
    const others = parameters.all.filter(({ kind }) => kind === 'other');
    expect(others.filter(({ name }) => name.startsWith('block2.layer.1.')).map(({ name }) => name)).toEqual(
      ['bias1a', 'bias1b', 'bias2a', 'bias2b', 'scale', 'bias3'].map((part) => `block2.layer.1.${part}`),
    );
    expect(others.every(({ shape }) => shape.join() === '1')).toBe(true);
    const deviation = (name: string) => {
      const values = initialValues(parameters.get(name), 1);
      return Math.sqrt(values.reduce((sum, v) => sum + v * v, 0) / values.length);
    };
    for (const name of ['block1.layer.0.conv2.weight', 'fc.weight', 'fc.bias', 'bias1']) {
      expect(deviation(name), name).toBe(0);
    }
    expect(deviation('block3.layer.1.scale')).toBe(1);
    // He: sqrt(2 / (9 * 64)); six branches.
    expect(deviation('block3.layer.1.conv1.weight') / Math.sqrt(2 / (9 * 64) / 6)).toBeCloseTo(1, 1);
    expect(deviation('block3.layer.0.convShortcut.weight') / Math.sqrt(2 / 64)).toBeCloseTo(1, 1);
  });
});

describe('a Wide ResNet with Fixup against its definition', () => {
  const spec = { kind: 'wide-resnet', depth: 10, width: 1, norm: 'fixup' } as const;
  const [N, C, side] = [2, 3, 4];
  const pixels = noise(N * side * side, 7);
  const targets = noise(N * C, 8);
  const { parameters } = trace(spec, [N, 1, side, side], C);
  const values = Object.fromEntries(
    parameters.all.map(({ name, shape }, i) => {
      const scale = shape.length > 1 ? 1 / Math.sqrt(size(shape.slice(1))) : 0.5;
      return [name, noise(size(shape), i).map((v) => Math.fround(2 * scale * v))];
    }),
  );
  const model: CheckedModel = {
    build: (builder, leaf) => wideResNet(builder, spec, leaf(pixels, [N, 1, side, side]), C),
    loss: (outputs, leaf) => meanSquaredError(outputs, leaf(targets, [N, C])),
    values,
  };

  interface Image {
    data: Float64Array;
    side: number;
    channels: number;
  }

  const forward = (tape: Tape): Float64Array => {
    const convolve = (name: string, x: Image, channels: number, kernel: 1 | 3, stride: number): Image => {
      const around = kernel === 3 ? 1 : 0;
      const out = Math.floor((x.side + 2 * around - kernel) / stride) + 1;
      const width = x.channels * kernel * kernel;
      const patches = Float64Array.from({ length: N * out * out * width }, (_, at) => {
        const [row, column] = [Math.floor(at / width), at % width];
        const [image, place] = [Math.floor(row / out ** 2), row % out ** 2];
        const [channel, tap] = [Math.floor(column / kernel ** 2), column % kernel ** 2];
        const yy = Math.floor(place / out) * stride + Math.floor(tap / kernel) - around;
        const xx = (place % out) * stride + (tap % kernel) - around;
        if (yy < 0 || xx < 0 || yy >= x.side || xx >= x.side) return 0;
        return x.data[((image * x.side + yy) * x.side + xx) * x.channels + channel]!;
      });
      const counts = new Array<number>(N).fill(out * out);
      return {
        data: tape.linear(name, { data: patches, width, counts }, channels, false),
        side: out,
        channels,
      };
    };
    const shifted = (name: string, x: Image): Image => {
      const [by] = tape.parameter(name, 1);
      return { ...x, data: x.data.map((v) => v + by!) };
    };
    const active = (x: Image): Image => ({ ...x, data: reluOf(x.data) });
    let x = convolve('conv1', { data: pixels, side, channels: 1 }, 16, 3, 1);
    for (const group of [1, 2, 3]) {
      const [name, channels, stride] = [`block${group}.layer.0`, 16 * 2 ** (group - 1), group > 1 ? 2 : 1];
      const first = shifted(`${name}.bias1b`, active(shifted(`${name}.bias1a`, x)));
      const z = convolve(`${name}.conv1`, first, channels, 3, stride);
      const inner = shifted(`${name}.bias2b`, active(shifted(`${name}.bias2a`, z)));
      const end = convolve(`${name}.conv2`, inner, channels, 3, 1);
      const [scale] = tape.parameter(`${name}.scale`, 1);
      const [shift] = tape.parameter(`${name}.bias3`, 1);
      const shortcut = group > 1 ? convolve(`${name}.convShortcut`, first, channels, 1, stride) : x;
      x = { ...end, data: end.data.map((v, i) => v * scale! + shift! + shortcut.data[i]!) };
    }
    const last = active(shifted('bias1', x));
    const pooled = shifted('bias2', {
      ...last,
      data: meanRows(last.data, last.channels, { examples: N, length: last.side ** 2 }),
    });
    return tape.linear('fc', { data: pooled.data, width: last.channels, counts: [1, 1] }, C);
  };

  it('outputs and gradients', () =>
    checkPass(
      model,
      forward,
      (outputs) => outputs.reduce((sum, v, i) => sum + (v - targets[i]!) ** 2, 0) / (N * C),
      1e-5,
      3,
    ));
});
