/** A bundled data set in the common form, with the same record as an imported one has. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DatasetRecord } from '../../contract/datasets.ts';
import { KronlabError } from '../../contract/errors.ts';
import { contentHash } from '../content-hash.ts';
import type { DatasetEntry } from '../dataset.ts';
import { readDataset } from '../read.ts';
import { datasetStatistics } from '../statistics.ts';
import { indexTensor, nothingSkipped, valueTensor, type TensorDataset } from '../tensor-dataset.ts';

/** Throws `KronlabError`: `not-found` for a missing file, `invalid` for a damaged one. */
export async function readBundled(entry: DatasetEntry, directory: string): Promise<TensorDataset> {
  const path = join(directory, entry.file);
  const bytes = await readFile(path).catch((error: unknown) => {
    const reason = error instanceof Error ? error.message : String(error);
    throw new KronlabError('not-found', `cannot read the data set "${entry.id}" at ${path}: ${reason}`);
  });
  const { examples, channels, height, width, images, labels } = await readDataset(entry, bytes);
  return {
    name: entry.name,
    kind: 'images',
    task: 'classification',
    examples,
    tensors: {
      inputs: valueTensor([examples, channels, height, width], images),
      labels: indexTensor([examples], labels),
    },
    classes: entry.classes,
    ...{ columns: [], edgeColumns: [], targets: ['label'], splits: [], skipped: nothingSkipped },
  };
}

/** What the store would write beside its tensors. */
export async function bundledRecord(entry: DatasetEntry, dataset: TensorDataset): Promise<DatasetRecord> {
  const { name, kind, task, examples, tensors, classes, columns, edgeColumns, targets, splits, skipped } =
    dataset;
  return {
    ...{ id: entry.id, hash: await contentHash(dataset), name, tags: [], kind, task, examples, skipped },
    shapes: Object.fromEntries(Object.entries(tensors).map(([key, { shape }]) => [key, [...shape]])),
    classes: [...classes],
    columns: [...columns],
    edgeColumns: [...edgeColumns],
    targets: [...targets],
    splits: [...splits],
    source: { format: 'bundled', files: [entry.file] },
    importedMs: 0,
    statistics: datasetStatistics(dataset),
  };
}
