/** The roots that IKFAC moves by matrix products settle where inversion would have put them. */
import { describe, expect, it } from 'vitest';
import { noise } from '../../program/test-program.ts';
import { identityRoot, squareOf, updateRoots } from '../ikfac/test-reference.ts';
import { inverseFreeSpec, prepareRoots } from '../ikfac/test-roots.ts';
import { dampedInverse, entry, matrix, meanEigenvalue, product, type Matrix } from '../test-reference.ts';
import { expectClose } from './test-close.ts';

/** A second moment of as many random rows as it has columns: positive definite, with a condition number of hundreds. */
function secondMoment(size: number, seed: number): Matrix {
  const data = noise(size * size, seed);
  const rows = matrix(size, size, (i, j) => data[i * size + j] ?? NaN);
  const sums = product(
    matrix(size, size, (i, j) => entry(rows, j, i)),
    rows,
  );
  return matrix(size, size, (i, j) => entry(sums, i, j) / size);
}

describe('acceptance 15: IKFAC fixed point', () => {
  const factors: [Matrix, Matrix] = [secondMoment(12, 1), secondMoment(7, 2)];
  const settings = { curvatureLr: 0.3, damping: 0.05 };

  it.each([
    ['plain', 'on'],
    ['plain', 'off'],
    ['relative', 'on'],
  ])(
    'K K^T becomes (A + damping I)^-1, and C C^T G’s: %s damping, clip %s',
    async (dampingRule, curvatureClip) => {
      const test = await prepareRoots(inverseFreeSpec({ ...settings, dampingRule, curvatureClip }), 11, 7);
      test.write(factors);
      test.update(120);
      const { inverses } = await test.read();
      factors.forEach((factor, side) => {
        const damping = dampingRule === 'plain' ? 0.05 : Math.sqrt(0.05) * meanEigenvalue(factor);
        const expected = dampedInverse(factor, damping).data;
        const scale = Math.max(...expected.map(Math.abs));
        expectClose(
          (inverses[side] as Matrix).data.map((x) => x / scale),
          expected.map((x) => x / scale),
          1e-3,
        );
      });
    },
  );

  it('is not where the roots begin, and stays where they have arrived', async () => {
    const spec = inverseFreeSpec({ ...settings, dampingRule: 'plain' });
    let roots: ReturnType<typeof updateRoots> = [identityRoot(12), identityRoot(7)];
    const distance = () => {
      const [now, then] = [squareOf(roots[0]).data, dampedInverse(factors[0], 0.05).data];
      return Math.max(...now.map((x, i) => Math.abs(x - (then[i] ?? NaN))));
    };
    expect(distance()).toBeGreaterThan(1);
    for (let i = 0; i < 300; i++) roots = updateRoots(spec, factors, roots);
    expect(distance()).toBeLessThan(1e-10);
  });
});
