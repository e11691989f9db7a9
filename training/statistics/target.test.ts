import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { trials } from '../../contract/test-trials.ts';
import { hitTarget, reaches } from './target.ts';
import { testSeries } from './test-runs.ts';

const target = { op: '>=', value: 0.9 } as const;

describe('hitTarget', () => {
  it('takes the first evaluation at or beyond the target, and its training time', () => {
    const hit = hitTarget(testSeries('r', [0.5, 0.9, 0.95, 0.8]), target);
    expect(hit.stepsToTarget).toBe(20);
    expect(hit.secondsToTarget).toBe(2);
  });

  it('keeps a run that never gets there, with its best value and step', () => {
    const hit = hitTarget(testSeries('r', [0.5, 0.86, 0.7, 0.86]), target);
    expect(hit.stepsToTarget).toBe(Infinity);
    expect(hit.secondsToTarget).toBe(Infinity);
    expect(hit.best).toEqual({ step: 20, value: 0.86 });
    expect(hit.last).toEqual({ step: 40, value: 0.86 });
  });

  it('does not accept NaN or infinities as reaching anything', () => {
    const hit = hitTarget(testSeries('r', [NaN, Infinity, -Infinity]), target);
    expect(hit.stepsToTarget).toBe(Infinity);
    expect(hit.best).toBeNull();
    expect(hitTarget(testSeries('r', [-Infinity, 0.4]), { op: '<=', value: 0.5 }).stepsToTarget).toBe(20);
  });

  it('knows nothing of a run without evaluations', () => {
    expect(hitTarget(null, target)).toEqual({
      stepsToTarget: Infinity,
      secondsToTarget: Infinity,
      best: null,
      last: null,
    });
  });

  it('names a step whose value reaches the target and before which none does', () => {
    const values = fc.array(fc.double({ min: 0, max: 1, noNaN: false }), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(
        values,
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.constantFrom<'>=' | '<='>('>=', '<='),
        (list, value, op) => {
          const { stepsToTarget } = hitTarget(testSeries('r', list), { op, value });
          const index = stepsToTarget === Infinity ? list.length : stepsToTarget / 10 - 1;
          expect(list.slice(0, index).some((v) => reaches(v, { op, value }))).toBe(false);
          if (index < list.length) expect(reaches(list[index]!, { op, value })).toBe(true);
        },
      ),
      trials(),
    );
  });

  it('gets no earlier when the target is raised', () => {
    const values = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 30 });
    const level = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(values, level, level, (list, a, b) => {
        const at = (value: number) => hitTarget(testSeries('r', list), { op: '>=', value }).stepsToTarget;
        expect(at(Math.max(a, b))).toBeGreaterThanOrEqual(at(Math.min(a, b)));
      }),
      trials(),
    );
  });
});
