import { expect, it } from 'vitest';
import { setDurability } from './durability.ts';
import { openSqlite } from './sqlite.ts';
import { testDatabasePath } from './test-store.ts';

it('sets what SQLite calls 1 and 2', () => {
  const db = openSqlite(testDatabasePath());
  setDurability(db, 'FULL');
  expect(db.pragma('synchronous')).toBe(2);
  setDurability(db, 'NORMAL');
  expect(db.pragma('synchronous')).toBe(1);
  db.close();
});
