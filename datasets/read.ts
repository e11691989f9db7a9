/** From the bytes of bundled files to a data set: the part that is the same wherever the bytes came from. */
import { KronlabError } from '../contract/errors.ts';
import type { DatasetEntry } from './dataset.ts';
import { gunzip } from './gunzip.ts';
import type { TensorDataset } from './tensor-dataset.ts';

/**
 * Reads a data set from the bytes of its files, compressed or not. Throws `KronlabError` (`invalid`) naming the file when
 * they are damaged, malformed or incomplete.
 *
 * @param seed of a computed set; its usual one where left out
 */
export async function readDataset(
  entry: DatasetEntry,
  files: readonly Uint8Array<ArrayBuffer>[],
  seed?: number,
): Promise<TensorDataset> {
  requireNoSeed(entry, seed);
  const contents = await Promise.all(files.map((bytes, i) => gunzip(bytes, entry.files[i] ?? entry.id)));
  const dataset = await entry.read(contents, seed ?? entry.usualSeed ?? 0);
  if (dataset.examples !== entry.examples) {
    throw new KronlabError(
      'invalid',
      `${entry.files.join(', ')}: holds ${dataset.examples} examples; expected ${entry.examples}; ` +
        'restore the file from a fresh copy of the project',
    );
  }
  return dataset;
}

/** Throws `invalid` where a seed is named for a data set that is not drawn from one. */
export function requireNoSeed(
  { name, usualSeed }: Pick<DatasetEntry, 'name' | 'usualSeed'>,
  seed: number | undefined,
): void {
  if (seed === undefined || usualSeed !== undefined) return;
  throw new KronlabError(
    'invalid',
    `dataset.seed: only computed data sets are drawn from a seed; "${name}" is not one, leave it out`,
  );
}
