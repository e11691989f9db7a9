/** How the factors answer to the scale of the loss, and by how many terms they divide. */
import { describe, expect, it } from 'vitest';
import { scale, tanh } from '../../program/operations/elementwise.ts';
import { crossEntropy, meanSquaredError } from '../../program/operations/loss.ts';
import { meanAxes } from '../../program/operations/reduce.ts';
import { noise } from '../../program/test-program.ts';
import { dampedInverse, matrix, meanEigenvalue, product, type Matrix } from '../test-reference.ts';
import { expectClose } from './test-close.ts';
import { factorsOf, valueOf, type FactorCase } from './test-factors.ts';
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

/** pi-damped step: (G + sqrt(lambda)/pi I)^-1 gradient (A + pi sqrt(lambda) I)^-1. */
function direction(A: Matrix, G: Matrix, gradient: Matrix, lambda: number): Matrix {
  const pi = Math.sqrt(meanEigenvalue(A) / meanEigenvalue(G));
  const root = Math.sqrt(lambda);
  return product(product(dampedInverse(G, root / pi), gradient), dampedInverse(A, pi * root));
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

  it('leaves the step alone when the damping is scaled too', async () => {
    const gradient = matrix(C, D + 1, (i, j) => Math.sin(1 + i * 7 + j * 3));
    const [one, more] = [await factors('type2', 'reduce', 1), await factors('type2', 'reduce', 9)];
    const expected = direction(one.A, one.G, gradient, 0.01);
    expectClose(direction(more.A, more.G, scaled(gradient, 9), 0.09).data, expected.data, 1e-4);
    const unscaled = direction(more.A, more.G, scaled(gradient, 9), 0.01);
    expect(Math.abs((unscaled.data[0] ?? NaN) / (expected.data[0] ?? NaN) - 1)).toBeGreaterThan(0.01);
  });

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
