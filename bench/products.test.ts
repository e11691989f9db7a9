import { describe, expect, it } from 'vitest';
import { productError, products } from './products.ts';

describe('productError', () => {
  const n = 8;
  for (const product of products(n)) {
    const { transposeA, transposeB, a, b } = product;
    const c = Float32Array.from({ length: n * n }, (_, index) => {
      const [i, j] = [Math.floor(index / n), index % n];
      let sum = 0;
      for (let k = 0; k < n; k++)
        sum +=
          (a[transposeA ? k * n + i : i * n + k] ?? NaN) * (b[transposeB ? j * n + k : k * n + j] ?? NaN);
      return sum;
    });

    it(`${product.name}: is small for the product and large where an element is wrong`, () => {
      expect(productError(product, c)).toBeLessThan(1e-6);
      const wrong = c.slice();
      wrong[3 * n + 2] = (wrong[3 * n + 2] ?? 0) + 0.01;
      expect(productError(product, wrong)).toBeGreaterThan(1e-3);
      wrong[5] = NaN;
      expect(productError(product, wrong)).toBe(Infinity);
      expect(productError(product, c.subarray(1))).toBe(Infinity);
    });
  }

  it('tells the three products apart', () => {
    const [plain, left, right] = products(n);
    expect(plain?.transposeA || plain?.transposeB).toBe(false);
    expect(left?.transposeA).toBe(true);
    expect(right?.transposeB).toBe(true);
  });
});
