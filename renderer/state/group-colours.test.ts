// @vitest-environment happy-dom
import { expect, test } from 'vitest';
import { freshSlots } from './group-colours.svelte.ts';

test('new groups take the lowest slots nobody has; those with one keep it', () => {
  const fresh = freshSlots(['a', 'b', 'c'], new Map([['b', 1]]));
  expect([...fresh]).toEqual([
    ['a', 2],
    ['c', 3],
  ]);
});

test('when all eight are taken, a new group borrows one that nobody beside it has', () => {
  const given = new Map(Array.from({ length: 8 }, (_, i) => [`old-${i + 1}`, i + 1]));
  expect([...freshSlots(['old-1', 'old-2', 'new'], given)]).toEqual([['new', 3]]);
});

test('a ninth group on one page has no slot', () => {
  const hashes = Array.from({ length: 9 }, (_, i) => `group-${i}`);
  const fresh = freshSlots(hashes, new Map());
  expect(fresh.size).toBe(8);
  expect(fresh.has('group-8')).toBe(false);
});
