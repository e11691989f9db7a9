import { describe, expect, it } from 'vitest';
import { compare, excess, isWithin, scaleOf } from './comparison.ts';

describe('compare', () => {
  it('divides the largest difference by the largest expected value and says where it is', () => {
    const result = compare('x', [1, 2.5, -4], [1, 2, -4], 0.2);
    expect(result).toEqual({ where: 'x', error: 0.125, tolerance: 0.2, index: 1, got: 2.5, expected: 2 });
    expect(isWithin(result)).toBe(true);
    expect(isWithin({ ...result, tolerance: 0.1 })).toBe(false);
  });

  it.each([
    ['not a number', [1, Number.NaN, 5]],
    ['infinite', [1, Infinity, 2]],
    ['missing', [1]],
  ])('fails where the engine has a value that is %s, whatever is allowed', (_, got) => {
    const result = compare('x', got, [1, 2, 2], 1e9);
    expect(isWithin(result)).toBe(false);
    expect(result.index).toBe(1);
    expect(excess(result)).toBe(Infinity);
  });

  it('fails where the tolerance is not a number', () => {
    expect(isWithin(compare('x', [1.1], [1], Number.NaN))).toBe(false);
  });

  it('fails where nothing is expected', () => {
    expect(isWithin(compare('x', [1], [], 1))).toBe(false);
  });

  it('lets zeros equal zeros', () => {
    expect(isWithin(compare('x', [0, 0], [0, 0], 1e-6))).toBe(true);
    expect(isWithin(compare('x', [0, 1e-30], [0, 0], 1e-6))).toBe(false);
  });
});

describe('scaleOf', () => {
  it('is the largest of its own values, however small beside the others', () => {
    expect(scaleOf([1e-4, -3e-4], 1)).toBe(3e-4);
  });

  it('is that of the other layers for what is zero in exact arithmetic', () => {
    expect(scaleOf([4e-34, 0], 0.5)).toBe(0.5);
  });
});
