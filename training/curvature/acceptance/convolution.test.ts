/** Convolutions as linear layers on patches: KFC under expand, averaged patches under reduce, a pair of factors per group. */
import { describe, expect, it } from 'vitest';
import { tanh } from '../../program/operations/elementwise.ts';
import { crossEntropy } from '../../program/operations/loss.ts';
import { meanAxes } from '../../program/operations/reduce.ts';
import { noise } from '../../program/test-program.ts';
import { matrix, type Matrix } from '../test-reference.ts';
import { expectClose } from './test-close.ts';
import { factorsOf, valueOf, type FactorCase } from './test-factors.ts';
import {
  byExample,
  crossEntropyColumns,
  kron,
  ReferenceNet,
  scaled,
  secondMoment,
  sum,
} from './test-reference-net.ts';

interface Conv {
  image: [N: number, H: number, W: number, C: number];
  channels: number;
  kernel: number;
  stride: number;
  padding: number;
  dilation: number;
  groups: number;
}

const plain = { kernel: 3, stride: 1, padding: 1, dilation: 1, groups: 1 };
const classes = 3;

const build =
  (conv: Conv, x: Float64Array): FactorCase['build'] =>
  (builder, leaf) => {
    const { groups, channels, image, ...window } = conv;
    const z = builder.convolution('conv', leaf(x, image), channels, window, { groups });
    const labels = Uint32Array.from({ length: image[0] }, (_, n) => n % classes);
    const pooled = meanAxes(tanh(z), 1, 2);
    return crossEntropy(builder.linear('head', pooled, classes), leaf(labels, [image[0]]));
  };

const side = (length: number, { kernel, stride, padding, dilation }: Conv) =>
  Math.floor((length + 2 * padding - dilation * (kernel - 1) - 1) / stride) + 1;

/** Patches [N * T, width] of the channels of one group, columns (channel, row, column). */
function patches(conv: Conv, x: Float64Array, group: number): { data: Float64Array; width: number } {
  const { image, kernel, stride, padding, dilation, groups } = conv;
  const [N, H, W, C] = image;
  const [high, wide, own] = [side(H, conv), side(W, conv), C / groups];
  const width = own * kernel ** 2;
  const data = Float64Array.from({ length: N * high * wide * width }, (_, i) => {
    const [row, column] = [Math.floor(i / width), i % width];
    const n = Math.floor(row / (high * wide));
    const c = group * own + Math.floor(column / kernel ** 2);
    const h = (Math.floor(row / wide) % high) * stride + (Math.floor(column / kernel) % kernel) * dilation;
    const w = (row % wide) * stride + (column % kernel) * dilation;
    const [y, z] = [h - padding, w - padding];
    const inside = y >= 0 && y < H && z >= 0 && z < W;
    return inside ? (x[((n * H + y) * W + z) * C + c] ?? NaN) : 0;
  });
  return { data, width };
}

/** The net with every group as a layer of its own, `group 0` and so on. */
function reference(conv: Conv, x: Float64Array): ReferenceNet {
  const { image, channels, groups } = conv;
  const [N, H, W] = image;
  const T = side(H, conv) * side(W, conv);
  const own = channels / groups;
  return new ReferenceNet(
    (name, count) => {
      const part = /^group (\d+)\.(.*)$/.exec(name);
      if (!part) return valueOf({}, name, count);
      const k = Number(part[1]);
      return valueOf({}, `conv.${part[2] ?? ''}`, count * groups).slice(k * count, (k + 1) * count);
    },
    (tape) => {
      const counts = new Array<number>(N).fill(T);
      const parts = Array.from({ length: groups }, (_, k) =>
        tape.linear(`group ${k}`, { ...patches(conv, x, k), counts }, own),
      );
      const pooled = new Float64Array(N * channels);
      parts.forEach((z, k) =>
        z.forEach((value, i) => {
          const at = Math.floor(i / (T * own)) * channels + k * own + (i % own);
          pooled[at] = (pooled[at] ?? NaN) + Math.tanh(value) / T;
        }),
      );
      return tape.linear(
        'head',
        { data: pooled, width: channels, counts: new Array<number>(N).fill(1) },
        classes,
      );
    },
  );
}

const kinds: [name: string, conv: Conv][] = [
  ['plain', { ...plain, image: [3, 5, 4, 2], channels: 4 }],
  ['with stride', { ...plain, image: [2, 7, 6, 3], channels: 5, stride: 2 }],
  ['dilated and padded', { ...plain, image: [3, 6, 7, 4], channels: 3, dilation: 2, padding: 2 }],
  ['in two groups', { ...plain, image: [3, 5, 5, 4], channels: 6, groups: 2 }],
  ['depthwise, with stride', { ...plain, image: [4, 6, 6, 4], channels: 4, groups: 4, stride: 2 }],
];

