/**
 * Which processes have a database open right now: one lock file each beside the database (see `process-lock.ts`). A
 * session's file is locked before its row is written, so whoever knows the id may probe the file without a race.
 */
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { KronlabError } from '../contract/errors.ts';
import { acquireProcessLock, type ProcessLock } from './process-lock.ts';

/** Takes this session's own lock. */
export function lockSession(databasePath: string, session: string): ProcessLock {
  const lock = acquireProcessLock(lockPath(databasePath, session));
  if (lock === null)
    throw new KronlabError('unavailable', `${databasePath} is being opened by another process; try again.`);
  return lock;
}

/** True while the process of that session lives. */
export function isSessionLive(databasePath: string, session: string): boolean {
  return isHeld(lockPath(databasePath, session));
}

/** True while any process has the database open, found without reading the database. */
export function hasLiveSession(databasePath: string): boolean {
  const folder = dirname(databasePath);
  const prefix = basename(lockPath(databasePath, ''));
  return readdirSync(folder).some((name) => name.startsWith(prefix) && isHeld(join(folder, name)));
}

/** Clears away what a dead session left. */
export function removeSessionLock(databasePath: string, session: string): void {
  rmSync(lockPath(databasePath, session), { force: true });
}

function isHeld(path: string): boolean {
  // Asking for the lock would make the file.
  if (!existsSync(path)) return false;
  const lock = acquireProcessLock(path);
  lock?.release();
  return lock === null;
}

function lockPath(databasePath: string, session: string): string {
  return `${databasePath}-session-${session}`;
}
