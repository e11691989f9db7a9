import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { trials } from '../../contract/test-trials.ts';
import { medianInterval, ratioInterval } from './bootstrap.ts';
import { median } from './summary.ts';

const seeds = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.integer({ min: 1, max: 500 }) },
    { weight: 1, arbitrary: fc.constant(Infinity) },
  ),
  {
    minLength: 3,
    maxLength: 7,
  },
);

/** The exact distribution of the median of three draws with replacement, by counting all 27 resamples. */
function exactMedians(values: [number, number, number]): number[] {
  const all: number[] = [];
  for (const a of values) for (const b of values) for (const c of values) all.push(median([a, b, c]));
  return all.sort((x, y) => x - y);
}

describe('medianInterval', () => {
  it('gives none under three seeds', () => {
    expect(medianInterval([1, 2])).toBeNull();
    expect(ratioInterval([1, 2, 3], [1, 2])).toBeNull();
  });

  it('covers the outer values of three seeds, as counting all resamples does', () => {
    // Each outer value is the median of 7 of 27 resamples, far more than a tail of 2.5 %.
    expect(exactMedians([10, 20, 90]).filter((m) => m === 10)).toHaveLength(7);
    expect(medianInterval([10, 20, 90])).toEqual({ low: 10, high: 90 });
  });

  it('is the same for the same seeds in any order, and encloses the median', () => {
    fc.assert(
      fc.property(seeds, (values) => {
        const interval = medianInterval(values)!;
        expect(medianInterval(values.toReversed())).toEqual(interval);
        expect(interval.low).toBeLessThanOrEqual(median(values));
        expect(interval.high).toBeGreaterThanOrEqual(median(values));
      }),
      trials(30),
    );
  });

  it('tightens to the single value when all seeds agree', () => {
    expect(medianInterval([30, 30, 30])).toEqual({ low: 30, high: 30 });
  });
});

describe('ratioInterval', () => {
  it('has no upper end when half of the seeds never arrive', () => {
    const interval = ratioInterval([10, 20, Infinity], [10, 20, 30])!;
    expect(interval.high).toBe(Infinity);
    expect(interval.low).toBeLessThan(1);
  });

  it('says nothing when neither side arrives: 0 to infinity', () => {
    const never = [Infinity, Infinity, Infinity];
    expect(ratioInterval(never, never)).toEqual({ low: 0, high: Infinity });
  });

  it('does not depend on the unit', () => {
    fc.assert(
      fc.property(seeds, seeds, fc.constantFrom(2, 4, 0.5), (a, b, unit) => {
        expect(
          ratioInterval(
            a.map((v) => v * unit),
            b.map((v) => v * unit),
          ),
        ).toEqual(ratioInterval(a, b));
      }),
      trials(20),
    );
  });
});
