import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { trials } from '../../contract/test-trials.ts';
import { groupCurve } from './bands.ts';
import type { GroupMember } from './groups.ts';
import { testRun, testSeries, testSpec } from './test-runs.ts';

function members(valuesBySeed: number[][], msPerStep: number[] = []): GroupMember[] {
  return valuesBySeed.map((values, i) => ({
    run: testRun(`r${i}`, 'AdamW', testSpec(undefined, i)),
    series: values.length === 0 ? null : testSeries(`r${i}`, values, msPerStep[i] ?? 100),
  }));
}

describe('groupCurve', () => {
  it('joins seeds step by step: median, lowest, highest, n', () => {
    const curve = groupCurve(
      members([
        [1, 2],
        [3, 8],
        [2, 4],
      ]),
      'min-max',
    );
    expect(curve.steps).toEqual([10, 20]);
    expect(curve.middle).toEqual([2, 4]);
    expect(curve.low).toEqual([1, 2]);
    expect(curve.high).toEqual([3, 8]);
    expect(curve.n).toEqual([3, 3]);
  });

  it('says how n falls where seeds end', () => {
    const curve = groupCurve(members([[1, 2, 3], [1], [1, 4]]), 'min-max');
    expect(curve.n).toEqual([3, 2, 1]);
    expect(curve.middle).toEqual([1, 3, 3]);
    expect(curve.low).toEqual([1, 2, 3]);
    expect(curve.high).toEqual([1, 4, 3]);
  });

  it('draws single seeds instead of a band under three', () => {
    const curve = groupCurve(members([[1, 2], [3, 4], []]), 'min-max');
    expect(curve.low).toBeNull();
    expect(curve.seeds).toBe(2);
    expect(curve.members.map((m) => m.values)).toEqual([
      [1, 2],
      [3, 4],
    ]);
  });

  it('takes mean and sample deviation for sd', () => {
    const curve = groupCurve(members([[1], [2], [6]]), 'sd');
    expect(curve.middle).toEqual([3]);
    expect(curve.high![0]).toBeCloseTo(3 + Math.sqrt(7), 12);
    expect(curve.low![0]).toBeCloseTo(3 - Math.sqrt(7), 12);
  });

  it('places a step at the median training time of the seeds', () => {
    expect(groupCurve(members([[1], [1], [1]], [100, 300, 120]), 'min-max').seconds).toEqual([1.2]);
  });

  it('leaves non-finite values out of the band and says where the run left', () => {
    const curve = groupCurve(
      members([
        [1, 2, NaN],
        [1, 3, 4],
        [2, 2, 5],
      ]),
      'min-max',
    );
    expect(curve.n).toEqual([3, 3, 2]);
    expect(curve.nonfinite).toEqual([{ runId: 'r0', seed: 0, step: 20, seconds: 2, at: 30, value: NaN }]);
  });

  it('says where a run left whose training loss diverged between two evaluations', () => {
    const [member] = members([[1, 2]]);
    const run = { ...member!.run, status: 'diverged' as const, lastStep: 27 };
    expect(groupCurve([{ ...member!, run }], 'min-max').nonfinite).toEqual([
      { runId: 'r0', seed: 0, step: 20, seconds: 2, at: 27, value: null },
    ]);
  });

  it('encloses the middle and every finite seed', () => {
    const seeds = fc.array(fc.array(fc.double({ min: -5, max: 5 }), { minLength: 1, maxLength: 8 }), {
      minLength: 3,
      maxLength: 6,
    });
    fc.assert(
      fc.property(seeds, (lists) => {
        const curve = groupCurve(members(lists), 'min-max');
        curve.steps.forEach((step, i) => {
          const present = lists
            .map((list) => list[step / 10 - 1])
            .filter((v): v is number => v !== undefined && Number.isFinite(v));
          expect(curve.n[i]).toBe(present.length);
          for (const value of [...present, curve.middle[i]!]) {
            expect(curve.low![i]!).toBeLessThanOrEqual(value);
            expect(curve.high![i]!).toBeGreaterThanOrEqual(value);
          }
        });
      }),
      trials(),
    );
  });
});
