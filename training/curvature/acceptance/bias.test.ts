/** The homogeneous coordinate of a bias: one for every row that counts, and nothing for the rest. */
import { describe, expect, it } from 'vitest';
import { meanSquaredError } from '../../program/operations/loss.ts';
import { meanAxes } from '../../program/operations/reduce.ts';
import { segmentMean } from '../../program/operations/segments.ts';
import { noise } from '../../program/test-program.ts';
import { entry, type Matrix } from '../test-reference.ts';
import { expectClose } from './test-close.ts';
import { factorsOf, type FactorCase } from './test-factors.ts';

const [N, R, D, C] = [3, 4, 5, 2];
const x = noise(N * R * D, 1);
/** Example 1 has no real position. */
const mask = Float64Array.from([1, 1, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0]);
const counts = [4, 0, 5];
const all = Array.from({ length: N * R }, (_, row) => row);

const dense =
  (options: { bias?: boolean; masked?: boolean }): FactorCase['build'] =>
  (builder, leaf) => {
    const { bias = true, masked = false } = options;
    const z = builder.linear('layer', leaf(x, [N, R, D]), C, {
      bias,
      ...(masked ? { mask: leaf(mask, [N, R]) } : {}),
    });
    return meanSquaredError(meanAxes(z, 1, 1), leaf(noise(N * C, 2), [N, C]));
  };

const ragged: FactorCase['build'] = (builder, leaf) => {
  const offsets = leaf(Uint32Array.of(0, 4, 4, 9), [N + 1]);
  const z = builder.linear('layer', leaf(x, [N * R, D]), C, { offsets });
  return meanSquaredError(segmentMean(z, offsets), leaf(noise(N * C, 2), [N, C]));
};

/** Mean over the given rows. */
const mean = (rows: readonly number[]) =>
  Array.from(
    { length: D },
    (_, j) => rows.reduce((sum, row) => sum + (x[row * D + j] ?? NaN), 0) / rows.length,
  );

const meanOfMeans = (examples: readonly (readonly number[])[]) =>
  Array.from(
    { length: D },
    (_, j) => examples.reduce((sum, rows) => sum + (mean(rows)[j] ?? NaN), 0) / examples.length,
  );

const examplesOf = (isReal: (row: number) => boolean) =>
  [0, 1, 2]
    .map((n) => all.filter((row) => Math.floor(row / R) === n && isReal(row)))
    .filter((rows) => rows.length > 0);

const real = (row: number) => mask[row] === 1;
const raggedExamples = [all.slice(0, 4), all.slice(4, 9)];

const last = (a: Matrix) => Array.from({ length: D }, (_, j) => entry(a, D, j));

describe('acceptance 6: bias', () => {
  it.each([
    ['expand', 'dense', dense({}), mean(all)],
    ['reduce', 'dense', dense({}), meanOfMeans(examplesOf(() => true))],
    ['expand', 'masked', dense({ masked: true }), mean(all.filter(real))],
    ['reduce', 'masked', dense({ masked: true }), meanOfMeans(examplesOf(real))],
    ['expand', 'ragged', ragged, mean(all.slice(0, 9))],
    ['reduce', 'ragged', ragged, meanOfMeans(raggedExamples)],
  ] as const)(
    'has a 1 in the corner of A and the mean beside it: %s, %s',
    async (flavour, _, build, expected) => {
      const { of } = await factorsOf({ build, fisher: 'empirical', flavour });
      const a = of('A of layer');
      expect([a.rows, a.columns]).toEqual([D + 1, D + 1]);
      expect(entry(a, D, D)).toBe(1);
      expectClose(last(a), expected, 1e-6);
    },
  );

  it.each([40, 41, 47, 48])(
    'has what f32 makes of the number of rows times its reciprocal in the corner: %i examples',
    async (examples) => {
      const build: FactorCase['build'] = (builder, leaf) => {
        const z = builder.linear('layer', leaf(noise(examples * D, 1), [examples, D]), C);
        return meanSquaredError(z, leaf(noise(examples * C, 2), [examples, C]));
      };
      const { of } = await factorsOf({ build, fisher: 'empirical', flavour: 'expand' });
      const corner = entry(of('A of layer'), D, D);
      expect(corner).toBe(Math.fround(Math.fround(1 / examples) * examples));
      // That is 1 for most numbers, and one rounding below it for the rest: 41 and 47 are the first of these.
      expect(corner).toBe([41, 47].includes(examples) ? 1 - 2 ** -24 : 1);
    },
  );

  it('has R_n in the place of 1 where positions are summed', async () => {
    const { of } = await factorsOf({
      build: ragged,
      fisher: 'empirical',
      flavour: 'reduce',
      convention: 'sumA_meanG',
    });
    const squares = counts.filter((count) => count > 0).map((count) => count ** 2);
    const expected = squares.reduce((sum, square) => sum + square, 0) / squares.length;
    expect(entry(of('A of layer'), D, D) / expected).toBeCloseTo(1, 6);
  });

  it('takes its row away when there is none', async () => {
    const { of } = await factorsOf({ build: dense({ bias: false }), fisher: 'empirical', flavour: 'expand' });
    expect(of('A of layer').rows).toBe(D);
  });
});
