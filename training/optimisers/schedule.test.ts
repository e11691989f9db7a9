/** The schedule multiplies every learning rate: its values are checked where they are known by hand. */
import { describe, expect, it } from 'vitest';
import { scheduleFactor } from './schedule.ts';

const linear = (warmupSteps: number) => ({ kind: 'warmup-linear', warmupSteps }) as const;
const cosine = (warmupSteps: number) => ({ kind: 'warmup-cosine', warmupSteps }) as const;

describe('scheduleFactor', () => {
  it('is 1 throughout when constant', () => {
    for (const step of [1, 7, 100]) expect(scheduleFactor({ kind: 'constant' }, step, 100)).toBe(1);
  });

  it('rises in equal parts to 1 at the end of the warm-up', () => {
    for (const step of [1, 5, 10, 19, 20]) {
      expect(scheduleFactor(cosine(20), step, 300)).toBeCloseTo(step / 20, 12);
    }
  });

  it('falls along a cosine to exactly 0 at the last step', () => {
    expect(scheduleFactor(cosine(20), 90, 300)).toBeCloseTo((1 + Math.SQRT1_2) / 2, 12);
    expect(scheduleFactor(cosine(20), 160, 300)).toBeCloseTo(0.5, 12);
    expect(scheduleFactor(cosine(20), 230, 300)).toBeCloseTo((1 - Math.SQRT1_2) / 2, 12);
    expect(scheduleFactor(cosine(20), 300, 300)).toBe(0);
  });

  it('is never negative and never above 1, and falls at every step after the warm-up', () => {
    let before = 1;
    for (let step = 21; step <= 120; step++) {
      const factor = scheduleFactor(cosine(20), step, 120);
      expect(factor).toBeGreaterThanOrEqual(0);
      expect(factor).toBeLessThan(before);
      before = factor;
    }
  });

  it('starts on the cosine without a warm-up', () => {
    expect(scheduleFactor(cosine(0), 1, 2)).toBeCloseTo(0.5, 12);
    expect(scheduleFactor(cosine(0), 2, 2)).toBe(0);
  });

  it('only rises in a run no longer than its warm-up', () => {
    expect([1, 2, 4].map((step) => scheduleFactor(cosine(4), step, 4))).toEqual([0.25, 0.5, 1]);
    expect([1, 2].map((step) => scheduleFactor(cosine(20), step, 2))).toEqual([0.05, 0.1]);
  });

  it('falls along a straight line to exactly 0 at the last step, after the same rise', () => {
    for (const step of [1, 5, 10, 19, 20]) {
      expect(scheduleFactor(linear(20), step, 300)).toBeCloseTo(step / 20, 12);
    }
    for (const step of [20, 21, 90, 160, 299, 300]) {
      expect(scheduleFactor(linear(20), step, 300)).toBeCloseTo((300 - step) / 280, 12);
    }
    expect(scheduleFactor(linear(20), 300, 300)).toBe(0);
    expect([1, 2].map((step) => scheduleFactor(linear(0), step, 2))).toEqual([0.5, 0]);
    expect([1, 2].map((step) => scheduleFactor(linear(20), step, 2))).toEqual([0.05, 0.1]);
  });
});
