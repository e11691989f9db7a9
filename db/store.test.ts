import { copyFileSync, existsSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { describe, expect, it } from 'vitest';
import { migrations } from './migrations/index.ts';
import { openSqlite } from './sqlite.ts';
import { openStore } from './store.ts';
import { append, insertRun, openTestStore, startRun, testDatabasePath } from './test-store.ts';

const nextMigration = {
  version: migrations.length + 1,
  sql: "ALTER TABLE run ADD COLUMN notes TEXT NOT NULL DEFAULT ''",
};
const upgraded = [...migrations, nextMigration];

const filesBeside = (path: string) => readdirSync(dirname(path)).filter((name) => name !== basename(path));

describe('the schema', () => {
  it('is numbered without gaps', () => {
    expect(migrations.map((m) => m.version)).toEqual(migrations.map((_, i) => i + 1));
  });

  it('marks the file as ours', () => {
    const path = testDatabasePath();
    openTestStore({ path }).close();
    const db = openSqlite(path);
    expect(db.pragma('user_version')).toBe(migrations.length);
    expect(db.pragma('application_id')).toBe(0x4b726e31);
    expect(db.pragma('journal_mode')).toBe('wal');
    db.close();
  });

  it('is upgraded with the data kept and a copy from before beside it', () => {
    const path = testDatabasePath();
    const old = openTestStore({ path });
    insertRun(old, 'a');
    append(old, 'a', [['train.loss', 1, NaN]]);
    const run = old.runs.get('a');
    old.close();

    const store = openTestStore({ path, migrations: upgraded });
    expect(store.runs.get('a')).toEqual({
      ...run,
      status: 'interrupted',
      endedMs: expect.any(Number),
      error: expect.any(String),
    });
    expect(store.metrics.series('a', 'train.loss').values).toEqual([NaN]);
    expect(store.notices).toEqual([expect.stringContaining('upgraded')]);
    store.close();

    const [copy] = filesBeside(path);
    expect(copy).toMatch(/^lab\.sqlite3\.before-upgrade-v1-\d{8}T\d{9}Z$/);
    const before = openSqlite(`${dirname(path)}/${copy ?? ''}`);
    expect(before.pragma('user_version')).toBe(1);
    expect(before.prepare<{ n: number }>('SELECT count(*) AS n FROM metric').get()).toEqual({ n: 1 });
    before.close();
  });

  it('stays as it was when an upgrade fails half-way', () => {
    const path = testDatabasePath();
    openTestStore({ path }).close();
    const broken = [...migrations, { version: 2, sql: 'CREATE TABLE half (a); SELECT * FROM missing' }];
    expect(() => openStore({ path, host: 'direct', migrations: broken })).toThrow(/missing/);
    const db = openSqlite(path);
    expect(db.pragma('user_version')).toBe(1);
    expect(db.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'half'").all()).toEqual([]);
    db.close();
    openTestStore({ path });
  });
});

describe('a file the store cannot use', () => {
  it('from a newer version is refused, named, and not touched', () => {
    const path = testDatabasePath();
    openTestStore({ path, migrations: upgraded }).close();
    const bytes = readFileSync(path);
    expect(() => openStore({ path, host: 'direct', recover: true })).toThrow(
      expect.objectContaining({
        code: 'newer-database',
        message: expect.stringMatching(/lab\.sqlite3.*version 2.*up to 1.*Update Kronlab/),
        data: { found: 2, supported: 1 },
      }),
    );
    expect(readFileSync(path).equals(bytes)).toBe(true);
    expect(filesBeside(path)).toEqual([]);
  });

  it('of another program is refused and not touched, even where damage would be moved aside', () => {
    const path = testDatabasePath();
    const other = openSqlite(path);
    other.exec('CREATE TABLE recipes (name TEXT)');
    other.close();
    const bytes = readFileSync(path);
    expect(() => openStore({ path, host: 'direct', recover: true })).toThrow(
      expect.objectContaining({ code: 'invalid', message: expect.stringContaining('another program') }),
    );
    expect(readFileSync(path).equals(bytes)).toBe(true);
  });

  it('in a folder that is not there gives one sentence', () => {
    const path = `${testDatabasePath()}/missing/lab.sqlite3`;
    expect(() => openStore({ path, host: 'direct' })).toThrow(
      expect.objectContaining({ code: 'storage', message: expect.stringContaining(path) }),
    );
  });
});

describe('a damaged database', () => {
  function damagedDatabase(): string {
    const path = testDatabasePath();
    const store = openTestStore({ path });
    insertRun(store, 'a');
    append(
      store,
      'a',
      Array.from({ length: 4000 }, (_, i) => ['train.loss', i, i] as const),
    );
    store.sync();
    // As a crash leaves it: without the goodbye, and with a hole in it.
    copyFileSync(path, `${path}.crashed`);
    store.close();
    copyFileSync(`${path}.crashed`, path);
    truncateSync(path, 40_960);
    return path;
  }

  it('is moved aside, never deleted, and that is said', () => {
    const path = damagedDatabase();
    const bytes = readFileSync(path);
    const store = openTestStore({ path, recover: true });
    expect(store.runs.list(false)).toEqual([]);
    const [notice] = store.notices;
    const aside = /moved to (\S+)/.exec(notice ?? '')?.[1] ?? '';
    expect(aside).toContain('.damaged-');
    expect(readFileSync(aside).equals(bytes)).toBe(true);
  });

  it('that someone named is left where it is', () => {
    const path = damagedDatabase();
    expect(() => openStore({ path, host: 'direct' })).toThrow(
      expect.objectContaining({ code: 'storage', message: expect.stringContaining('damaged') }),
    );
    expect(existsSync(path)).toBe(true);
  });

  it('that is no database at all is moved aside too', () => {
    const path = testDatabasePath();
    writeFileSync(path, 'x'.repeat(5000));
    const store = openTestStore({ path, recover: true });
    expect(store.notices[0]).toContain('nothing was deleted');
  });
});

describe('two processes on one database', () => {
  it('leave each other their runs; a clean end interrupts only its own', () => {
    const path = testDatabasePath();
    const app = openTestStore({ path });
    insertRun(app, 'live');
    startRun(app, 'live');
    insertRun(app, 'waiting');
    const command = openTestStore({ path });
    insertRun(command, 'other');
    expect(
      command.runs
        .list(false)
        .map((run) => run.status)
        .sort(),
    ).toEqual(['queued', 'queued', 'running']);
    command.close();
    expect(app.runs.get('live')?.status).toBe('running');
    expect(app.runs.get('waiting')?.status).toBe('queued');
    expect(app.runs.get('other')).toMatchObject({
      status: 'interrupted',
      error: expect.stringContaining('before this run started'),
    });
  });

  it('end without leaving lock files behind', () => {
    const path = testDatabasePath();
    openTestStore({ path }).close();
    expect(filesBeside(path)).toEqual([]);
  });
});
