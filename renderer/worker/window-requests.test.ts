/** An imported data set on its way into the worker: asked for, brought over, read and split. */
import { expect, it } from 'vitest';
import type { StoredFiles } from '../../contract/datasets.ts';
import { KronlabError } from '../../contract/errors.ts';
import { datasetSpecSchema } from '../../contract/run-spec.ts';
import type { WorkerMessage } from '../../contract/training.ts';
import { encodeSafetensors } from '../../datasets/import/formats/safetensors.ts';
import { importDataset, type ImportResult } from '../../datasets/import/import.ts';
import { source, testContext } from '../../datasets/import/test-files.ts';
import { prepareDataset } from '../../datasets/prepare.ts';
import { datasetStatistics } from '../../datasets/statistics.ts';
import { loadDataset } from '../../datasets/web.ts';
import { WindowRequests } from './window-requests.ts';

const rows = Array.from({ length: 40 }, (_, i) => `${i / 8},${['red', 'blue'][i % 2]},${i}`).join('\n');
const id = '0123456789abcdef';
const spec = datasetSpecSchema.parse({ id, splitSeed: 3 });

function readTable(): Promise<ImportResult> {
  return importDataset([source('t.csv', `a,b,y\n${rows}\n`)], {}, testContext());
}

async function filesOf({ dataset, hash, format }: ImportResult): Promise<StoredFiles> {
  const { tensors, classes, columns, edgeColumns, targets, splits, ...rest } = dataset;
  const record = {
    ...{ ...rest, id, hash, tags: [], shapes: {}, importedMs: 0, statistics: datasetStatistics(dataset) },
    ...{ classes: [...classes], columns: [...columns], edgeColumns: [...edgeColumns] },
    ...{ targets: [...targets], splits: [...splits], source: { format, files: [] } },
  };
  return { record, bytes: await new Blob(encodeSafetensors(tensors)).bytes() };
}

it('is what was imported, split and standardised', async () => {
  const result = await readTable();
  const asked: WorkerMessage[] = [];
  const imported = new WindowRequests<StoredFiles>((request, wanted) =>
    asked.push({ type: 'read-dataset', request, id: wanted }),
  );
  const loading = loadDataset(spec, undefined, (wanted) => imported.fetch(wanted));
  expect(asked).toEqual([{ type: 'read-dataset', request: 1, id }]);
  imported.take({ request: 1, answer: await filesOf(result) });
  expect(await loading).toEqual(prepareDataset(id, result.dataset, spec));
});

it('fails with the reason of the window, and damage on the way is noticed', async () => {
  const { record, bytes } = await filesOf(await readTable());
  const imported = new WindowRequests<StoredFiles>(() => undefined);
  const load = () => loadDataset(spec, undefined, (wanted) => imported.fetch(wanted));
  const [first, second] = [load(), load()];
  const gone = new KronlabError('not-found', 'it is in the trash');
  const refused = expect(first).rejects.toMatchObject({ code: 'not-found', message: 'it is in the trash' });
  imported.take({ request: 1, answer: { error: gone.toShape() } });
  await refused;
  bytes[bytes.length - 1]! ^= 1;
  const damaged = expect(second).rejects.toThrow('is damaged: its content is not what was imported');
  imported.take({ request: 2, answer: { record, bytes } });
  await damaged;
});
