/** Comparisons: several runs planned together, stored together or not at all. */
import { randomBytes } from 'node:crypto';
import { groupHash } from '../../contract/group-hash.ts';
import type { Services } from '../../contract/router.ts';
import { requireRun, type Surroundings } from './surroundings.ts';

export function createComparisons({
  store,
  feed,
  now,
}: Surroundings): Pick<Services, 'comparisons.create' | 'comparisons.list'> {
  return {
    'comparisons.create'({ name, runs }, { client }) {
      const comparison = { id: newId(), name, createdMs: now() };
      const owner = { session: store.session, client };
      const ids = runs.map(newId);
      store.transaction(() => {
        store.comparisons.insert({ uid: comparison.id, name, createdMs: comparison.createdMs });
        runs.forEach(({ groupName, spec }, i) =>
          store.runs.insert({
            uid: ids[i] ?? newId(),
            comparisonUid: comparison.id,
            name: `${groupName}, seed ${spec.seed}`,
            groupHash: groupHash(spec),
            groupName,
            spec,
            createdMs: comparison.createdMs,
            owner,
          }),
        );
      });
      feed.changed(ids);
      return { comparison: { ...comparison, runIds: ids }, runs: ids.map((id) => requireRun(store, id)) };
    },

    'comparisons.list': () => store.comparisons.list(),
  };
}

/** 64 random bits as 16 hexadecimal digits: short enough for a command line, and no two alike. */
function newId(): string {
  return randomBytes(8).toString('hex');
}
