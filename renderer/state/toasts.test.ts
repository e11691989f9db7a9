// @vitest-environment happy-dom
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Toasts } from './toasts.svelte.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test('a message goes after eight seconds, but stays while it is pointed at', () => {
  const toasts = new Toasts();
  toasts.say('Renamed.');
  const id = toasts.items[0]?.id ?? 0;
  vi.advanceTimersByTime(7900);
  toasts.hold(id);
  vi.advanceTimersByTime(60_000);
  expect(toasts.items).toHaveLength(1);
  toasts.release(id);
  vi.advanceTimersByTime(8000);
  expect(toasts.items).toHaveLength(0);
});

test('Ctrl Z takes back the last action, also after its message has gone, and each action once', async () => {
  const toasts = new Toasts();
  const undone: string[] = [];
  toasts.done('3 runs moved to the trash.', async () => void undone.push('trash'));
  toasts.done('Renamed.', async () => void undone.push('rename'));
  vi.advanceTimersByTime(20_000);
  expect(toasts.undoLast()).toBe(true);
  expect(toasts.undoLast()).toBe(true);
  expect(toasts.undoLast()).toBe(false);
  await vi.advanceTimersByTimeAsync(0);
  expect(undone).toEqual(['rename', 'trash']);
});

test('the button of a message undoes its own action, not the last one', async () => {
  const toasts = new Toasts();
  const undone: string[] = [];
  toasts.done('first', async () => void undone.push('first'));
  toasts.done('second', async () => void undone.push('second'));
  toasts.items[0]?.undo?.();
  await vi.advanceTimersByTimeAsync(0);
  expect(undone).toEqual(['first']);
  expect(toasts.items.map((toast) => toast.text)).toEqual(['second']);
});

test('an undo that fails says why', async () => {
  const toasts = new Toasts();
  toasts.done('gone', () => Promise.reject(new Error('The run was removed for good.')));
  toasts.undoLast();
  await vi.advanceTimersByTimeAsync(0);
  expect(toasts.items.map((toast) => [toast.tone, toast.text])).toEqual([
    ['bad', 'The run was removed for good.'],
  ]);
});