describe('acceptance 7: convolutions', () => {
  it.each(kinds)('expand is KFC up to how the two sides share a factor: %s', async (_, conv) => {
    const x = noise(
      conv.image.reduce((a, b) => a * b, 1),
      1,
    );
    const { of } = await factorsOf({ build: build(conv, x), fisher: 'type2', flavour: 'expand' });
    const net = reference(conv, x);
    const [N, H, W] = conv.image;
    const T = side(H, conv) * side(W, conv);
    const columns = crossEntropyColumns(net.outputs, classes);
    const own = conv.channels / conv.groups;
    for (let k = 0; k < conv.groups; k++) {
      const number = conv.groups > 1 ? ` (${k + 1} of ${conv.groups})` : '';
      const [A, G] = [of(`A of conv${number}`), of(`G of conv${number}`)];
      const omega = secondMoment(net.input(`group ${k}`), 1 / N);
      const gamma = sum(
        columns.map((vector) => secondMoment(net.pullBack(`group ${k}`, own, vector), 1 / (N * T))),
      );
      expectClose(scaled(A, T).data, omega.data, 1e-5, 'Omega = T A');
      expectClose(G.data, scaled(gamma, T).data, 1e-5, 'G = T Gamma');
      expectClose(kron(G, A).data, kron(gamma, omega).data, 1e-5, 'block');
    }
  });

  it.each(kinds)('reduce is made of the mean patch and the summed gradient: %s', async (_, conv) => {
    const x = noise(
      conv.image.reduce((a, b) => a * b, 1),
      1,
    );
    const { of } = await factorsOf({ build: build(conv, x), fisher: 'type2', flavour: 'reduce' });
    const net = reference(conv, x);
    const [N, H, W] = conv.image;
    const T = side(H, conv) * side(W, conv);
    const columns = crossEntropyColumns(net.outputs, classes);
    const own = conv.channels / conv.groups;
    for (let k = 0; k < conv.groups; k++) {
      const number = conv.groups > 1 ? ` (${k + 1} of ${conv.groups})` : '';
      const counts = net.counts(`group ${k}`);
      const means = byExample(net.input(`group ${k}`), counts, () => 1 / T);
      expectClose(of(`A of conv${number}`).data, secondMoment(means, 1 / N).data, 1e-5, `A ${k}`);
      const gradients = columns.map((vector) => byExample(net.pullBack(`group ${k}`, own, vector), counts));
      const G = sum(gradients.map((g) => secondMoment(g, 1 / N)));
      expectClose(of(`G of conv${number}`).data, G.data, 1e-5, `G ${k}`);
    }
  });

  it('has the known factors of a ramp', async () => {
    const ramp = Float64Array.from({ length: 16 }, (_, i) => i);
    const conv: Conv = { ...plain, image: [1, 4, 4, 1], channels: 2, kernel: 2, padding: 0 };
    const A = async (flavour: 'expand' | 'reduce') =>
      (await factorsOf({ build: build(conv, ramp), fisher: 'empirical', flavour })).of('A of conv');
    const patch = [5, 6, 9, 10, 1];
    const outer = matrix(5, 5, (i, j) => (patch[i] ?? NaN) * (patch[j] ?? NaN));
    expectClose((await A('reduce')).data, outer.data, 1e-6);
    const nine = [
      [327, 372, 507, 552],
      [372, 426, 588, 642],
      [507, 588, 831, 912],
      [552, 642, 912, 1002],
    ];
    const expand: Matrix = await A('expand');
    const withBias = matrix(5, 5, (i, j) =>
      i < 4 && j < 4 ? (nine[i]?.[j] ?? NaN) / 9 : (patch[Math.min(i, j)] ?? NaN),
    );
    withBias.data[24] = 1;
    expectClose(expand.data, withBias.data, 1e-6);
  });

  it('writes down no patches for reduce', async () => {
    const conv: Conv = { ...plain, image: [2, 5, 4, 2], channels: 4 };
    const one = { build: build(conv, noise(80, 1)), fisher: 'empirical' } as const;
    expect((await factorsOf({ ...one, flavour: 'expand' })).kernels).toContain('unfold');
    expect((await factorsOf({ ...one, flavour: 'reduce' })).kernels).not.toContain('unfold');
  });
});
