/** An imported data set on its way from the store into the worker: kept, asked for, brought over, read and split. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { KronlabError } from '../../contract/errors.ts';
import { datasetSpecSchema } from '../../contract/run-spec.ts';
import type { WorkerMessage } from '../../contract/training.ts';
import { importDataset } from '../../datasets/import/import.ts';
import { source, testContext } from '../../datasets/import/test-files.ts';
import { loadDataset as loadFromDisk } from '../../datasets/node/load.ts';
import { DatasetStore } from '../../datasets/node/store.ts';
import { loadDataset } from '../../datasets/web.ts';
import { WindowDatasets } from './window-datasets.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kronlab-window-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const rows = Array.from({ length: 40 }, (_, i) => `${i / 8},${['red', 'blue'][i % 2]},${i}`).join('\n');

async function keep(): Promise<{ store: DatasetStore; id: string }> {
  const store = new DatasetStore(folder);
  const result = await importDataset([source('t.csv', `a,b,y\n${rows}\n`)], {}, testContext());
  return { store, id: (await store.save(result, ['t.csv'])).id };
}

async function filesOf(store: DatasetStore, id: string) {
  const file = await store.source(id);
  return { record: await store.get(id), bytes: await file.read(0, file.size) };
}

it('is what the command line reads, split and standardised alike', async () => {
  const { store, id } = await keep();
  const asked: WorkerMessage[] = [];
  const imported = new WindowDatasets((message) => asked.push(message));
  const spec = datasetSpecSchema.parse({ id, splitSeed: 3 });
  const loading = loadDataset(spec, undefined, (wanted) => imported.fetch(wanted));
  expect(asked).toEqual([{ type: 'read-dataset', request: 1, id }]);
  imported.take({ type: 'dataset', request: 1, answer: await filesOf(store, id) });
  expect(await loading).toEqual(await loadFromDisk(spec, undefined, folder));
});

it('fails with the reason of the window, and damage on the way is noticed', async () => {
  const { store, id } = await keep();
  const imported = new WindowDatasets(() => undefined);
  const load = () =>
    loadDataset(datasetSpecSchema.parse({ id }), undefined, (wanted) => imported.fetch(wanted));
  const [first, second] = [load(), load()];
  const gone = new KronlabError('not-found', 'it is in the trash');
  const refused = expect(first).rejects.toMatchObject({ code: 'not-found', message: 'it is in the trash' });
  imported.take({ type: 'dataset', request: 1, answer: { error: gone.toShape() } });
  await refused;
  const { record, bytes } = await filesOf(store, id);
  bytes[bytes.length - 1]! ^= 1;
  const damaged = expect(second).rejects.toThrow('is damaged: its content is not what was imported');
  imported.take({ type: 'dataset', request: 2, answer: { record, bytes } });
  await damaged;
});
