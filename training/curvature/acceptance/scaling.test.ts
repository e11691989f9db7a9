/** How the factors answer to the scale of the loss, and by how many terms they divide. */
import { describe, expect, it } from 'vitest';
import { scale, tanh } from '../../program/operations/elementwise.ts';
import type { Tensor } from '../../program/graph.ts';
import { binaryCrossEntropy } from '../../program/operations/binary-cross-entropy.ts';
import { crossEntropy, meanSquaredError, summed, type Loss } from '../../program/operations/loss.ts';
import { meanAxes } from '../../program/operations/reduce.ts';
import { noise, type Leaf } from '../../program/test-program.ts';
import { matrix } from '../test-reference.ts';
import { expectClose } from './test-close.ts';
import { factorsOf, valueOf, type FactorCase } from './test-factors.ts';
import { preconditioned } from './test-layer.ts';
import { crossEntropyColumns, ReferenceNet, scaled, secondMoment, sum } from './test-reference-net.ts';

const [N, R, D, C] = [3, 6, 4, 3];
const x = noise(N * R * D, 1);
const targets = noise(N * C, 2);
const drawn = noise(N * C, 3);

/** The squared error times c: outputs and targets times its root. */
function squaredError(c: number): FactorCase['build'] {
  return (builder, leaf) => {
    const z = meanAxes(tanh(builder.linear('layer', leaf(x, [N, R, D]), C)), 1, 1);
    return meanSquaredError(
      scale(z, Math.sqrt(c)),
      leaf(
        targets.map((y) => Math.sqrt(c) * y),
        [N, C],
      ),
    );
  };
}

const net = new ReferenceNet(
  (name, count) => valueOf({}, name, count),
  (tape) => {
    const z = tape.linear('layer', { data: x, width: D, counts: new Array<number>(N).fill(R) }, C);
    return Float64Array.from({ length: N * C }, (_, at) => {
      let total = 0;
      for (let r = 0; r < R; r++) total += Math.tanh(z[(Math.floor(at / C) * R + r) * C + (at % C)] ?? NaN);
      return total / R;
    });
  },
);

/** Labels f + sqrt(1/2) eps of the loss times c, with the same eps for every c. */
const labels = (c: number) =>
  Float64Array.from(net.outputs, (f, i) => Math.sqrt(c) * f + Math.SQRT1_2 * (drawn[i] ?? NaN));

async function factors(fisher: FactorCase['fisher'], flavour: 'expand' | 'reduce', c: number) {
  const { of } = await factorsOf({
    ...{ build: squaredError(c), fisher, flavour },
    program: (leaf) => (fisher === 'mc' ? { labels: leaf(labels(c), [1, N, C]) } : {}),
  });
  return { A: of('A of layer'), G: of('G of layer') };
}

describe('acceptance 8: scaling', () => {
  it.each([
    ['type2', 'expand', 1],
    ['type2', 'reduce', 1],
    ['mc', 'expand', 1],
    ['mc', 'reduce', 1],
    ['empirical', 'expand', 2],
    ['empirical', 'reduce', 2],
  ] as const)('a loss times c has G times c, or c squared: %s, %s', async (fisher, flavour, power) => {
    const c = 4;
    const [one, more] = [await factors(fisher, flavour, 1), await factors(fisher, flavour, c)];
    expectClose(more.A.data, one.A.data, 1e-6, 'A');
    // The draws of `mc` are rounded to f32 before they are compared with outputs.
    expectClose(more.G.data, scaled(one.G, c ** power).data, 1e-5, 'G');
  });

  it.each(['pi', 'exact'] as const)(
    'leaves the step alone when the damping is scaled too: %s',
    async (rule) => {
      const gradient = matrix(C, D + 1, (i, j) => Math.sin(1 + i * 7 + j * 3));
      const [one, more] = [await factors('type2', 'reduce', 1), await factors('type2', 'reduce', 9)];
      const step = async ({ A, G }: typeof one, c: number, damping: number) =>
        (await preconditioned({ A, G, gradient: scaled(gradient, c) }, { rule, damping })).direction;
      const expected = await step(one, 1, 0.01);
      expectClose((await step(more, 9, 0.09)).data, expected.data, 1e-4);
      const unscaled = await step(more, 9, 0.01);
      expect(Math.abs((unscaled.data[0] ?? NaN) / (expected.data[0] ?? NaN) - 1)).toBeGreaterThan(0.01);
    },
  );

  it('divides by the terms of the loss, not by the positions of the layer', async () => {
    // Six positions of the layer, of which the net makes three by averaging pairs: M = 3 N.
    const terms = R / 2;
    const build: FactorCase['build'] = (builder, leaf) => {
      const z = tanh(builder.linear('layer', leaf(x, [N, R, D]), C));
      const pairs = meanAxes(builder.graph.reshape(z, [N, terms, 2, C]), 2, 2);
      const classesOf = Uint32Array.from({ length: N * terms }, (_, i) => i % C);
      return crossEntropy(pairs, leaf(classesOf, [N, terms]));
    };
    const reference = new ReferenceNet(
      (name, count) => valueOf({}, name, count),
      (tape) => {
        const z = tape.linear('layer', { data: x, width: D, counts: new Array<number>(N).fill(R) }, C);
        return Float64Array.from({ length: N * terms * C }, (_, at) => {
          const [m, o] = [Math.floor(at / C), at % C];
          const pair = [0, 1].map((r) => Math.tanh(z[(2 * m + r) * C + o] ?? NaN));
          return ((pair[0] ?? NaN) + (pair[1] ?? NaN)) / 2;
        });
      },
    );
    const columns = crossEntropyColumns(reference.outputs, C);
    const ofSum = sum(columns.map((vector) => secondMoment(reference.pullBack('layer', C, vector), 1)));
    for (const fisher of ['type2', 'type2-shared'] as const) {
      const { of } = await factorsOf({ build, fisher, flavour: 'expand' });
      // The mean over M terms is the sum divided by M.
      expectClose(scaled(of('G of layer'), N * terms).data, ofSum.data, 1e-5, fisher);
    }
  });
});

