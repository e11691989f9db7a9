import { describe, expect, it } from 'vitest';
import { compare } from '../statistics/comparison.ts';
import { adamw, expand, reduce, testGroup } from '../statistics/test-runs.ts';
import { intervalText, resultRows } from './result-rows.ts';

const slow = testGroup('AdamW', adamw, [
  [0.5, 0.7, 0.8, 0.94],
  [0.5, 0.7, 0.8, 0.95],
  [0.5, 0.7, 0.8, 0.96],
]);
const halves = testGroup('K-FAC expand', expand, [
  [0.5, 0.94],
  [0.6, 0.7],
  [0.5, 0.8],
]);
const open = testGroup('K-FAC reduce', reduce, [[0.5, 0.6], [0.4]], 100, { status: 'running' });
const rows = (...groups: (typeof slow)[]) =>
  resultRows(
    compare({
      runs: groups.flatMap((g) => g.runs),
      series: groups.flatMap((g) => g.series),
      target: { metric: 'val.accuracy', op: '>=', value: 0.93 },
    }),
  );

describe('resultRows', () => {
  it('says how many got there, and tells not reached from not over yet', () => {
    const byName = new Map(rows(slow, halves, open).map((row) => [row.name, row]));
    expect(byName.get('AdamW')).toMatchObject({
      reached: '3 of 3',
      steps: { value: '40', ratio: { text: '1 ×' } },
    });
    expect(byName.get('K-FAC expand')).toMatchObject({
      reached: '1 of 3',
      steps: null,
      time: null,
      missed: { what: 'Not reached', detail: 'by most seeds · best 0.940 at step 20' },
    });
    expect(byName.get('K-FAC reduce')).toMatchObject({
      reached: '0 of 0, 2 open',
      missed: { what: 'Not over yet', detail: 'best 0.600 at step 20' },
    });
  });

  it('counts runs that diverged', () => {
    const broken = testGroup('AdamW', adamw, [
      [0.5, NaN],
      [0.5, 0.94],
    ]);
    broken.runs[0]!.status = 'diverged';
    expect(rows(broken)[0]).toMatchObject({ reached: '1 of 2, 1 diverged', final: 'NaN' });
  });

  it('gives no ratio to a reference that does not arrive', () => {
    const [first] = rows(
      testGroup('SGD', adamw, [[0.5], [0.5], [0.5]]),
      testGroup('K-FAC expand', expand, [[0.95]]),
    );
    expect(first?.steps?.ratio).toEqual({ ratio: null, interval: null, text: 'reference not reached' });
  });
});

describe('intervalText', () => {
  it('says where an end was never reached, and nothing without an interval', () => {
    expect(intervalText({ low: 20, high: Infinity }, String)).toBe('[20, never]');
    expect(intervalText(null, String)).toBe('');
  });
});
