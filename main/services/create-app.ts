/**
 * The whole Node side of the lab, composed once and served by every host: the desktop shell over IPC, the browser host
 * over a web socket, the command line directly. Knows nothing of electron or http.
 */
import { join } from 'node:path';
import type { AppInfo } from '../../contract/api.ts';
import { KronlabError } from '../../contract/errors.ts';
import { createRouter } from '../../contract/router.ts';
import { interruptRuns, openStore, type Store } from '../../db/index.ts';
import { bundledDirectory } from '../../datasets/node/bundled.ts';
import { DatasetStore } from '../../datasets/node/store.ts';
import packageJson from '../../package.json' with { type: 'json' };
import { createChangeFeed, type EventListener } from './change-feed.ts';
import { createComparisons } from './comparisons.ts';
import { datasetFolders } from './dataset-folders.ts';
import { createDatasetLibrary } from './dataset-library.ts';
import { createExports } from './exports.ts';
import { fashionMnist, type PublishedSet } from './fashion-mnist.ts';
import { createImports } from './imports.ts';
import { Inboxes } from './inbox.ts';
import { makeFolder } from './make-folder.ts';
import { createPreferences } from './preferences.ts';
import { createRunLibrary } from './run-library.ts';
import { createRunLife } from './run-life.ts';
import type { Surroundings } from './surroundings.ts';
import { WeightsStore } from './weights-store.ts';
import { createWeights } from './weights.ts';

export interface AppOptions {
  /** The data folder, made if missing; holds the database unless `databasePath` names another file. */
  dataDir: string;
  /** A database file of the user's choice, in an existing folder; `:memory:` keeps nothing. */
  databasePath?: string;
  host: AppInfo['host'];
  version?: string;
  /** Folder of the bundled data sets' files; default: in the sources. */
  bundledDir?: string;
  /** Public sets that can be brought in at one click; stand-ins in tests. */
  published?: { 'fashion-mnist': PublishedSet };
  /** Holds the services to the contract as well as the callers; for tests. */
  checkOutputs?: boolean;
  now?: () => number;
}

export interface App {
  /** Where the host puts the files of an import. */
  readonly inboxes: Inboxes;
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

export { bundledDirectory };

/** File name of the database inside the data folder. */
export const databaseName = 'kronlab.sqlite3';

/** Throws what opening the store throws: `storage`, `newer-database`, `unavailable`, `invalid`. */
export function createApp(options: AppOptions): App {
  const { host, version = packageJson.version, checkOutputs = false, now = Date.now } = options;
  const { bundledDir = bundledDirectory, published = { 'fashion-mnist': fashionMnist } } = options;
  const store = openAppStore(options);
  const feed = createChangeFeed();
  const folders = datasetFolders(options.dataDir, options.databasePath);
  const imported = new DatasetStore(folders.datasets, now);
  const inboxes = new Inboxes(folders.uploads);
  const imports = createImports({ feed }, { inboxes, imported, published });
  const surroundings = { store, feed, now };
  const services = {
    ...createServices(surroundings, { host, version }),
    ...createDatasetLibrary(surroundings, { imported, bundledDir }),
    ...imports.services,
    ...createWeights(surroundings, { kept: new WeightsStore(folders.weights), inboxes }),
  };
  const router = createRouter(services, { checkOutputs });
  let open = true;
  return {
    inboxes,
    async handle(name, input, client = 'direct') {
      if (!open) throw new KronlabError('unavailable', 'The lab is closed.');
      return router.handle(name, input, { client });
    },
    subscribe: (listener) => feed.subscribe(listener),
    disconnect(client) {
      if (!open) return;
      imports.disconnect(client);
      const isGone = (owner: { session: string; client: string }) =>
        owner.session === store.session && owner.client === client;
      feed.changed(store.transaction(() => interruptRuns(store, { isGone, reason: 'window', nowMs: now() })));
    },
    close() {
      if (!open) return;
      open = false;
      imports.close();
      feed.close();
      store.close();
      folders.close();
    },
  };
}

function createServices(surroundings: Surroundings, about: Pick<AppInfo, 'version' | 'host'>) {
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
