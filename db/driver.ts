/**
 * Loads the SQLite driver, after looking whether this Node can run it: on an older Node the native module does not
 * fail with a message, it ends the process.
 */
import { createRequire } from 'node:module';
import type BetterSqlite3 from 'better-sqlite3';
import { KronlabError } from '../contract/errors.ts';

export type Driver = typeof BetterSqlite3;

const neededNodeApi = 10;

/** Throws `storage` when the running Node is too old for the driver. */
export function assertNodeApi(versions: { node: string; napi?: string | undefined }): void {
  if (Number(versions.napi ?? 0) >= neededNodeApi) return;
  throw new KronlabError(
    'storage',
    `The store needs Node 22.14 or newer (Node-API ${neededNodeApi}); this is Node ${versions.node} with Node-API ` +
      `${versions.napi ?? 'unknown'}. Start through npm (npm start, npm run kronlab), which uses the Node that came with the lab.`,
  );
}

/** The driver's constructor. Loaded late and by name, so that importing this room never loads native code. */
export function loadDriver(): Driver {
  assertNodeApi({ node: process.versions.node, napi: process.versions.napi });
  return createRequire(import.meta.url)('better-sqlite3') as Driver;
}
