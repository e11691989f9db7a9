/** Weights of runs: kept when a run ends, given out, taken in to start from, and deleted with their run. */
import { KronlabError } from '../../contract/errors.ts';
import { pieceBytes } from '../../contract/pieces.ts';
import type { Services } from '../../contract/router.ts';
import type { WeightsSource } from '../../contract/weights.ts';
import type { Inboxes } from './inbox.ts';
import { requireRun, type Surroundings } from './surroundings.ts';
import type { WeightsStore } from './weights-store.ts';

type Calls = Extract<keyof Services, `weights.${string}`> | 'runs.emptyTrash';

export function createWeights(
  { store, feed }: Pick<Surroundings, 'store' | 'feed'>,
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

    async 'weights.total'({ runs }) {
      let bytes = 0;
      for (const run of runs) bytes += (await find({ run }))?.size ?? 0;
      return { bytes };
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

    async 'runs.emptyTrash'({ ids }) {
      const going = ids.filter((id) => (store.runs.get(id)?.trashedMs ?? null) !== null);
      // First what the database does not know of: a run that stays can be deleted once more.
      for (const id of going) await kept.remove(id);
      const gone = store.transaction(() => going.filter((id) => store.runs.remove(id)));
      feed.changed(gone);
      return { ids: gone };
    },

    'weights.describe': ({ hash }) => kept.describe(hash),
  };
}
