/** Runs as a collection: list, look at, read curves, rename, put in the trash and take out again. */
import { KronlabError } from '../../contract/errors.ts';
import type { Services } from '../../contract/router.ts';
import { requireRun, type Surroundings } from './surroundings.ts';

type Calls = 'runs.list' | 'runs.get' | 'runs.series' | 'runs.rename' | 'runs.trash';

export function createRunLibrary({ store, feed, now }: Surroundings): Pick<Services, Calls> {
  return {
    'runs.list': ({ trashed }) => store.runs.list(trashed),

    'runs.get': ({ id }) => ({ run: requireRun(store, id), events: store.events.list(id) }),

    /** One series per run and key, in the order asked for; empty where nothing was logged. */
    'runs.series'({ runIds, keys }) {
      for (const id of runIds) requireRun(store, id);
      return runIds.flatMap((id) => keys.map((key) => store.metrics.series(id, key)));
    },

    'runs.rename'({ id, name }) {
      requireRun(store, id);
      store.transaction(() => store.runs.rename(id, name));
      feed.changed([id]);
      return requireRun(store, id);
    },

    'runs.trash'({ ids, trashed }) {
      const changed = store.transaction(() => {
        for (const id of ids) assertMovable(requireRun(store, id), trashed);
        return ids.filter((id) => store.runs.setTrashed(id, trashed ? now() : null));
      });
      feed.changed(changed);
      return { changed: changed.length };
    },
  };
}

function assertMovable(run: { name: string; status: string }, trashed: boolean): void {
  if (trashed && run.status === 'running') {
    throw new KronlabError(
      'invalid',
      `ids: the run "${run.name}" is running; stop it before moving it to the trash.`,
    );
  }
}
