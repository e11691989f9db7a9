/**
 * The whole Node side of the lab, composed once and served by every host: the desktop shell over IPC, the browser host
 * over a web socket, the command line directly. Knows nothing of electron or http.
 */
import { join } from 'node:path';
import type { AppInfo } from '../../contract/api.ts';
import { KronlabError } from '../../contract/errors.ts';
import { createRouter, type Services } from '../../contract/router.ts';
import { interruptRuns, openStore, type Store } from '../../db/index.ts';
import packageJson from '../../package.json' with { type: 'json' };
import { createChangeFeed, type EventListener } from './change-feed.ts';
import { createComparisons } from './comparisons.ts';
import { createExports } from './exports.ts';
import { makeFolder } from './make-folder.ts';
import { createPreferences } from './preferences.ts';
import { createRunLibrary } from './run-library.ts';
import { createRunLife } from './run-life.ts';
import type { Surroundings } from './surroundings.ts';

export interface AppOptions {
  /** The data folder, made if missing; holds the database unless `databasePath` names another file. */
  dataDir: string;
  /** A database file of the user's choice, in an existing folder; `:memory:` keeps nothing. */
  databasePath?: string;
  host: AppInfo['host'];
  version?: string;
  /** Holds the services to the contract as well as the callers; for tests. */
  checkOutputs?: boolean;
  now?: () => number;
}

export interface App {
  /**
   * One call of the contract, input unchecked. Rejects with `KronlabError`.
   * @param client who calls: one id per window, so that `disconnect` knows whose runs ended with it.
   */
  handle(name: string, input: unknown, client?: string): Promise<unknown>;
  /** Every event of the contract. @returns stops listening */
  subscribe(listener: EventListener): () => void;
  /** This window is gone for good: what it was training, or had waiting, becomes `interrupted`. */
  disconnect(client: string): void;
  /** Ends open runs as `interrupted` and closes the store. Later calls reject with `unavailable`. */
  close(): void;
}

/** File name of the database inside the data folder. */
export const databaseName = 'kronlab.sqlite3';

/** Throws what opening the store throws: `storage`, `newer-database`, `unavailable`, `invalid`. */
export function createApp(options: AppOptions): App {
  const { host, version = packageJson.version, checkOutputs = false, now = Date.now } = options;
  const store = openAppStore(options);
  const feed = createChangeFeed();
  const router = createRouter(createServices({ store, feed, now }, { host, version }), {
    checkOutputs,
  });
  let open = true;
  return {
    async handle(name, input, client = 'direct') {
      if (!open) throw new KronlabError('unavailable', 'The lab is closed.');
      return router.handle(name, input, { client });
    },
    subscribe: (listener) => feed.subscribe(listener),
    disconnect(client) {
      if (!open) return;
      const isGone = (owner: { session: string; client: string }) =>
        owner.session === store.session && owner.client === client;
      feed.changed(store.transaction(() => interruptRuns(store, { isGone, reason: 'window', nowMs: now() })));
    },
    close() {
      if (!open) return;
      open = false;
      feed.close();
      store.close();
    },
  };
}

function createServices(surroundings: Surroundings, about: Pick<AppInfo, 'version' | 'host'>): Services {
  return {
    ...createPreferences(surroundings, about),
    ...createComparisons(surroundings),
    ...createRunLibrary(surroundings),
    ...createRunLife(surroundings),
    ...createExports(surroundings),
  };
}

function openAppStore({ dataDir, databasePath, host, now = Date.now }: AppOptions): Store {
  if (databasePath !== undefined) return openStore({ path: databasePath, host, now });
  makeFolder(dataDir);
  return openStore({ path: join(dataDir, databaseName), host, recover: true, now });
}
