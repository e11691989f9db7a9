/** Linear layers on inputs with several axes between examples and features: all of them together are its positions. */
import { describe, expect, it } from 'vitest';
import { tanh } from '../../program/operations/elementwise.ts';
import { crossEntropy } from '../../program/operations/loss.ts';
import { meanAxes } from '../../program/operations/reduce.ts';
import { noise } from '../../program/test-program.ts';
import { expectClose } from './test-close.ts';
import { factorsOf, valueOf, type FactorCase } from './test-factors.ts';
import {
  byExample,
  crossEntropyColumns,
  ReferenceNet,
  scaled,
  secondMoment,
  sum,
} from './test-reference-net.ts';

const [N, D, H, C] = [3, 4, 5, 3];

interface Axes {
  middle: readonly number[];
  /** How many of the middle axes, from the last, are averaged before the loss. */
  pooled: number;
}

const product = (sides: readonly number[]) => sides.reduce((a, b) => a * b, 1);

function build({ middle, pooled }: Axes, x: Float64Array): FactorCase['build'] {
  return (builder, leaf) => {
    const h = tanh(builder.linear('first', leaf(x, [N, ...middle, D]), H));
    const z = builder.linear('second', h, C);
    expect(z.shape).toEqual([N, ...middle, C]);
    const kept = middle.slice(0, middle.length - pooled);
    const labels = Uint32Array.from({ length: N * product(kept) }, (_, i) => (i * i) % C);
    const outputs = pooled > 0 ? meanAxes(z, 1 + kept.length, middle.length) : z;
    return crossEntropy(outputs, leaf(labels, [N, ...kept]));
  };
}

function reference({ middle, pooled }: Axes, x: Float64Array): ReferenceNet {
  const R = product(middle);
  const window = product(middle.slice(middle.length - pooled));
  const counts = new Array<number>(N).fill(R);
  return new ReferenceNet(
    (name, count) => valueOf({}, name, count),
    (tape) => {
      const h = tape.linear('first', { data: x, width: D, counts }, H).map(Math.tanh);
      const z = tape.linear('second', { data: h, width: H, counts }, C);
      return Float64Array.from({ length: (N * R * C) / window }, (_, at) => {
        const [m, c] = [Math.floor(at / C), at % C];
        let total = 0;
        for (let r = 0; r < window; r++) total += z[(m * window + r) * C + c] ?? NaN;
        return total / window;
      });
    },
  );
}

describe.each([
  ['two axes, averaged', { middle: [2, 3], pooled: 2 }],
  ['three axes, averaged', { middle: [2, 3, 2], pooled: 3 }],
  ['two axes, a loss term at each', { middle: [3, 2], pooled: 0 }],
  ['three axes, a loss term for each of the first', { middle: [2, 2, 3], pooled: 2 }],
] as const)('a linear layer with middle axes: %s', (_, axes) => {
  const x = noise(N * product(axes.middle) * D, 1);
  const R = product(axes.middle);

  it.each(['expand', 'reduce'] as const)('has the factors of %s over all its positions', async (flavour) => {
    const { of } = await factorsOf({ build: build(axes, x), fisher: 'type2', flavour });
    const net = reference(axes, x);
    const columns = crossEntropyColumns(net.outputs, C);
    const M = net.outputs.length / C;
    for (const [name, outputs] of [
      ['first', H],
      ['second', C],
    ] as const) {
      const counts = net.counts(name);
      const rows = flavour === 'expand' ? net.input(name) : byExample(net.input(name), counts, () => 1 / R);
      const gradients = columns.map((vector) => net.pullBack(name, outputs, vector));
      const sent = flavour === 'expand' ? gradients : gradients.map((g) => byExample(g, counts));
      const G = scaled(sum(sent.map((g) => secondMoment(g, 1))), 1 / M);
      expectClose(of(`A of ${name}`).data, secondMoment(rows, 1 / rows.rows).data, 1e-5, `A of ${name}`);
      expectClose(of(`G of ${name}`).data, G.data, 1e-5, `G of ${name}`);
    }
  });
});
