import { describe, expect, it } from 'vitest';
import { openTestStore, insertRun, startRun, testSpec } from '../test-store.ts';
import { openSqlite } from '../sqlite.ts';
import { testDatabasePath } from '../test-store.ts';

describe('runs', () => {
  it('keep their spec and their settings as sortable parameters', () => {
    const path = testDatabasePath();
    const store = openTestStore({ path });
    insertRun(store, 'a');
    expect(store.runs.get('a')?.spec).toEqual(testSpec);
    store.close();

    const db = openSqlite(path);
    const param = db.prepare<{ num: number | null; text: string; type: string }>(
      'SELECT num, text, typeof(num) AS type FROM param WHERE key = ?',
    );
    const { lr } = testSpec.optimizer;
    expect(param.get('optimizer.lr')).toEqual({ num: lr, text: String(lr), type: 'real' });
    expect(param.get('dataset.id')).toEqual({ num: null, text: 'digits', type: 'null' });
    // Whole numbers are stored as such: the driver alone would have made them REAL.
    const seed = db
      .prepare<{ type: string; seed: number }>('SELECT typeof(seed) AS type, seed FROM run')
      .get();
    expect(seed).toEqual({ type: 'integer', seed: 4294967295 });
    db.close();
  });

  it('are found in the trash or outside it, never in both', () => {
    const store = openTestStore();
    insertRun(store, 'a');
    insertRun(store, 'b');
    expect(store.runs.setTrashed('a', 5)).toBe(true);
    expect(store.runs.setTrashed('a', 6)).toBe(false);
    expect(store.runs.list(false).map((run) => run.id)).toEqual(['b']);
    expect(store.runs.list(true).map((run) => [run.id, run.trashedMs])).toEqual([['a', 5]]);
    expect(store.runs.setTrashed('a', null)).toBe(true);
    expect(store.runs.list(true)).toEqual([]);
  });

  it('are deleted from the trash alone, with every row that is theirs', () => {
    const store = openTestStore();
    insertRun(store, 'a');
    startRun(store, 'a');
    store.events.append('a', [{ step: 1, atMs: 1, level: 'info', code: 'started', text: 'x' }]);
    expect(store.runs.remove('a')).toBe(false);
    store.runs.setTrashed('a', 5);
    expect(store.runs.remove('a')).toBe(true);
    expect(store.runs.get('a')).toBeNull();
    insertRun(store, 'a');
    expect(store.events.list('a')).toEqual([]);
    expect(store.runs.remove('nowhere')).toBe(false);
  });

  it('never lose ground: a late end does not take back steps or time', () => {
    const store = openTestStore();
    insertRun(store, 'a');
    startRun(store, 'a');
    store.runs.advance('a', 40, 80);
    store.runs.end('a', {
      status: 'stopped',
      atMs: 1_700_000_000_100,
      activeMs: 70,
      lastStep: 35,
      error: null,
    });
    expect(store.runs.get('a')).toMatchObject({ status: 'stopped', lastStep: 40, activeMs: 80 });
  });
});

it('events sent twice are kept once, in order', () => {
  const store = openTestStore();
  insertRun(store, 'a');
  const event = { step: 3, atMs: 12.5, level: 'info' as const, code: 'started', text: 'Started.' };
  const later = { ...event, step: 4, code: 'paused' };
  store.events.append('a', [event, later]);
  store.events.append('a', [event, later]);
  expect(store.events.list('a')).toEqual([event, later]);
});

it('a comparison that fails half-way leaves nothing', () => {
  const store = openTestStore();
  insertRun(store, 'taken');
  expect(() =>
    store.transaction(() => {
      store.comparisons.insert({ uid: 'c', name: 'c', createdMs: 1 });
      insertRun(store, 'fresh');
      insertRun(store, 'taken');
    }),
  ).toThrow(expect.objectContaining({ code: 'internal', message: expect.stringContaining('UNIQUE') }));
  expect(store.comparisons.list()).toEqual([]);
  expect(store.runs.list(false).map((run) => run.id)).toEqual(['taken']);
});

describe('settings', () => {
  it('have defaults, and changes leave other fields alone', () => {
    const store = openTestStore();
    expect(store.settings.get()).toMatchObject({ theme: 'system', durability: 'NORMAL' });
    store.settings.set({ theme: 'dark', groupSlots: { abc: 3 } });
    store.settings.set({ durability: 'FULL' });
    expect(store.settings.get()).toMatchObject({ theme: 'dark', durability: 'FULL', groupSlots: { abc: 3 } });
  });
});

describe('kernel choices', () => {
  it.each(['no JSON', '7', '{"version":"1"}', '{"version":"1","choices":{"key":7}}', '{"choices":{}}'])(
    'that do not read as a table are none: %s',
    (json) => {
      const path = testDatabasePath();
      const first = openTestStore({ path });
      first.kernels.set('card', '1', { key: 'name' });
      expect(first.kernels.get('card', '1')).toEqual({ key: 'name' });
      first.close();

      const db = openSqlite(path);
      db.prepare('UPDATE setting SET json = ? WHERE key LIKE ?').run(json, 'kernels of %');
      db.close();

      const store = openTestStore({ path });
      expect(store.kernels.get('card', '1')).toEqual({});
      expect(store.settings.get().theme).toBe('system');
      store.close();
    },
  );
});
