// @vitest-environment happy-dom
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { KronlabError } from '../../contract/errors.ts';
import { FakeClient } from '../test/fake-client.ts';
import { Connection } from './connection.svelte.ts';

const info = {
  version: '0.1.0',
  host: 'browser' as const,
  databasePath: '',
  databaseBytes: 0,
  nodeVersion: '',
  sqliteVersion: '',
  notices: [],
};

/** A host that can go away and come back. */
function makeHost() {
  const clients: FakeClient[] = [];
  const idle = (): void => undefined;
  const state = { up: true, breakLine: idle, clients };
  const connect = async (onClosed: () => void) => {
    if (!state.up) throw new KronlabError('unavailable', 'Nobody answers.');
    const client = new FakeClient({ 'app.info': () => info, 'comparisons.list': () => [] });
    state.breakLine = onClosed;
    clients.push(client);
    return client;
  };
  return { state, connect };
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test('calls made before the line is open wait for it', async () => {
  const { state, connect } = makeHost();
  const connection = new Connection(connect);
  await expect(connection.call('comparisons.list', {})).resolves.toEqual([]);
  expect(connection.state).toBe('open');
  expect(state.clients).toHaveLength(1);
});

test('a broken line is told, refused at once, opened again, and keeps its subscriptions', async () => {
  const { state, connect } = makeHost();
  const connection = new Connection(connect);
  const heard: string[][] = [];
  const reopened = vi.fn();
  connection.on('runs.changed', ({ ids }) => heard.push(ids));
  connection.onReopened(reopened);
  await vi.advanceTimersByTimeAsync(0);
  state.up = false;
  state.breakLine();
  expect(connection.state).toBe('lost');
  await expect(connection.call('comparisons.list', {})).rejects.toMatchObject({ code: 'unavailable' });
  await vi.advanceTimersByTimeAsync(3000);
  expect(connection.state).toBe('lost');
  state.up = true;
  await vi.advanceTimersByTimeAsync(10_000);
  expect(connection.state).toBe('open');
  expect(reopened).toHaveBeenCalledOnce();
  state.clients.at(-1)?.emit('runs.changed', { ids: ['a'] });
  expect(heard).toEqual([['a']]);
});

test('a page that has lost its key stops trying and says so', async () => {
  const connect = vi.fn(() =>
    Promise.reject(new KronlabError('unavailable', 'This page has lost its key.', { reason: 'session' })),
  );
  const connection = new Connection(connect);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(connection.refusal?.message).toBe('This page has lost its key.');
  expect(connect).toHaveBeenCalledOnce();
});
