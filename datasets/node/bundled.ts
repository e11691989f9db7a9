/** A bundled data set in the common form, with the same record as an imported one has. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { DatasetRecord } from '../../contract/datasets.ts';
import { KronlabError } from '../../contract/errors.ts';
import { contentHash } from '../content-hash.ts';
import type { DatasetEntry } from '../dataset.ts';
import { readDataset } from '../read.ts';
import { datasetStatistics } from '../statistics.ts';
import type { TensorDataset } from '../tensor-dataset.ts';

/** Where the bundled files are in the sources. */
export const bundledDirectory = fileURLToPath(new URL('../bundled/', import.meta.url));

/** Throws `KronlabError`: `not-found` for a missing file, `invalid` for a damaged one. */
export async function readBundled(
  entry: DatasetEntry,
  directory = bundledDirectory,
  seed?: number,
): Promise<TensorDataset> {
  return readDataset(
    entry,
    await Promise.all(entry.files.map((file) => readBundledFile(entry, join(directory, file)))),
    seed,
  );
}

function readBundledFile({ id }: DatasetEntry, path: string): Promise<Uint8Array<ArrayBuffer>> {
  return readFile(path).catch((error: unknown) => {
    const reason = error instanceof Error ? error.message : String(error);
    throw new KronlabError('not-found', `cannot read the data set "${id}" at ${path}: ${reason}`);
  });
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
    source: { format: 'bundled', files: [...entry.files] },
    importedMs: 0,
    statistics: datasetStatistics(dataset),
  };
}
