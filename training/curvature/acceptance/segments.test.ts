/** Examples of different sizes, padding, masks, and weights that are used more than once. */
import { describe, expect, it } from 'vitest';
import type { ModelBuilder } from '../../models/model-builder.ts';
import type { Tensor } from '../../program/graph.ts';
import { add, multiply, tanh } from '../../program/operations/elementwise.ts';
import { concat } from '../../program/operations/concat.ts';
import { crossEntropy, meanSquaredError } from '../../program/operations/loss.ts';
import { meanAxes, sumAxes } from '../../program/operations/reduce.ts';
import { segmentMean, segmentSum } from '../../program/operations/segments.ts';
import { noise, type Leaf } from '../../program/test-program.ts';
import type { ReduceConvention } from '../factor-rows.ts';
import { expectClose } from './test-close.ts';
import { factorsOf, valueOf, type FactorCase } from './test-factors.ts';
import {
  byExample,
  distance,
  exactBlock,
  kron,
  ReferenceNet,
  secondMoment,
  squaredErrorColumns,
  sum,
} from './test-reference-net.ts';

const [D, H, C] = [3, 4, 2];
/** One example has no rows: a graph without edges. */
const counts = [3, 1, 0, 5, 2];
const N = counts.length;
const total = counts.reduce((a, b) => a + b, 0);
const x = noise(total * D, 1);
const targets = noise(N * C, 2);
const offsetsOf = (sizes: readonly number[]) =>
  Uint32Array.from([0, ...sizes.map((_, n) => sizes.slice(0, n + 1).reduce((a, b) => a + b, 0))]);

/** A deep linear net on ragged rows, with rubbish in the rows that are padding. */
function ragged(pool: 'mean' | 'sum', padding = 0): FactorCase['build'] {
  return (builder, leaf) => {
    const offsets = leaf(offsetsOf(counts), [N + 1]);
    const rows = Float64Array.from([...x, ...noise(padding * D, 9).map((value) => 100 * value)]);
    const h = builder.linear('first', leaf(rows, [total + padding, D]), H, { offsets });
    const z = builder.linear('second', h, C, { offsets });
    const pooled = pool === 'mean' ? segmentMean(z, offsets) : segmentSum(z, offsets);
    return meanSquaredError(pooled, leaf(targets, [N, C]));
  };
}

function reference(pool: 'mean' | 'sum'): ReferenceNet {
  return new ReferenceNet(
    (name, count) => valueOf({}, name, count),
    (tape) => {
      const h = tape.linear('first', { data: x, width: D, counts }, H);
      const z = tape.linear('second', { data: h, width: H, counts }, C);
      const outputs = new Float64Array(N * C);
      let row = 0;
      counts.forEach((count, n) => {
        for (let r = 0; r < count; r++, row++)
          for (let c = 0; c < C; c++) {
            const share = (z[row * C + c] ?? NaN) / (pool === 'mean' ? count : 1);
            outputs[n * C + c] = (outputs[n * C + c] ?? NaN) + share;
          }
      });
      return outputs;
    },
  );
}

const layers = [
  ['first', H],
  ['second', C],
] as const;

