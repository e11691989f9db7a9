/** From the bytes of a bundled file to raw examples: the part that is the same wherever the bytes came from. */
import { KronlabError } from '../contract/errors.ts';
import type { DatasetEntry, ImageDataset } from './dataset.ts';
import { gunzip } from './gunzip.ts';

/**
 * Reads a data set from the bytes of its file, compressed or not. Throws `KronlabError` (`invalid`) naming the file when
 * they are damaged, malformed or incomplete.
 */
export async function readDataset(
  entry: DatasetEntry,
  bytes: Uint8Array<ArrayBuffer>,
): Promise<ImageDataset> {
  const text = new TextDecoder().decode(await gunzip(bytes, entry.file));
  const dataset = entry.parse(text, entry.file);
  if (dataset.examples !== entry.examples) {
    throw new KronlabError(
      'invalid',
      `${entry.file}: holds ${dataset.examples} examples; expected ${entry.examples}; ` +
        'restore the file from a fresh copy of the project',
    );
  }
  return dataset;
}
