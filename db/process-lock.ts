/**
 * A lock that lives exactly as long as its process. Which runs were cut short must be known after a crash, and process
 * ids and heartbeats can both lie (ids are reused, laptops sleep); the operating system drops a file lock when, and only
 * when, its process is gone. SQLite's exclusive lock on an otherwise empty file is such a lock on every platform.
 */
import { rmSync } from 'node:fs';
import { loadDriver } from './driver.ts';
import { sqliteCode, toStorageError } from './storage-error.ts';

export interface ProcessLock {
  /** Lets go; `remove` deletes the file too (only for names that no other process will ask for again). */
  release(options?: { remove: boolean }): void;
}

/** The lock on `path` (made if missing), or null while a process holds it, this one included. Throws `storage`. */
export function acquireProcessLock(path: string): ProcessLock | null {
  const Driver = loadDriver();
  let file: InstanceType<typeof Driver> | null = null;
  try {
    file = new Driver(path, { timeout: 0 });
    file.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    file?.close();
    if (sqliteCode(error)?.startsWith('SQLITE_BUSY')) return null;
    throw toStorageError(error, path);
  }
  const held = file;
  return {
    release({ remove } = { remove: false }) {
      if (!held.open) return;
      held.close();
      if (remove) rmSync(path, { force: true });
    },
  };
}
