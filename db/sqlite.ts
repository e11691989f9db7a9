/**
 * The few things the store asks of a database, behind a small interface: the driver can be replaced here, and every
 * error leaves as a sentence.
 */
import type BetterSqlite3 from 'better-sqlite3';
import { KronlabError } from '../contract/errors.ts';
import { loadDriver } from './driver.ts';
import { toStorageError } from './storage-error.ts';

/** What may be bound. Plain numbers are bound as REAL: use `int` where a whole number is meant. */
export type SqlValue = number | bigint | string | null;

export interface Statement<Row> {
  /** Runs it and says how many rows changed. */
  run(...values: SqlValue[]): number;
  get(...values: SqlValue[]): Row | undefined;
  all(...values: SqlValue[]): Row[];
}

export interface Db {
  readonly path: string;
  /** Compiled once per SQL text. */
  prepare<Row>(sql: string): Statement<Row>;
  /** One IMMEDIATE transaction: all of `body` or nothing. Inside another transaction, a part of that one. */
  transaction<T>(body: () => T): T;
  /** Statements without parameters or results. */
  exec(sql: string): void;
  /** The first column of a pragma's first row. */
  pragma(text: string): unknown;
  close(): void;
}

/** Binds a whole number as INTEGER. Throws `internal` on anything else, which would be stored as something else. */
export function int(value: number): bigint {
  if (!Number.isSafeInteger(value)) throw new KronlabError('internal', `${value} is not a whole number.`);
  return BigInt(value);
}

/** `null` stays null. */
export function intOrNull(value: number | null): bigint | null {
  return value === null ? null : int(value);
}

/** @param path a file, made if missing, or `:memory:`. Throws `storage`. */
export function openSqlite(path: string): Db {
  const Driver = loadDriver();
  const guarded = <T>(work: () => T): T => {
    try {
      return work();
    } catch (error) {
      throw toStorageError(error, path);
    }
  };
  const raw = guarded(() => openFile(Driver, path));
  const statements = new Map<string, Statement<unknown>>();
  return {
    path,
    prepare<Row>(sql: string) {
      const known =
        statements.get(sql) ??
        wrap(
          guarded(() => raw.prepare(sql)),
          guarded,
        );
      statements.set(sql, known);
      return known as Statement<Row>;
    },
    transaction<T>(body: () => T): T {
      if (raw.inTransaction) return body();
      return guarded(() => raw.transaction(body).immediate());
    },
    exec: (sql) => guarded(() => void raw.exec(sql)),
    pragma: (text) => guarded(() => raw.pragma(text, { simple: true })),
    close: () => guarded(() => void raw.close()),
  };
}

const busyTimeoutMs = 5000;

function openFile(Driver: ReturnType<typeof loadDriver>, path: string): BetterSqlite3.Database {
  try {
    return new Driver(path, { timeout: busyTimeoutMs });
  } catch (error) {
    // The driver reports a missing folder as a TypeError of its own; it is the same case as SQLite's CANTOPEN.
    if (error instanceof TypeError)
      throw Object.assign(new Error(error.message), { code: 'SQLITE_CANTOPEN' });
    throw error;
  }
}

type Guard = <T>(work: () => T) => T;

function wrap(statement: BetterSqlite3.Statement, guarded: Guard): Statement<unknown> {
  return {
    run: (...values) => guarded(() => statement.run(...values).changes),
    get: (...values) => guarded(() => statement.get(...values)),
    all: (...values) => guarded(() => statement.all(...values)),
  };
}
