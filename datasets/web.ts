/**
 * Data sets in the window's training worker: the bundled files are assets of the build, fetched from wherever the app
 * itself was loaded. The command line has `node/load.ts`.
 */
import { KronlabError } from '../contract/errors.ts';
import type { DatasetSpec } from '../contract/run-spec.ts';
import type { PreparedDataset } from './dataset.ts';
import { prepareDataset } from './prepare.ts';
import { readDataset } from './read.ts';
import { findDataset } from './registry.ts';

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
 * Fetches, splits and standardises a data set. Throws `KronlabError`: `not-found` for an unknown id, `unavailable` when
 * the file cannot be fetched, `invalid` for a damaged file or a fraction that leaves a part empty.
 *
 * @param fetchFile replaces `fetch` in tests
 */
export async function loadDataset(
  spec: DatasetSpec,
  fetchFile: (url: URL) => Promise<Response> = fetch,
): Promise<PreparedDataset> {
  const entry = findDataset(spec.id);
  const files = await Promise.all(entry.files.map((file) => fetchBundled(file, fetchFile)));
  return prepareDataset(entry.id, await readDataset(entry, files), spec);
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
