import { describe, expect, it } from 'vitest';
import { betaQuantiles } from './beta-quantiles.ts';

const places = (count: number) => Array.from({ length: count }, (_, i) => (i + 0.5) / count);

describe('quantiles of Beta(alpha, alpha)', () => {
  it('are even for alpha 1', () => {
    betaQuantiles(1, 100).forEach((x, i) => expect(x).toBeCloseTo(places(100)[i]!, 6));
  });

  it('follow the arcsine law for alpha 1/2', () => {
    betaQuantiles(0.5, 100).forEach((x, i) => {
      expect(x).toBeCloseTo(Math.sin((Math.PI * places(100)[i]!) / 2) ** 2, 6);
    });
  });

  it.each<[number, (x: number) => number]>([
    [2, (x) => x ** 2 * (3 - 2 * x)],
    [3, (x) => x ** 3 * (10 - 15 * x + 6 * x ** 2)],
    [4, (x) => x ** 4 * (35 - 84 * x + 70 * x ** 2 - 20 * x ** 3)],
  ])('lie where the distribution function has their places for alpha %d', (alpha, distribution) => {
    betaQuantiles(alpha, 100).forEach((x, i) => expect(distribution(x)).toBeCloseTo(places(100)[i]!, 5));
  });

  it.each([0.05, 0.2, 0.7, 1, 1.3, 5.5, 16])('have the moments of the distribution: alpha %d', (alpha) => {
    const quantiles = [...betaQuantiles(alpha, 4096)];
    const mean = (f: (x: number) => number) => quantiles.reduce((sum, x) => sum + f(x), 0) / 4096;
    expect(mean((x) => x)).toBeCloseTo(0.5, 6);
    // Var = a b / ((a + b)^2 (a + b + 1)), and the fourth central moment by the kurtosis 3 - 6 / (2 alpha + 3).
    const variance = 1 / (4 * (2 * alpha + 1));
    expect(mean((x) => (x - 0.5) ** 2) / variance).toBeCloseTo(1, 3);
    const fourth = (3 - 6 / (2 * alpha + 3)) * variance ** 2;
    expect(mean((x) => (x - 0.5) ** 4) / fourth).toBeCloseTo(1, 2);
  });

  it.each([0.001, 0.2, 3])('ascend within [0, 1] and mirror each other: alpha %d', (alpha) => {
    const quantiles = betaQuantiles(alpha, 64);
    quantiles.forEach((x, i) => {
      expect(x).toBeGreaterThanOrEqual(quantiles[i - 1] ?? 0);
      expect(x + quantiles[63 - i]!).toBeCloseTo(1, 6);
    });
    expect(quantiles[63]).toBeLessThanOrEqual(1);
  });
});
