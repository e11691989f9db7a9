/** Imported data sets for training in a window, brought over by the calls that every transport carries. */
import type { Client } from './api.ts';
import type { StoredFiles } from './datasets.ts';
import { KronlabError } from './errors.ts';

/**
 * Record and file of an imported data set, piece by piece. Throws `KronlabError`: `not-found` for an unknown id, `invalid`
 * where the file changes on the way, and what calls throw.
 */
export async function fetchDatasetFiles(client: Client, id: string): Promise<StoredFiles> {
  const { record, bytes: size } = await client.call('datasets.open', { id });
  const bytes = new Uint8Array(size);
  for (let at = 0; at < size;) {
    const piece = fromBase64((await client.call('datasets.read', { id, start: at })).bytes);
    if (piece.length === 0 || piece.length > size - at) {
      throw new KronlabError(
        'invalid',
        `the data set "${record.name}" (${id}): its file changed while it was read; try again`,
      );
    }
    bytes.set(piece, at);
    at += piece.length;
  }
  return { record, bytes };
}

function fromBase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}
