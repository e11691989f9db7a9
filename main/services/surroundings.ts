/** What every service works with. */
import type { Store } from '../../db/index.ts';
import { KronlabError } from '../../contract/errors.ts';
import type { RunSummary } from '../../contract/runs.ts';
import type { ChangeFeed } from './change-feed.ts';

export interface Surroundings {
  store: Store;
  feed: ChangeFeed;
  /** Milliseconds since the epoch. */
  now: () => number;
}

/** Throws `not-found`. */
export function requireRun(store: Store, id: string): RunSummary {
  const run = store.runs.get(id);
  if (run === null) throw new KronlabError('not-found', `There is no run ${id}.`);
  return run;
}
