import { expect, test } from 'vitest';
import type { MetricSummary, RunSummary } from '../../contract/runs.ts';
import { makeRun } from '../test/make-run.ts';
import { groupRows, groupStatus, sortGroups } from './group-rows.ts';

function accuracy(max: number, maxStep: number): MetricSummary[] {
  return [
    {
      key: 'val.accuracy',
      n: 3,
      last: max,
      lastStep: 200,
      min: 0.1,
      minStep: 0,
      max,
      maxStep,
      nonfiniteCount: 0,
      firstNonfiniteStep: null,
    },
  ];
}

function run(id: string, groupHash: string, seed: number, changes: Partial<RunSummary> = {}): RunSummary {
  return makeRun({ id, groupHash, seed, groupName: groupHash, status: 'finished', ...changes });
}

test('runs that differ by their seed form one row with the median of the best values', () => {
  const [row, ...others] = groupRows([
    run('a', 'g', 2, { metrics: accuracy(0.9, 10), activeMs: 1000 }),
    run('b', 'g', 1, { metrics: accuracy(0.96, 20), activeMs: 2000 }),
    run('c', 'g', 3, { metrics: accuracy(0.95, 30), activeMs: 500 }),
  ]);
  expect(others).toEqual([]);
  expect(row?.best).toBe(0.95);
  expect(row?.activeMs).toBe(3500);
  expect(row?.members.map((member) => member.run.seed)).toEqual([1, 2, 3]);
});

test('a run without a value does not enter the median', () => {
  const [row] = groupRows([run('a', 'g', 1), run('b', 'g', 2, { metrics: accuracy(0.8, 5) })]);
  expect(row?.best).toBe(0.8);
});

test('what needs attention is said first', () => {
  expect(groupStatus(['finished', 'finished'])).toEqual({ status: 'finished', text: '2 of 2 done' });
  expect(groupStatus(['finished', 'diverged', 'failed']).text).toBe('1 of 3 diverged');
  expect(groupStatus(['running', 'finished', 'queued'])).toEqual({ status: 'running', text: '1 of 3 done' });
  expect(groupStatus(['queued', 'queued']).text).toBe('2 queued');
  expect(groupStatus(['interrupted', 'finished']).status).toBe('interrupted');
});

test('sorting puts missing values last in ascending order and sorts members the same way', () => {
  const rows = groupRows([
    run('a', 'none', 1),
    run('b', 'low', 1, { metrics: accuracy(0.7, 5) }),
    run('c', 'high', 1, { metrics: accuracy(0.8, 5) }),
    run('d', 'high', 2, { metrics: accuracy(0.9, 5) }),
  ]);
  const ascending = sortGroups(rows, { column: 'best', descending: false });
  expect(ascending.map((row) => row.hash)).toEqual(['low', 'high', 'none']);
  const descending = sortGroups(rows, { column: 'best', descending: true });
  const high = descending.find((row) => row.hash === 'high');
  expect(high?.members.map((member) => member.best)).toEqual([0.9, 0.8]);
});
