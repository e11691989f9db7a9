import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { trials } from '../../contract/test-trials.ts';
import type { RunSummary, Series } from '../../contract/runs.ts';
import { compare } from './comparison.ts';
import type { Target } from './target.ts';
import { adamw, expand, reduce, testGroup } from './test-runs.ts';

const target: Target = { metric: 'val.accuracy', op: '>=', value: 0.9 };
const slow = testGroup('AdamW', adamw, [
  [0.5, 0.7, 0.8, 0.9],
  [0.5, 0.7, 0.8, 0.91],
  [0.5, 0.7, 0.9, 0.91],
]);
const fast = testGroup(
  'K-FAC expand',
  expand,
  [
    [0.5, 0.9, 0.9, 0.9],
    [0.6, 0.9, 0.8, 0.9],
    [0.5, 0.95, 0.9, 0.9],
  ],
  150,
);
const never = testGroup('K-FAC reduce', reduce, [
  [0.5, 0.6, 0.7, 0.6],
  [0.5, 0.9, 0.8, 0.5],
  [0.1, 0.2, 0.86, 0.2],
]);

function join(...groups: { runs: RunSummary[]; series: Series[] }[]) {
  return { runs: groups.flatMap((g) => g.runs), series: groups.flatMap((g) => g.series), target };
}

describe('compare', () => {
  it('counts seeds, keeps those that never arrive, and gives ratios to the first-order group', () => {
    const comparison = compare(join(never, slow, fast));
    expect(comparison.reference?.group.name).toBe('AdamW');
    expect(comparison.groups.map((g) => g.group.name)).toEqual(['K-FAC expand', 'AdamW', 'K-FAC reduce']);
    const [first, second, third] = comparison.groups;
    expect(first).toMatchObject({ n: 3, nReached: 3, steps: { median: 20, min: 20, max: 20, ratio: 0.5 } });
    expect(first!.seconds).toMatchObject({ median: 3, ratio: 0.75 });
    expect(second).toMatchObject({
      isReference: true,
      steps: { median: 40, min: 30, max: 40, ratio: 1, ratioInterval: null },
    });
    expect(third).toMatchObject({
      n: 3,
      nReached: 1,
      steps: { median: Infinity, min: 20, max: 20, ratio: null },
    });
    expect(third!.best).toEqual({ step: 20, value: 0.9 });
    expect(third!.finalMetric).toBe(0.5);
    expect(first!.msPerStep).toBe(100);
  });

  it('leaves queued and unfinished runs out of n until they arrive', () => {
    const open = testGroup(
      'K-FAC expand',
      expand,
      [
        [0.5, 0.95],
        [0.5, 0.6],
      ],
      100,
      { status: 'running' },
    );
    const group = compare(join(slow, open)).groups.find((g) => g.group.name === 'K-FAC expand');
    expect(group).toMatchObject({ n: 1, nReached: 1, nPending: 1, steps: { median: 20 } });
  });

  it('withholds times when the runs used more than one adapter', () => {
    const elsewhere = testGroup('K-FAC expand', expand, [[0.95]], 100, {
      environment: { ...slow.runs[0]!.environment!, adapter: 'Another adapter' },
    });
    const comparison = compare(join(slow, elsewhere));
    expect(comparison.groups.every((g) => g.seconds === null)).toBe(true);
    expect(comparison.adapters).toEqual(['Another adapter', 'Test adapter']);
  });

  it('gives no ratio without a reference that arrives', () => {
    const comparison = compare({ ...join(fast, never), reference: never.runs[0]!.groupHash });
    expect(comparison.groups.every((g) => g.steps.ratio === null && g.steps.ratioInterval === null)).toBe(
      true,
    );
  });

  it('counts a run that ended NaN as the worst final value', () => {
    const broken = testGroup('AdamW', adamw, [
      [0.9, NaN],
      [0.9, NaN],
      [0.9, 0.95],
    ]);
    expect(compare(join(broken)).groups[0]!.finalMetric).toBeNaN();
    const one = testGroup('AdamW', adamw, [
      [0.9, NaN],
      [0.9, 0.92],
      [0.9, 0.95],
    ]);
    expect(compare(join(one)).groups[0]!.finalMetric).toBe(0.92);
  });

  it('tells groups of the same name apart by what differs', () => {
    const other = testGroup('AdamW', { ...adamw, lr: 0.5 }, [[0.9]]);
    const renamed = { ...other, runs: other.runs.map((r) => ({ ...r, id: `b-${r.id}` })) };
    const names = compare(join(slow, renamed)).groups.map((g) => g.group.name);
    expect(names.sort()).toEqual(['AdamW, lr 0.015', 'AdamW, lr 0.5']);
  });

  it('does not depend on the order of runs and series', () => {
    const input = join(slow, fast, never);
    const facts = (c: ReturnType<typeof compare>) =>
      c.groups.map((g) => [g.group.hash, g.steps, g.seconds, g.n, g.nReached, g.best, g.finalMetric]);
    const expected = facts(compare({ ...input, reference: slow.runs[0]!.groupHash }));
    const shuffled = fc.shuffledSubarray(input.runs, { minLength: input.runs.length });
    fc.assert(
      fc.property(shuffled, (runs) => {
        const ids = runs.map((r) => r.id);
        const series = input.series.toSorted((a, b) => ids.indexOf(a.runId) - ids.indexOf(b.runId));
        expect(facts(compare({ runs, series, target, reference: slow.runs[0]!.groupHash }))).toEqual(
          expected,
        );
      }),
      trials(10),
    );
  });
});
