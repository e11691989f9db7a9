/**
 * What happens to a database that cannot be trusted: it is moved aside, never deleted, because a person with the right
 * tool may still get their runs out of it.
 */
import { existsSync, renameSync } from 'node:fs';
import type { Db } from './sqlite.ts';

/** SQLite's quick look through the whole file: null when it is sound, else what is wrong. */
export function findDamage(db: Db): string | null {
  const answer = String(db.pragma('quick_check(1)'));
  return answer === 'ok' ? null : answer;
}

/** Renames the database and its journals. @returns the new path */
export function moveAside(path: string, atMs: number): string {
  const aside = `${path}.damaged-${fileStamp(atMs)}`;
  for (const suffix of ['', '-wal', '-shm']) {
    if (existsSync(path + suffix)) renameSync(path + suffix, aside + suffix);
  }
  return aside;
}

/** `20261124T045312123Z`: sorts by time, legal in a file name everywhere. */
export function fileStamp(atMs: number): string {
  return new Date(atMs).toISOString().replace(/[-:.]/g, '');
}
