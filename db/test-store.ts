/** Folders, runs and batches for the store's tests. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { groupHash } from '../contract/group-hash.ts';
import { presets } from '../contract/presets.ts';
import { batchOf } from './test-batch.ts';
import { openStore, type Store, type StoreOptions } from './store.ts';

/** A path for a database in a folder of its own, removed with the test. */
export function testDatabasePath(): string {
  const folder = mkdtempSync(join(tmpdir(), 'kronlab-store-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, 'lab.sqlite3');
}

/** A store that closes with the test. */
export function openTestStore(options: Partial<StoreOptions> = {}): Store {
  const store = openStore({ path: ':memory:', host: 'direct', ...options });
  onTestFinished(() => store.close());
  return store;
}

export const testSpec = { ...presets['first-light']!.groups[0]!.spec, seed: 4294967295 };

export function insertRun(store: Store, uid: string, client = 'window'): void {
  store.transaction(() =>
    store.runs.insert({
      uid,
      comparisonUid: null,
      name: uid,
      groupHash: groupHash(testSpec),
      groupName: 'AdamW',
      spec: testSpec,
      createdMs: 1_700_000_000_000,
      owner: { session: store.session, client },
    }),
  );
}

export function startRun(store: Store, uid: string, client = 'window'): void {
  const environment = {
    adapter: 'a',
    vendor: 'v',
    architecture: '',
    software: true,
    host: 'h',
    appVersion: '0',
  };
  const owner = { session: store.session, client };
  store.transaction(() => store.runs.begin(uid, { atMs: 1_700_000_000_000, environment, layers: [], owner }));
}

export function append(store: Store, uid: string, rows: Parameters<typeof batchOf>[0]): void {
  const batch = batchOf(rows);
  store.transaction(() => {
    store.metrics.append(uid, batch);
    store.runs.advance(uid, Math.max(0, ...batch.steps), Math.max(0, ...batch.activeMs));
  });
}
