/**
 * Brings a database up to the schema this version of the lab writes. The version stands in the file itself
 * (`user_version`), and each step is one transaction with its version number, so a crash leaves the old or the new.
 */
import { KronlabError } from '../contract/errors.ts';
import { int, type Db } from './sqlite.ts';

export interface Migration {
  /** 1, 2, 3, ... without gaps. */
  version: number;
  sql: string;
}

/** Marks the file as ours (`file` and other tools read it): the letters `Krn1`. */
export const applicationId = 0x4b726e31;

/**
 * Refuses, before anything is changed: a database of another program (`invalid`), and one from a newer version of the
 * lab (`newer-database`).
 */
export function assertReadable(db: Db, migrations: readonly Migration[]): void {
  const latest = latestVersion(migrations);
  const version = Number(db.pragma('user_version'));
  const owner = Number(db.pragma('application_id'));
  const tables = db.prepare<{ n: number }>('SELECT count(*) AS n FROM sqlite_schema').get()?.n ?? 0;
  if (owner !== applicationId && (owner !== 0 || version !== 0 || tables > 0)) {
    throw new KronlabError('invalid', `${db.path} is a database of another program. Choose another file.`);
  }
  if (version > latest) {
    throw new KronlabError(
      'newer-database',
      `${db.path} was written by a newer version of Kronlab (database version ${version}; this one reads up to ` +
        `${latest}). Update Kronlab, or use another data folder (KRONLAB_DATA=FOLDER). The file was not changed.`,
      { found: version, supported: latest },
    );
  }
}

/**
 * Applies what is missing. An existing database is copied first.
 * @param backupPath where the copy goes; asked only when one is made.
 * @returns the path of the copy, or null.
 */
export function migrate(
  db: Db,
  migrations: readonly Migration[],
  backupPath: (version: number) => string,
): string | null {
  const version = Number(db.pragma('user_version'));
  if (version >= latestVersion(migrations)) return null;
  const backup = version > 0 ? backupPath(version) : null;
  if (backup !== null) db.prepare('VACUUM INTO ?').run(backup);
  for (const migration of migrations) apply(db, migration);
  return backup;
}

function apply(db: Db, migration: Migration): void {
  db.transaction(() => {
    // Asked again inside the transaction: another process may have been faster.
    if (Number(db.pragma('user_version')) >= migration.version) return;
    db.exec(migration.sql);
    db.exec(`PRAGMA application_id = ${int(applicationId)}; PRAGMA user_version = ${int(migration.version)}`);
  });
}

function latestVersion(migrations: readonly Migration[]): number {
  return migrations.at(-1)?.version ?? 0;
}
