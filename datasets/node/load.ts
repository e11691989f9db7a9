/** Data sets from the disk, for the command line and the tests. The window's worker has `../web.ts`. */
import type { DatasetSpec } from '../../contract/run-spec.ts';
import type { PreparedDataset } from '../dataset.ts';
import { prepareDataset } from '../prepare.ts';
import { findDataset } from '../registry.ts';
import { bundledDirectory, readBundled } from './bundled.ts';

/**
 * Reads, splits and standardises a data set. Throws `KronlabError`: `not-found` for an unknown id or a missing file,
 * `invalid` for a damaged file or a fraction that leaves a part empty.
 *
 * @param directory where the bundled files are
 */
export async function loadDataset(spec: DatasetSpec, directory = bundledDirectory): Promise<PreparedDataset> {
  const entry = findDataset(spec.id);
  return prepareDataset(entry.id, await readBundled(entry, directory), spec);
}
