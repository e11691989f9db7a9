/** Bringing data sets in: an inbox of files, a look at them, the import itself, and its end from outside. */
import { KronlabError } from '../../contract/errors.ts';
import type { Services } from '../../contract/router.ts';
import type { DatasetStore } from '../../datasets/node/store.ts';
import { fetchPublished, type PublishedSet } from './fashion-mnist.ts';
import { startJob } from './import-job.ts';
import type { Inboxes } from './inbox.ts';
import type { Surroundings } from './surroundings.ts';

type Calls = Extract<keyof Services, `imports.${string}`>;

export interface ImportSurroundings {
  inboxes: Inboxes;
  imported: DatasetStore;
  published: { 'fashion-mnist': PublishedSet };
}

export interface Imports {
  services: Pick<Services, Calls>;
  /** A window is gone: so are its imports. */
  disconnect(client: string): void;
  close(): void;
}

/** What an inbox is busy with. */
interface Work {
  kind: 'fetch' | 'preview' | 'run';
  cancel(): void;
  ended: Promise<unknown>;
}

export function createImports(
  { feed }: Pick<Surroundings, 'feed'>,
  { inboxes, imported, published }: ImportSurroundings,
): Imports {
  const busy = new Map<string, Work>();

  /** One thing at a time for each inbox; a new look at the files ends the one before. */
  async function begin<T>(
    id: string,
    kind: Work['kind'],
    start: () => { result: Promise<T>; cancel: () => void },
  ): Promise<T> {
    const before = busy.get(id);
    if (before !== undefined) {
      if (before.kind !== 'preview') throw new KronlabError('invalid', 'this import is under way already');
      before.cancel();
      await before.ended;
      if (busy.get(id) !== undefined)
        throw new KronlabError('cancelled', 'Another choice came after this one.');
    }
    const { result, cancel } = start();
    const work: Work = { kind, cancel, ended: result.catch(() => undefined) };
    busy.set(id, work);
    try {
      return await result;
    } finally {
      if (busy.get(id) === work) busy.delete(id);
    }
  }

  async function discard(id: string): Promise<void> {
    const work = busy.get(id);
    work?.cancel();
    await work?.ended;
    await inboxes.discard(id);
  }

  const services: Pick<Services, Calls> = {
    'imports.open': (_input, { client }) => ({ id: inboxes.open(client) }),

    async 'imports.fetch'({ id, set }, { client }) {
      inboxes.check(id, client);
      const abort = new AbortController();
      const cancelled = new KronlabError('cancelled', 'Cancelled; nothing was kept.');
      const { paths, origin } = await begin(id, 'fetch', () => ({
        result: fetchPublished(published[set], {
          signal: abort.signal,
          folder: () => inboxes.folder(id, client),
          onProgress: (file, fraction) =>
            feed.tell('imports.progress', { id, phase: 'fetching', file, fraction }),
        }),
        cancel: () => abort.abort(cancelled),
      }));
      if (origin === 'machine') await inboxes.add(id, client, paths);
      return { origin };
    },

    async 'imports.preview'({ id, options }, { client }) {
      const paths = await inboxes.paths(id, client);
      const request = { kind: 'preview', paths, options, folder: imported.folder } as const;
      return begin(id, 'preview', () => startJob(request));
    },

    async 'imports.run'({ id, options }, { client }) {
      const paths = await inboxes.paths(id, client);
      if ([...busy.values()].some(({ kind }) => kind === 'run'))
        throw new KronlabError('invalid', 'another import is under way; wait until it is done');
      const onProgress = (progress: {
        phase: 'fetching' | 'reading' | 'keeping';
        file: string;
        fraction: number;
      }) => feed.tell('imports.progress', { id, ...progress });
      try {
        const answer = await begin(id, 'run', () =>
          startJob({ kind: 'run', paths, options, folder: imported.folder, onProgress }),
        );
        await inboxes.discard(id);
        feed.tell('datasets.changed', { ids: [answer.record.id] });
        return answer;
      } catch (error) {
        await imported.discardParts();
        throw error;
      }
    },

    'imports.cancel'({ id }, { client }) {
      inboxes.check(id, client);
      const work = busy.get(id);
      work?.cancel();
      return { cancelled: work !== undefined };
    },

    async 'imports.discard'({ id }, { client }) {
      inboxes.check(id, client);
      await discard(id);
      return { id };
    },
  };
  return {
    services,
    disconnect: (client) => {
      for (const id of inboxes.of(client)) void discard(id);
    },
    close() {
      for (const work of busy.values()) work.cancel();
      inboxes.close();
    },
  };
}