describe('acceptance 14: segments', () => {
  it.each(['mean', 'sum'] as const)(
    'reduce is made of means and sums per example: pooled by %s',
    async (pool) => {
      const { of } = await factorsOf({ build: ragged(pool), fisher: 'type2', flavour: 'reduce' });
      const net = reference(pool);
      const columns = squaredErrorColumns(net.outputs, C);
      const nonEmpty = counts.filter((count) => count > 0).length;
      for (const [name, width] of layers) {
        const means = byExample(net.input(name), counts, (n) => 1 / (counts[n] ?? NaN));
        expectClose(of(`A of ${name}`).data, secondMoment(means, 1 / nonEmpty).data, 1e-5, `A of ${name}`);
        const G = sum(
          columns.map((vector) => secondMoment(byExample(net.pullBack(name, width, vector), counts), 1 / N)),
        );
        expectClose(of(`G of ${name}`).data, G.data, 1e-5, `G of ${name}`);
      }
    },
  );

  it('expand divides by all real rows alike', async () => {
    const { of } = await factorsOf({ build: ragged('mean'), fisher: 'type2', flavour: 'expand' });
    const net = reference('mean');
    const columns = squaredErrorColumns(net.outputs, C);
    for (const [name, width] of layers) {
      expectClose(
        of(`A of ${name}`).data,
        secondMoment(net.input(name), 1 / total).data,
        1e-5,
        `A of ${name}`,
      );
      const G = sum(columns.map((vector) => secondMoment(net.pullBack(name, width, vector), 1 / N)));
      expectClose(of(`G of ${name}`).data, G.data, 1e-5, `G of ${name}`);
    }
  });

  const conventions: [pool: 'mean' | 'sum', convention: ReduceConvention, isExact: boolean][] = [
    ['mean', 'meanA_sumG', true],
    ['sum', 'sumA_meanG', true],
    ['mean', 'sumA_meanG', false],
    ['sum', 'meanA_sumG', false],
  ];
  it.each(conventions)('pooled by %s, %s is exact: %s', async (pool, convention, isExact) => {
    const { of } = await factorsOf({ build: ragged(pool), fisher: 'type2', flavour: 'reduce', convention });
    const net = reference(pool);
    const columns = squaredErrorColumns(net.outputs, C);
    for (const [name, width] of layers) {
      const exact = exactBlock(net, name, width, columns, 1 / N);
      const error = distance(kron(of(`G of ${name}`), of(`A of ${name}`)), exact);
      if (isExact) expect(error, name).toBeLessThan(1e-5);
      else expect(error, name).toBeGreaterThan(0.1);
    }
  });
});

describe('acceptance 14: padding', () => {
  it.each(['expand', 'reduce'] as const)('behind the rows changes nothing: %s', async (flavour) => {
    for (const fisher of ['type2', 'empirical'] as const) {
      const bare = await factorsOf({ build: ragged('mean'), fisher, flavour });
      const padded = await factorsOf({ build: ragged('mean', 6), fisher, flavour });
      for (const [name] of layers) {
        for (const side of ['A', 'G']) {
          const factor = `${side} of ${name}`;
          expectClose(padded.of(factor).data, bare.of(factor).data, 1e-6, factor);
        }
      }
    }
  });

  /** The same examples in a dense tensor whose further positions a mask takes out. */
  const masked: FactorCase['build'] = (builder, leaf) => {
    const most = Math.max(...counts);
    const mask = Float64Array.from({ length: N * most }, (_, i) =>
      i % most < (counts[Math.floor(i / most)] ?? 0) ? 1 : 0,
    );
    const starts = offsetsOf(counts);
    const rows = Float64Array.from({ length: N * most * D }, (_, i) => {
      const [position, j] = [Math.floor(i / D), i % D];
      const row = (starts[Math.floor(position / most)] ?? 0) + (position % most);
      return mask[position] === 1 ? (x[row * D + j] ?? NaN) : 77;
    });
    const maskLeaf = leaf(mask, [N, most]);
    const h = builder.linear('first', leaf(rows, [N, most, D]), H, { mask: maskLeaf });
    const z = builder.linear('second', h, C, { mask: maskLeaf });
    const inverse = Float64Array.from({ length: N * most }, (_, i) => {
      const count = counts[Math.floor(i / most)] ?? 0;
      return i % most < count ? 1 / count : 0;
    });
    return meanSquaredError(weightedSum(builder, z, leaf, inverse), leaf(targets, [N, C]));
  };

  it.each([
    ['expand', 'meanA_sumG'],
    ['reduce', 'meanA_sumG'],
    ['reduce', 'sumA_meanG'],
  ] as const)('by a mask is the same as ragged rows: %s, %s', async (flavour, convention) => {
    const one = { fisher: 'type2', flavour, convention } as const;
    const rows = await factorsOf({ build: ragged('mean'), ...one });
    const dense = await factorsOf({ build: masked, ...one });
    for (const [name] of layers) {
      for (const side of ['A', 'G']) {
        const factor = `${side} of ${name}`;
        expectClose(dense.of(factor).data, rows.of(factor).data, 1e-5, factor);
      }
    }
  });
});

