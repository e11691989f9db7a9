/** Losses as sums: their value, and the gradient that training would send back. */
import { describe, expect, it } from 'vitest';
import { evaluate, largestError, noise, type Leaf } from '../test-program.ts';
import type { Tensor } from '../graph.ts';
import { binaryCrossEntropy } from './binary-cross-entropy.ts';
import { crossEntropy, divisorOf, lossSeed, meanSquaredError, summed, type Loss } from './loss.ts';

const [M, C] = [5, 4];
const outputs = noise(M * C, 1);
const targets = noise(M * C, 2);
/** Label 9 and targets that are NaN do not count. */
const labels = [1, 9, 3, 0, 9];
const marks = targets.map((value, i) => (i % 3 === 0 ? NaN : value > 0 ? 1 : 0));

const softmax = (m: number) => {
  const row = Array.from(outputs.slice(m * C, m * C + C), Math.exp);
  const total = row.reduce((a, b) => a + b, 0);
  return row.map((e) => e / total);
};
const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));

interface Expected {
  loss: number;
  gradient: number[];
}

function crossEntropySum(counts: (label: number) => boolean): Expected {
  const rows = labels.map((label, m) => ({ label, p: softmax(m) }));
  return {
    loss: rows.reduce((sum, { label, p }) => sum - (counts(label) ? Math.log(p[label] ?? NaN) : 0), 0),
    gradient: rows.flatMap(({ label, p }) =>
      p.map((share, c) => (counts(label) ? share - (c === label ? 1 : 0) : 0)),
    ),
  };
}

const cases: [name: string, make: (f: Tensor, leaf: Leaf) => Loss, expected: Expected][] = [
  [
    'cross-entropy with ignored labels',
    (f, leaf) => crossEntropy(f, leaf(Uint32Array.from(labels), [M]), { ignored: 9 }),
    crossEntropySum((label) => label !== 9),
  ],
  [
    'squared error, each term a mean over its outputs',
    (f, leaf) => meanSquaredError(f, leaf(targets, [M, C])),
    {
      loss: outputs.reduce((sum, f, i) => sum + (f - (targets[i] ?? NaN)) ** 2 / C, 0),
      gradient: Array.from(outputs, (f, i) => (2 / C) * (f - (targets[i] ?? NaN))),
    },
  ],
  [
    'binary cross-entropy with missing targets',
    (f, leaf) => binaryCrossEntropy(f, leaf(marks, [M, C])),
    {
      loss: outputs.reduce((sum, f, i) => {
        const mark = marks[i] ?? NaN;
        return Number.isNaN(mark) ? sum : sum - Math.log(mark === 1 ? sigmoid(f) : 1 - sigmoid(f));
      }, 0),
      gradient: Array.from(outputs, (f, i) => {
        const mark = marks[i] ?? NaN;
        return Number.isNaN(mark) ? 0 : sigmoid(f) - mark;
      }),
    },
  ],
];

describe('a loss as a sum', () => {
  it.each(cases)('%s: the value and the gradient are those of all that counts', async (_, make, expected) => {
    const [terms = [], gradient = []] = await evaluate((_graph, leaf) => {
      const loss = summed(make(leaf(outputs, [M, C]), leaf));
      expect(divisorOf(loss)).toBe(1);
      return [loss.terms, lossSeed(loss, { kind: 'gradient' }, 1 / divisorOf(loss))];
    });
    // As everywhere, the loss is the mean of the terms.
    const value = Array.from(terms).reduce((a, b) => a + b, 0) / M;
    expect(Math.abs(value / expected.loss - 1)).toBeLessThan(1e-6);
    expect(largestError(gradient, expected.gradient, 0)).toBeLessThan(1e-6);
  });

  it('is left alone when it is one already', async () => {
    await evaluate((_graph, leaf) => {
      const loss = summed(meanSquaredError(leaf(outputs, [M, C]), leaf(targets, [M, C])));
      expect(summed(loss)).toBe(loss);
      return loss.terms;
    });
  });
});
