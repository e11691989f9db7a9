/** Weights brought over by the calls that every transport carries. */
import type { Client } from './api.ts';
import { KronlabError } from './errors.ts';
import { readPieces, writePieces } from './pieces.ts';
import type { WeightsSource } from './weights.ts';

/** The safetensors file. Throws `KronlabError`: `not-found` where none is kept, and what calls throw. */
export async function fetchWeights(client: Client, of: WeightsSource): Promise<Uint8Array<ArrayBuffer>> {
  const { bytes } = await client.call('weights.open', { of });
  if (bytes === null) {
    const what = 'run' in of ? 'of this run' : `that start with ${of.hash.slice(0, 12)}`;
    throw new KronlabError('not-found', `There are no weights ${what} in the lab; choose the file again.`);
  }
  return readPieces(
    bytes,
    (start) => client.call('weights.read', { of, start }),
    () => new KronlabError('invalid', 'The file of weights changed while it was read; try again.'),
  );
}

/** Hands over the weights that a run ended with. */
export async function keepWeights(client: Client, run: string, bytes: Uint8Array): Promise<void> {
  await writePieces(bytes, (start, piece) =>
    client.call('weights.keep', { run, start, bytes: piece, total: bytes.length }),
  );
}
