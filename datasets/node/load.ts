/** Data sets from the disk, for the command line and the tests. The window's worker has `../web.ts`. */
import { KronlabError } from '../../contract/errors.ts';
import type { DatasetSpec } from '../../contract/run-spec.ts';
import type { DatasetEntry, PreparedDataset } from '../dataset.ts';
import { prepareDataset } from '../prepare.ts';
import { requireNoSeed } from '../read.ts';
import { datasets } from '../registry.ts';
import { bundledDirectory, readBundled } from './bundled.ts';
import { DatasetStore, type StoredDataset } from './store.ts';

/** How many imported sets an error lists. */
const mostListed = 20;

/**
 * Reads, splits and standardises a data set. Throws `KronlabError`: `not-found` for an unknown id or a missing file,
 * `invalid` for a damaged file or a fraction that leaves a part empty.
 *
 * @param directory where the bundled files are
 * @param imported where imported sets are kept; none are known without
 */
export async function loadDataset(
  spec: DatasetSpec,
  directory = bundledDirectory,
  imported?: string,
): Promise<PreparedDataset> {
  const found = await requireDataset(spec.id, imported);
  requireNoSeed(found, spec.seed);
  const dataset =
    'read' in found
      ? await readBundled(found, directory, spec.seed)
      : await new DatasetStore(imported!).read(found.id);
  return prepareDataset(found.id, dataset, spec);
}

/**
 * The bundled data set with this id, else the imported one in the folder `imported`, without reading its tensors. Throws
 * `KronlabError`: `not-found` that lists the known ones, `invalid` for a damaged record.
 */
export async function requireDataset(id: string, imported?: string): Promise<DatasetEntry | StoredDataset> {
  const entry = datasets.find((candidate) => candidate.id === id);
  if (entry !== undefined) return entry;
  const store = imported === undefined ? null : new DatasetStore(imported);
  const own = (await store?.list()) ?? [];
  const record = own.find((candidate) => candidate.id === id);
  if (record !== undefined) return record;
  const names = own.slice(0, mostListed).map((set) => `${set.id} (${set.name})`);
  const more = own.length > mostListed ? [`and ${own.length - mostListed} more`] : [];
  throw new KronlabError(
    'not-found',
    `unknown data set "${id}"; known data sets: ${[...datasets.map((known) => known.id), ...names, ...more].join(', ')}`,
  );
}
