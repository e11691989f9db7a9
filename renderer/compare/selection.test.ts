import { describe, expect, it } from 'vitest';
import type { Comparison } from '../../contract/runs.ts';
import { adamw, testRun, testSpec } from '../../training/statistics/test-runs.ts';
import { groupRuns } from '../../training/statistics/groups.ts';
import { testSeries } from '../../training/statistics/test-runs.ts';
import { selectRuns } from './selection.ts';
import { presetTarget, targetStep, tidyTarget } from './targets.ts';

const runs = ['a', 'b', 'c'].map((id, i) =>
  testRun(id, 'AdamW', testSpec(adamw, i), { createdMs: 10 - i, comparisonName: i < 2 ? 'First' : 'Second' }),
);
const comparisons: Comparison[] = [
  { id: 'empty', name: 'Empty', createdMs: 3, runIds: ['gone'] },
  { id: 'one', name: 'First', createdMs: 2, runIds: ['a', 'b', 'gone'] },
];
const select = (query: string) => selectRuns(new URLSearchParams(query), runs, comparisons);

describe('selectRuns', () => {
  it('takes the named comparison, oldest run first, and counts what is gone', () => {
    const selection = select('comparison=one');
    expect(selection?.runs.map((run) => run.id)).toEqual(['b', 'a']);
    expect(selection).toMatchObject({ title: 'First', missing: 1 });
  });

  it('takes runs picked by hand', () => {
    expect(select('runs=c,a')).toMatchObject({ title: 'Selected runs', comparison: null, missing: 0 });
    expect(select('runs=a,b')?.title).toBe('First, selected runs');
  });

  it('falls back to the newest comparison that has runs', () => {
    expect(select('')?.comparison?.id).toBe('one');
    expect(selectRuns(new URLSearchParams(), [], [])).toBeNull();
  });

  it('does not show another comparison for an unknown one', () => {
    expect(select('comparison=nope')).toMatchObject({ runs: [], title: 'Unknown comparison' });
  });
});

describe('targets', () => {
  it('starts where the runs were planned to get', () => {
    expect(presetTarget(runs, [], 'val.accuracy')).toEqual(runs[0]!.spec.target);
  });

  it('starts other metrics where every group gets in the median, rounded to the easy side', () => {
    const losses = { a: [1, 0.50049], b: [1, 0.2], c: [1, 0.30012] };
    const series = Object.entries(losses).map(([id, values]) => testSeries(id, values, 100, 'val.loss'));
    const groups = groupRuns(runs, series, 'val.loss');
    expect(presetTarget(runs, groups, 'val.loss')).toEqual({ metric: 'val.loss', op: '<=', value: 0.301 });
  });

  it('moves in steps that fit the metric, and stays within what it can be', () => {
    expect(targetStep('val.accuracy', 0.9)).toBe(0.002);
    expect(targetStep('val.loss', 0.35)).toBeCloseTo(0.01, 12);
    expect(tidyTarget('val.accuracy', 1.7)).toBe(1);
    expect(tidyTarget('val.accuracy', 0.93049)).toBe(0.93);
    expect(tidyTarget('val.loss', -3)).toBe(0.000001);
    expect(tidyTarget('val.rmse', 41.26)).toBe(41.3);
    expect(tidyTarget('val.r2', -0.25)).toBe(-0.25);
    expect(tidyTarget('val.r2', 1.5)).toBe(1);
    expect(tidyTarget('val.ece', 3)).toBe(1);
  });
});
