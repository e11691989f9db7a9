/**
 * Opens the lab's database and keeps it honest: refuses what it cannot read, upgrades what is old, sets damaged files
 * aside, and ends the runs that a dead process left open. Everything else reaches the data through the queries it gives out.
 */
import { randomUUID } from 'node:crypto';
import { statSync } from 'node:fs';
import { KronlabError } from '../contract/errors.ts';
import { fileStamp, findDamage, moveAside } from './damage.ts';
import { setDurability } from './durability.ts';
import { interruptRuns } from './interrupt.ts';
import { assertReadable, migrate, type Migration } from './migrate.ts';
import { migrations as shipped } from './migrations/index.ts';
import type { ProcessLock } from './process-lock.ts';
import { createQueries, type Queries } from './queries/index.ts';
import { createSessionQueries } from './queries/sessions.ts';
import { hasLiveSession, isSessionLive, lockSession, removeSessionLock } from './session-locks.ts';
import { openSqlite, type Db } from './sqlite.ts';
import { isDamage } from './storage-error.ts';

export interface StoreOptions {
  /** A file in an existing folder, made if missing, or `:memory:`. */
  path: string;
  /** Who opens it, for the session list: `electron`, `browser`, `direct`. */
  host: string;
  /** Move a damaged file aside and begin a new one (the lab's own database) instead of refusing it (a file someone named). */
  recover?: boolean;
  migrations?: readonly Migration[];
  now?: () => number;
}

export interface Store extends Queries {
  readonly path: string;
  /** This process's id in the store; runs it works on carry it. */
  readonly session: string;
  /** What a person should know about how opening went. */
  readonly notices: readonly string[];
  readonly sqliteVersion: string;
  /** Size of the database file; 0 in memory. */
  bytes(): number;
  /** All of `body` or nothing. */
  transaction<T>(body: () => T): T;
  /** Forces what was committed onto the disk, whatever the durability setting. */
  sync(): void;
  /** Brings the connection in line with the `durability` setting. */
  applyDurability(): void;
  /** Ends the runs this process left open, and lets go of the file. */
  close(): void;
}

/** Throws `storage`, `newer-database`, `unavailable`, or `invalid` for a file of another program. */
export function openStore(options: StoreOptions): Store {
  const { path, host, migrations = shipped, now = Date.now } = options;
  const notices: string[] = [];
  const { db, dead } = openSound(options, migrations, now, notices);
  let lock: ProcessLock | null = null;
  try {
    const backup = migrate(
      db,
      migrations,
      (version) => `${path}.before-upgrade-v${version}-${fileStamp(now())}`,
    );
    if (backup !== null) notices.push(`The database was upgraded. A copy from before is at ${backup}.`);
    const session = randomUUID();
    if (!isInMemory(path)) lock = lockSession(path, session);
    const queries = createQueries(db);
    db.transaction(() => beginSession(queries, { id: session, host, dead, nowMs: now() }));
    for (const id of dead) removeSessionLock(path, id);
    return assemble(db, queries, { session, notices, lock, now });
  } catch (error) {
    db.close();
    lock?.release({ remove: true });
    throw error;
  }
}

function beginSession(
  queries: Queries,
  session: { id: string; host: string; dead: ReadonlySet<string>; nowMs: number },
): void {
  const { id, host, dead, nowMs } = session;
  queries.sessions.insert({ id, host, pid: process.pid, startedMs: nowMs });
  interruptRuns(queries, { isGone: (owner) => dead.has(owner.session), reason: 'lab', nowMs });
  for (const gone of dead) queries.sessions.end(gone, nowMs);
}

interface Opened {
  db: Db;
  /** Sessions that ended without saying so. */
  dead: Set<string>;
}

function openSound(
  options: StoreOptions,
  migrations: readonly Migration[],
  now: () => number,
  notices: string[],
): Opened {
  const { path, recover = false } = options;
  try {
    return openChecked(path, migrations);
  } catch (error) {
    if (!isDamage(error) || !recover) throw error;
    if (hasLiveSession(path)) {
      throw new KronlabError(
        'storage',
        `${path} is damaged and open in another process. Close every Kronlab and start again.`,
      );
    }
    const aside = moveAside(path, now());
    notices.push(
      `The database was damaged. It was moved to ${aside} and a new one was begun; nothing was deleted.`,
    );
    return openChecked(path, migrations);
  }
}

/** A connection to a file that is ours, not newer, and sound as far as can be seen at a reasonable price. */
function openChecked(path: string, migrations: readonly Migration[]): Opened {
  const db = openSqlite(path);
  try {
    assertReadable(db, migrations);
    db.pragma('journal_mode = WAL');
    db.exec('PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -20000');
    const dead = deadSessions(db);
    // The whole file is read only after an unclean end: that is when something may have gone wrong.
    const damage = dead.size > 0 ? findDamage(db) : null;
    if (damage !== null)
      throw new KronlabError('storage', `${path} is damaged (${damage}).`, { sqlite: 'SQLITE_CORRUPT' });
    return { db, dead };
  } catch (error) {
    db.close();
    throw error;
  }
}

function deadSessions(db: Db): Set<string> {
  if (Number(db.pragma('user_version')) === 0) return new Set();
  return new Set(
    createSessionQueries(db)
      .open()
      .filter((id) => !isSessionLive(db.path, id)),
  );
}

function assemble(
  db: Db,
  queries: Queries,
  parts: { session: string; notices: string[]; lock: ProcessLock | null; now: () => number },
): Store {
  const { session, notices, lock, now } = parts;
  const applyDurability = () => setDurability(db, queries.settings.get().durability);
  applyDurability();
  let open = true;
  return {
    ...queries,
    path: db.path,
    session,
    notices,
    sqliteVersion: db.prepare<{ v: string }>('SELECT sqlite_version() AS v').get()?.v ?? '',
    bytes: () => (isInMemory(db.path) ? 0 : statSync(db.path).size),
    transaction: (body) => db.transaction(body),
    sync: () => void db.pragma('wal_checkpoint(PASSIVE)'),
    applyDurability,
    close() {
      if (!open) return;
      open = false;
      try {
        db.transaction(() => {
          interruptRuns(queries, {
            isGone: (owner) => owner.session === session,
            reason: 'lab',
            nowMs: now(),
          });
          queries.sessions.end(session, now());
        });
      } finally {
        db.close();
        lock?.release({ remove: true });
      }
    },
  };
}

function isInMemory(path: string): boolean {
  return path === ':memory:';
}
