import { describe, expect, it } from 'vitest';
import { transposed } from './layout.ts';

describe('transposed', () => {
  it('turns a matrix', () => {
    const { shape, values } = transposed(
      { shape: [2, 3], values: Float32Array.of(1, 2, 3, 4, 5, 6) },
      [1, 0],
    );
    expect(shape).toEqual([3, 2]);
    expect([...values]).toEqual([1, 4, 2, 5, 3, 6]);
  });

  it('puts every element where its index went', () => {
    const shape = [2, 3, 2, 2];
    const original = Float32Array.from({ length: 24 }, (_, i) => i);
    const { shape: turned, values } = transposed({ shape, values: original }, [2, 3, 1, 0]);
    expect(turned).toEqual([2, 2, 3, 2]);
    // Element [o=1, i=2, y=0, x=1] of the filter, at [y, x, i, o].
    expect(values[((0 * 2 + 1) * 3 + 2) * 2 + 1]).toBe(((1 * 3 + 2) * 2 + 0) * 2 + 1);
  });
});
