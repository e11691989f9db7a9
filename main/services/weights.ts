/** Weights of runs: kept when a run ends, given out, and taken in to start from. */
import { KronlabError } from '../../contract/errors.ts';
import { pieceBytes } from '../../contract/pieces.ts';
import type { Services } from '../../contract/router.ts';
import type { WeightsSource } from '../../contract/weights.ts';
import type { Inboxes } from './inbox.ts';
import { requireRun, type Surroundings } from './surroundings.ts';
import type { WeightsStore } from './weights-store.ts';

type Calls = Extract<keyof Services, `weights.${string}`>;

export function createWeights(
  { store }: Pick<Surroundings, 'store'>,
  { kept, inboxes }: { kept: WeightsStore; inboxes: Inboxes },
): Pick<Services, Calls> {
  const find = (of: WeightsSource) => {
    if ('run' in of) requireRun(store, of.run);
    return kept.find(of);
  };
  return {
    async 'weights.keep'({ run, start, bytes, total }) {
      const { name, status } = requireRun(store, run);
      if (status === 'queued')
        throw new KronlabError('invalid', `run: "${name}" has not begun; there are no weights to keep`);
      return { written: await kept.keep({ run, start, bytes: Buffer.from(bytes, 'base64'), total }) };
    },

    async 'weights.open'({ of }) {
      return { bytes: (await find(of))?.size ?? null };
    },

    async 'weights.read'({ of, start }) {
      const source = await find(of);
      if (!source) throw new KronlabError('not-found', 'There are no such weights in the lab.');
      const piece = await source.read(start, pieceBytes);
      return { bytes: Buffer.from(piece.buffer, piece.byteOffset, piece.length).toString('base64') };
    },

    async 'weights.take'({ inbox }, { client }) {
      // Of this window: another's stays as it is.
      inboxes.check(inbox, client);
      try {
        return await kept.take(await inboxes.paths(inbox, client));
      } finally {
        await inboxes.discard(inbox);
      }
    },

    'weights.describe': ({ hash }) => kept.describe(hash),
  };
}
