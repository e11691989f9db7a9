/** Data sets from the disk, for the command line and the tests. The window's worker has `../web.ts`. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { KronlabError } from '../../contract/errors.ts';
import type { DatasetSpec } from '../../contract/run-spec.ts';
import type { PreparedDataset } from '../dataset.ts';
import { prepareDataset } from '../prepare.ts';
import { readDataset } from '../read.ts';
import { findDataset } from '../registry.ts';

/** Where the bundled files are in the sources. */
export const bundledDirectory = fileURLToPath(new URL('../bundled/', import.meta.url));

/**
 * Reads, splits and standardises a data set. Throws `KronlabError`: `not-found` for an unknown id or a missing file,
 * `invalid` for a damaged file or a fraction that leaves a part empty.
 *
 * @param directory where the bundled files are
 */
export async function loadDataset(spec: DatasetSpec, directory = bundledDirectory): Promise<PreparedDataset> {
  const entry = findDataset(spec.id);
  const path = join(directory, entry.file);
  const bytes = await readFile(path).catch((error: unknown) => {
    const reason = error instanceof Error ? error.message : String(error);
    throw new KronlabError('not-found', `cannot read the data set "${entry.id}" at ${path}: ${reason}`);
  });
  return prepareDataset(await readDataset(entry, bytes), spec);
}
