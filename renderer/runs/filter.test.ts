import { expect, test } from 'vitest';
import { makeRun } from '../test/make-run.ts';
import { matchesFilter, parseFilter, withoutTerm } from './filter.ts';

const nameOf = (id: string) => `Name of ${id}`;

function terms(text: string) {
  const result = parseFilter(text);
  if ('error' in result) throw new Error(result.error);
  return result.terms;
}

test('words alone are looked for in every field, and all must be found', () => {
  const run = makeRun({
    groupName: 'K-FAC reduce',
    seed: 3,
    status: 'finished',
    comparisonName: 'First light',
  });
  expect(matchesFilter(run, terms('reduce light'), nameOf)).toBe(true);
  expect(matchesFilter(run, terms('REDUCE seed'), nameOf)).toBe(true);
  expect(matchesFilter(run, terms('reduce heavy'), nameOf)).toBe(false);
});

test('a field looks only there, and quotes keep words together', () => {
  const run = makeRun({ groupName: 'finished by hand', seed: 1, status: 'diverged' });
  expect(matchesFilter(run, terms('status:finished'), nameOf)).toBe(false);
  expect(matchesFilter(run, terms('name:"by hand"'), nameOf)).toBe(true);
  expect(matchesFilter(run, terms('name:"hand by"'), nameOf)).toBe(false);
  expect(matchesFilter(run, terms('dataset:digits model:vit optimizer:kfac'), nameOf)).toBe(true);
  expect(matchesFilter(run, terms('dataset:"name of digits"'), nameOf)).toBe(true);
});

test('a run whose window went away before it began counts as queued', () => {
  const run = makeRun({ status: 'interrupted', startedMs: null });
  expect(matchesFilter(run, terms('status:queued'), nameOf)).toBe(true);
  expect(
    matchesFilter(makeRun({ status: 'interrupted', startedMs: 5 }), terms('status:queued'), nameOf),
  ).toBe(false);
});

test('an unknown field and an open quote are named with their place', () => {
  expect(parseFilter('kfac lr:0.1')).toMatchObject({
    at: 'lr:0.1',
    error: expect.stringContaining('lr is not a field'),
  });
  expect(parseFilter('name:"K-FAC')).toMatchObject({ error: expect.stringContaining('never closed') });
});

test('closing a chip takes away exactly its part of the text', () => {
  const [first, second] = terms('kfac  status:finished adam');
  expect(first && withoutTerm('kfac  status:finished adam', first)).toBe('status:finished adam');
  expect(second && withoutTerm('kfac  status:finished adam', second)).toBe('kfac adam');
});
