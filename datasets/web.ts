/**
 * Data sets in the window's training worker: the bundled files are assets of the build, fetched from wherever the app
 * itself was loaded; imported ones come from the Node side. The command line has `node/load.ts`.
 */
import type { StoredFiles } from '../contract/datasets.ts';
import { KronlabError } from '../contract/errors.ts';
import type { DatasetSpec } from '../contract/run-spec.ts';
import type { DatasetEntry, PreparedDataset } from './dataset.ts';
import { bytesSource } from './import/byte-source.ts';
import { prepareDataset } from './prepare.ts';
import { readDataset, requireNoSeed } from './read.ts';
import { datasets, findDataset } from './registry.ts';
import { readStored } from './stored.ts';
import type { TensorDataset } from './tensor-dataset.ts';

/** By file. Written out, because the bundler only finds an asset whose path is a literal. */
const assets: Record<string, URL> = {
  'digits/digits.csv.gz': new URL('./bundled/digits/digits.csv.gz', import.meta.url),
  'solubility/solubility.train.sdf.gz': new URL(
    './bundled/solubility/solubility.train.sdf.gz',
    import.meta.url,
  ),
  'solubility/solubility.test.sdf.gz': new URL(
    './bundled/solubility/solubility.test.sdf.gz',
    import.meta.url,
  ),
  'moby-dick/moby-dick.txt.gz': new URL('./bundled/moby-dick/moby-dick.txt.gz', import.meta.url),
};

/**
 * Fetches, splits and standardises a data set. Throws `KronlabError`: `unavailable` when a file cannot be fetched,
 * `invalid` for a damaged file or a fraction that leaves a part empty, and for an id that is not bundled what
 * `fetchImported` throws.
 *
 * @param fetchFile replaces `fetch` in tests
 * @param fetchImported answers with the files of an imported data set; without it only bundled ones are known
 */
export async function loadDataset(
  spec: DatasetSpec,
  fetchFile: (url: URL) => Promise<Response> = fetch,
  fetchImported?: (id: string) => Promise<StoredFiles>,
): Promise<PreparedDataset> {
  const isBundled = datasets.some(({ id }) => id === spec.id);
  const dataset =
    isBundled || !fetchImported
      ? await readBundled(findDataset(spec.id), fetchFile, spec.seed)
      : await readImported(spec, fetchImported);
  return prepareDataset(spec.id, dataset, spec);
}

async function readBundled(
  entry: DatasetEntry,
  fetchFile: (url: URL) => Promise<Response>,
  seed: number | undefined,
): Promise<TensorDataset> {
  const files = await Promise.all(entry.files.map((file) => fetchBundled(file, fetchFile)));
  return readDataset(entry, files, seed);
}

async function readImported(
  { id, seed }: DatasetSpec,
  fetchImported: (id: string) => Promise<StoredFiles>,
): Promise<TensorDataset> {
  const { record, bytes } = await fetchImported(id);
  requireNoSeed(record, seed);
  return readStored(record, bytesSource(bytes, record.name));
}

async function fetchBundled(
  file: string,
  fetchFile: (url: URL) => Promise<Response>,
): Promise<Uint8Array<ArrayBuffer>> {
  const url = assets[file];
  if (url === undefined) throw new KronlabError('internal', `${file} is not part of this build`);
  return fetchBytes(url, file, fetchFile);
}

async function fetchBytes(
  url: URL,
  file: string,
  fetchFile: (url: URL) => Promise<Response>,
): Promise<Uint8Array<ArrayBuffer>> {
  try {
    const response = await fetchFile(url);
    if (!response.ok) throw new Error(`the server answered ${response.status}`);
    return new Uint8Array(await response.arrayBuffer());
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new KronlabError('unavailable', `cannot fetch ${file}: ${reason}; is the app still running?`);
  }
}
