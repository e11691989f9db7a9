import { describe, expect, it } from 'vitest';
import { preconditionedError, sumOfMagnitudes } from './conditioning.ts';

const tensor = (shape: number[], ...data: number[]) => ({ shape, data: Float64Array.from(data) });
const errors = { factors: 1, gradient: 1 };

describe('preconditionedError', () => {
  const one = (A: number, G: number, P: number, terms: number, damping: number) =>
    preconditionedError(
      {
        A: tensor([1, 1], A),
        G: tensor([1, 1], G),
        P: tensor([1, 1], P),
        terms: Float64Array.of(terms),
        damping: { a: damping, g: damping },
      },
      errors,
    );

  it('is the derivative of D / ((G + lambda) (A + lambda)) in one dimension', () => {
    const [A, G, D, lambda] = [2, 0.5, 3, 0.1];
    const P = D / ((G + lambda) * (A + lambda));
    const expected = D / ((G + lambda) * (A + lambda)) + (P * G) / (G + lambda) + (P * A) / (A + lambda);
    expect(one(A, G, P, D, lambda)).toBeCloseTo(expected, 12);
  });

  it('grows with 1 / lambda^2 where both factors are singular, whatever P is', () => {
    expect(one(0, 0, 0, 1, 1e-3)).toBeCloseTo(1e6, 6);
    expect(one(0, 0, 0, 1, 1e-2)).toBeCloseTo(1e4, 6);
  });

  it('takes the inverse of the whole matrix, not of its diagonal', () => {
    const nearlySingular = tensor([2, 2], 1, 0.999, 0.999, 1);
    const diagonal = tensor([2, 2], 1, 0, 0, 1);
    const rest = { G: tensor([1, 1], 1), P: tensor([1, 2], 1, 1), terms: Float64Array.of(1, 1) };
    const damping = { a: 1e-6, g: 1e-6 };
    const small = preconditionedError({ A: diagonal, ...rest, damping }, errors);
    expect(preconditionedError({ A: nearlySingular, ...rest, damping }, errors)).toBeGreaterThan(100 * small);
  });
});

describe('sumOfMagnitudes', () => {
  it('adds |g| |a| over the rows, with a one for the bias', () => {
    const a = tensor([1, 2, 2], 1, -2, 3, 4);
    const g = tensor([1, 2, 1], -1, 2);
    expect([...sumOfMagnitudes(a, g, true)]).toEqual([7, 10, 3]);
    expect([...sumOfMagnitudes(a, g, false)]).toEqual([7, 10]);
  });
});
