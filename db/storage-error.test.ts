import { describe, expect, it } from 'vitest';
import { migrate } from './migrate.ts';
import { migrations } from './migrations/index.ts';
import { createQueries } from './queries/index.ts';
import { openSqlite, int } from './sqlite.ts';
import { batchOf } from './test-batch.ts';
import { testDatabasePath, testSpec } from './test-store.ts';

function openConnection() {
  const db = openSqlite(testDatabasePath());
  migrate(db, migrations, () => '');
  const queries = createQueries(db);
  const owner = { session: 's', client: 'c' };
  const run = {
    uid: 'a',
    comparisonUid: null,
    name: 'a',
    groupHash: 'h',
    groupName: 'g',
    spec: testSpec,
    createdMs: 1,
    owner,
  };
  queries.runs.insert(run);
  return { db, queries };
}

const rows = (from: number, n: number) =>
  batchOf(Array.from({ length: n }, (_, i) => ['train.loss', from + i, 1 / (from + i + 1)] as const));

describe('a full disk', () => {
  it('refuses the batch whole, says so in one sentence, keeps what was stored, and works again with space', () => {
    const { db, queries } = openConnection();
    queries.metrics.append('a', rows(0, 100));
    const before = [queries.metrics.series('a', 'train.loss'), queries.runs.get('a')];
    db.exec(`PRAGMA max_page_count = ${int(Number(db.pragma('page_count')) + 2)}`);

    const big = () => db.transaction(() => queries.metrics.append('a', rows(100, 5000)));
    expect(big).toThrow(
      expect.objectContaining({
        code: 'storage',
        message: expect.stringMatching(/^The disk with \S+lab\.sqlite3 is full, so this was not saved\./),
      }),
    );
    expect([queries.metrics.series('a', 'train.loss'), queries.runs.get('a')]).toEqual(before);

    db.exec('PRAGMA max_page_count = 100000');
    big();
    expect(queries.runs.get('a')?.metrics[0]).toMatchObject({ n: 5100, lastStep: 5099 });
    expect(db.pragma('integrity_check')).toBe('ok');
    db.close();
  });
});

describe('a database that cannot be written', () => {
  it('says which file and what to do', () => {
    const { db, queries } = openConnection();
    db.exec('PRAGMA query_only = ON');
    expect(() => db.transaction(() => queries.metrics.append('a', rows(0, 1)))).toThrow(
      expect.objectContaining({
        code: 'storage',
        message: expect.stringMatching(/lab\.sqlite3 cannot be written: make/),
      }),
    );
    db.close();
  });
});

describe('whole numbers', () => {
  it.each([0.5, NaN, Infinity, 2 ** 53])('%d is not bound as one', (value) => {
    expect(() => int(value)).toThrow(expect.objectContaining({ code: 'internal' }));
  });

  it('divide as whole numbers in SQL, where plain numbers would not', () => {
    const { db } = openConnection();
    const halves = db.prepare<{ a: number; b: number }>('SELECT ? / 2 AS a, ? / 2 AS b').get(int(5), 5);
    expect(halves).toEqual({ a: 2, b: 2.5 });
    db.close();
  });
});