/** Sum over the positions of z [N, R, width], each times its weight. */
function weightedSum(builder: ModelBuilder, z: Tensor, leaf: Leaf, weights: Float64Array) {
  const [examples = 1, positions = 1, width = 1] = z.shape;
  const repeated = Float64Array.from(
    { length: examples * positions * width },
    (_, i) => weights[Math.floor(i / width)] ?? NaN,
  );
  const product = multiply(z, leaf(repeated, z.shape));
  return builder.graph.reshape(sumAxes(product, 1, 1), [examples, width]);
}

describe('acceptance 14: a weight used twice', () => {
  const [E, P, Q] = [4, 3, 2];
  const first = noise(E * P * D, 3);
  const second = noise(E * Q * D, 4);
  const labels = Uint32Array.of(0, 1, 1, 0);
  const concatenated = Float64Array.from({ length: E * (P + Q) * D }, (_, i) => {
    const [n, at] = [Math.floor(i / ((P + Q) * D)), i % ((P + Q) * D)];
    return at < P * D ? (first[n * P * D + at] ?? NaN) : (second[n * Q * D + at - P * D] ?? NaN);
  });

  const twice: FactorCase['build'] = (builder, leaf) => {
    const a = tanh(builder.linear('tied', leaf(first, [E, P, D]), H));
    const b = tanh(builder.linear('tied', leaf(second, [E, Q, D]), H));
    return crossEntropy(builder.linear('head', meanAxes(concat([a, b], 1), 1, 1), C), leaf(labels, [E]));
  };
  const once: FactorCase['build'] = (builder, leaf) => {
    const h = tanh(builder.linear('tied', leaf(concatenated, [E, P + Q, D]), H));
    return crossEntropy(builder.linear('head', meanAxes(h, 1, 1), C), leaf(labels, [E]));
  };

  it.each([
    ['expand', 'type2'],
    ['reduce', 'type2'],
    ['expand', 'empirical'],
    ['reduce', 'empirical'],
  ] as const)('equals the positions of both uses one after another: %s, %s', async (flavour, fisher) => {
    const [apart, together] = [
      await factorsOf({ build: twice, fisher, flavour }),
      await factorsOf({ build: once, fisher, flavour }),
    ];
    expect(apart.set.layers).toHaveLength(2);
    for (const name of ['A of tied', 'G of tied', 'A of head', 'G of head']) {
      expectClose(apart.of(name).data, together.of(name).data, 1e-5, name);
    }
  });

  it.each(['expand', 'reduce'] as const)(
    'counts real positions where one use is ragged: %s',
    async (flavour) => {
      const sizes = [2, 0, 1, 3];
      const rows = noise(6 * D, 5);
      const build: FactorCase['build'] = (builder, leaf) => {
        const offsets = leaf(offsetsOf(sizes), [E + 1]);
        const a = meanAxes(builder.linear('tied', leaf(first, [E, P, D]), H), 1, 1);
        const b = segmentSum(builder.linear('tied', leaf(rows, [6, D]), H, { offsets }), offsets);
        return crossEntropy(builder.linear('head', add(a, b), C), leaf(labels, [E]));
      };
      const { of } = await factorsOf({ build, fisher: 'empirical', flavour });
      const net = new ReferenceNet(
        (name, count) => valueOf({}, name, count),
        (tape) => {
          tape.linear(
            'tied',
            { data: first, width: D, counts: new Array<number>(E).fill(P) },
            H,
            true,
            'dense',
          );
          tape.linear('tied', { data: rows, width: D, counts: sizes }, H, true, 'ragged');
          return new Float64Array(C);
        },
      );
      const all = [net.input('dense'), net.input('ragged')] as const;
      const both = sizes.map((count) => count + P);
      const expected =
        flavour === 'expand'
          ? sum(all.map((a) => secondMoment(a, 1 / (E * P + 6))))
          : secondMoment(
              sum([
                byExample(all[0], net.counts('dense'), (n) => 1 / (both[n] ?? NaN)),
                byExample(all[1], sizes, (n) => 1 / (both[n] ?? NaN)),
              ]),
              1 / E,
            );
      expectClose(of('A of tied').data, expected.data, 1e-5);
    },
  );
});
