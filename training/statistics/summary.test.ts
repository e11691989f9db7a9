import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { trials } from '../../contract/test-trials.ts';
import { mean, median, sampleDeviation } from './summary.ts';

describe('median', () => {
  it('keeps infinities in', () => {
    expect(median([40, 60, Infinity])).toBe(60);
    expect(median([40, Infinity, Infinity])).toBe(Infinity);
    expect(median([40, Infinity])).toBe(Infinity);
    expect(median([Infinity, Infinity])).toBe(Infinity);
  });

  it('is the middle value, or the mean of the two middle ones', () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 3, 2])).toBe(2.5);
    expect(median([])).toBeNaN();
  });

  it('has at least half of the values on either side and ignores their order', () => {
    const number = fc.oneof(fc.double({ noNaN: true, min: -1e6, max: 1e6 }), fc.constant(Infinity));
    fc.assert(
      fc.property(fc.array(number, { minLength: 1, maxLength: 15 }), (values) => {
        const m = median(values);
        expect(values.filter((v) => v <= m).length * 2).toBeGreaterThanOrEqual(values.length);
        expect(values.filter((v) => v >= m).length * 2).toBeGreaterThanOrEqual(values.length);
        expect(median(values.toReversed())).toBe(m);
      }),
      trials(),
    );
  });
});

describe('mean and sampleDeviation', () => {
  it('match a hand calculation', () => {
    expect(mean([1, 2, 6])).toBe(3);
    expect(sampleDeviation([1, 2, 6])).toBeCloseTo(Math.sqrt(7), 12);
    expect(sampleDeviation([5])).toBeNaN();
  });
});
