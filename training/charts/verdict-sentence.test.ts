import { describe, expect, it } from 'vitest';
import type { RunSummary, Series } from '../../contract/runs.ts';
import { compare } from '../statistics/comparison.ts';
import type { Target } from '../statistics/target.ts';
import { adamw, expand, reduce, testGroup } from '../statistics/test-runs.ts';
import { plainText, timeRefusal, verdictSentence } from './verdict-sentence.ts';

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
const sentence = (input: Parameters<typeof compare>[0]) => plainText(verdictSentence(compare(input)));

describe('verdictSentence', () => {
  it('says by how much the fastest group beats the reference', () => {
    expect(sentence(join(slow, fast, never))).toBe(
      'K-FAC expand reaches 0.900 in 0.50 × the steps and 0.75 × the time of AdamW.',
    );
  });

  it('says so when the reference does not arrive', () => {
    expect(sentence({ ...join(slow, fast, never), reference: never.runs[0]!.groupHash })).toBe(
      'K-FAC expand and AdamW reach 0.900. K-FAC reduce does so in only 1 of 3 runs. Without a reference there is no ratio.',
    );
  });

  it('says so when only the reference arrives, nobody does, or nothing has ended', () => {
    expect(sentence(join(slow, never))).toBe('Only AdamW reaches 0.900. K-FAC reduce: 1 of 3 runs.');
    expect(sentence(join(never))).toBe(
      'No group reaches 0.900 in most of its runs. Closest is K-FAC reduce with 1 of 3.',
    );
    expect(sentence({ ...join(slow, fast), target: { ...target, value: 0.99 } })).toBe(
      'No group reaches 0.990. Closest is K-FAC expand with 0.950.',
    );
    expect(sentence(join(testGroup('AdamW', adamw, [[]], 100, { status: 'queued' })))).toBe(
      'Nothing to compare yet: no run has ended or reached 0.900.',
    );
  });

  it('speaks of steps alone where times cannot be compared', () => {
    const elsewhere = {
      ...fast,
      runs: fast.runs.map((r) => ({ ...r, environment: { ...r.environment!, adapter: 'Another adapter' } })),
    };
    expect(sentence(join(slow, elsewhere))).toBe('K-FAC expand reaches 0.900 in 0.50 × the steps of AdamW.');
  });

  it('mentions runs that are not over', () => {
    const open = testGroup('K-FAC reduce', reduce, [[0.5]], 100, { status: 'running' });
    expect(sentence(join(slow, fast, open))).toMatch(/ 1 run is not over yet\.$/);
  });
});

describe('timeRefusal', () => {
  it('names the adapters where there is more than one', () => {
    const elsewhere = testGroup('K-FAC expand', expand, [[0.95]], 100, {
      environment: { ...slow.runs[0]!.environment!, adapter: 'Another adapter' },
    });
    const comparison = compare(join(slow, elsewhere));
    expect(timeRefusal(comparison)).toBe(
      'Wall-clock is hidden: these runs used two adapters, Another adapter and Test adapter. Steps can be compared.',
    );
    expect(timeRefusal(compare(join(slow, fast)))).toBeNull();
  });
});
