/** Imported data sets for training in a window, brought over by the calls that every transport carries. */
import type { Client } from './api.ts';
import type { StoredFiles } from './datasets.ts';
import { KronlabError } from './errors.ts';
import { readPieces } from './pieces.ts';

/**
 * Record and file of an imported data set, piece by piece. Throws `KronlabError`: `not-found` for an unknown id, `invalid`
 * where the file changes on the way, and what calls throw.
 */
export async function fetchDatasetFiles(client: Client, id: string): Promise<StoredFiles> {
  const { record, bytes: size } = await client.call('datasets.open', { id });
  const bytes = await readPieces(
    size,
    (start) => client.call('datasets.read', { id, start }),
    () =>
      new KronlabError(
        'invalid',
        `the data set "${record.name}" (${id}): its file changed while it was read; try again`,
      ),
  );
  return { record, bytes };
}