describe('acceptance 8: sums and means of the same terms', () => {
  const terms = R / 2;
  /** Three terms an example: logits at pairs of positions. */
  const outputsOf: (...net: Parameters<FactorCase['build']>) => Tensor = (builder, leaf) => {
    const z = tanh(builder.linear('layer', leaf(x, [N, R, D]), C));
    return meanAxes(builder.graph.reshape(z, [N, terms, 2, C]), 2, 2);
  };
  const count = N * terms;
  const classesOf = (leaf: Leaf, ignored: readonly number[]) =>
    leaf(
      Uint32Array.from({ length: count }, (_, i) => (ignored.includes(i) ? 7 : i % C)),
      [N, terms],
    );
  /** Seven targets of 27 are missing, all those of the third term among them. */
  const marks = Float64Array.from({ length: count * C }, (_, i) =>
    (i >= 6 && i < 9) || i % 5 === 1 ? NaN : (i * i) % 2,
  );
  const marked = marks.filter((mark) => !Number.isNaN(mark)).length;
  const markedTerms = Array.from({ length: count }, (_, m) => marks.slice(m * C, m * C + C)).filter((row) =>
    row.some((mark) => !Number.isNaN(mark)),
  ).length;

  interface SumCase {
    lossOf: (outputs: Tensor, leaf: Leaf) => Loss;
    /** What the mean divides the sum by, and the terms that count. */
    divisor: number;
    counted: number;
  }
  const cases: Record<string, SumCase> = {
    'cross-entropy': {
      lossOf: (outputs, leaf) => crossEntropy(outputs, classesOf(leaf, [])),
      ...{ divisor: count, counted: count },
    },
    'cross-entropy with two ignored labels': {
      lossOf: (outputs, leaf) => crossEntropy(outputs, classesOf(leaf, [1, 6]), { ignored: 7 }),
      ...{ divisor: count - 2, counted: count - 2 },
    },
    'squared error': {
      lossOf: (outputs, leaf) => meanSquaredError(outputs, leaf(noise(count * C, 8), [N, terms, C])),
      ...{ divisor: count, counted: count },
    },
    'binary cross-entropy with missing targets': {
      lossOf: (outputs, leaf) => binaryCrossEntropy(outputs, leaf(marks, [N, terms, C])),
      ...{ divisor: marked, counted: markedTerms },
    },
  };
  const fishers = ['type2', 'type2-shared', 'mc', 'empirical', 'empirical-per-term'] as const;
  const all = Object.keys(cases).flatMap((name) =>
    fishers.flatMap((fisher) =>
      (['expand', 'reduce'] as const).map((flavour) => [name, fisher, flavour] as const),
    ),
  );

  it.each(all)('%s, %s, %s: G of the sum is M times that of the mean', async (name, fisher, flavour) => {
    const { lossOf, divisor, counted } = cases[name] as SumCase;
    const made = (isSum: boolean) =>
      factorsOf({
        build: (builder, leaf) => {
          const loss = lossOf(outputsOf(builder, leaf), leaf);
          return isSum ? summed(loss) : loss;
        },
        ...{ fisher, flavour, samples: 2, seed: 5 },
      });
    const [mean, sumOf] = [await made(false), await made(true)];
    // A mean over targets is one over the terms that count times the ratio of their numbers, which empirical squares.
    const isEmpirical = fisher === 'empirical' || fisher === 'empirical-per-term';
    const M = isEmpirical ? divisor ** 2 / counted : divisor;
    expectClose(sumOf.of('G of layer').data, scaled(mean.of('G of layer'), M).data, 1e-5, 'G');
    expectClose(sumOf.of('A of layer').data, mean.of('A of layer').data, 1e-6, 'A');
  });

  it('G of a sum is the sum over the columns of all terms, in float64', async () => {
    const reference = new ReferenceNet(
      (name, size) => valueOf({}, name, size),
      (tape) => {
        const z = tape.linear('layer', { data: x, width: D, counts: new Array<number>(N).fill(R) }, C);
        return Float64Array.from({ length: count * C }, (_, at) => {
          const [m, o] = [Math.floor(at / C), at % C];
          return [0, 1].reduce((total, r) => total + Math.tanh(z[(2 * m + r) * C + o] ?? NaN) / 2, 0);
        });
      },
    );
    const columns = crossEntropyColumns(reference.outputs, C);
    const expected = sum(columns.map((vector) => secondMoment(reference.pullBack('layer', C, vector), 1)));
    const { of } = await factorsOf({
      build: (builder, leaf) => summed(crossEntropy(outputsOf(builder, leaf), classesOf(leaf, []))),
      ...{ fisher: 'type2', flavour: 'expand' },
    });
    expectClose(of('G of layer').data, expected.data, 1e-5);
  });
});
