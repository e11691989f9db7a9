/**
 * The life of a run: queued, running, ended. Which step may follow which is decided here and nowhere else. Calls may
 * arrive twice (a window that lost its connection repeats what was not answered), so each is safe to repeat.
 */
import type { CallContext, Services } from '../../contract/router.ts';
import { KronlabError } from '../../contract/errors.ts';
import type { MetricBatch, RunSummary } from '../../contract/runs.ts';
import { requireRun, type Surroundings } from './surroundings.ts';

export function createRunLife({
  store,
  feed,
  now,
}: Surroundings): Pick<Services, 'runs.start' | 'runs.append' | 'runs.finish'> {
  function start(
    run: RunSummary,
    input: Parameters<Services['runs.start']>[0],
    { client }: CallContext,
  ): void {
    const owner = { session: store.session, client };
    if (run.status === 'running' && isOwner(run.id, owner)) return;
    assertStartable(run);
    const { environment, layers } = input;
    store.transaction(() => store.runs.begin(run.id, { atMs: now(), environment, layers, owner }));
  }

  function isOwner(id: string, { session, client }: { session: string; client: string }): boolean {
    const owner = store.runs.owner(id);
    return owner?.session === session && owner.client === client;
  }

  /** A run that was given up because its window seemed gone goes on when that window turns out to be there. */
  function reviveIfOurs(run: RunSummary): void {
    const ours = store.runs.owner(run.id)?.session === store.session;
    if (run.status === 'interrupted' && run.startedMs !== null && ours) store.runs.revive(run.id);
    else if (run.status !== 'running') throw notRunning(run);
  }

  return {
    'runs.start'(input, context) {
      start(requireRun(store, input.id), input, context);
      feed.changed([input.id]);
      return requireRun(store, input.id);
    },

    'runs.append'({ id, metrics, events }) {
      const savedStep = store.transaction(() => {
        const run = requireRun(store, id);
        reviveIfOurs(run);
        store.metrics.append(id, metrics);
        store.events.append(id, events);
        store.runs.advance(id, lastOf(metrics.steps), lastOf(metrics.activeMs));
        return Math.max(run.lastStep, lastOf(metrics.steps));
      });
      feed.progressed(id);
      return { savedStep };
    },

    'runs.finish'({ id, status, activeMs, lastStep, error }) {
      store.transaction(() => {
        const run = requireRun(store, id);
        if (run.status === status) return;
        const open = run.status === 'queued' || run.status === 'running' || run.status === 'interrupted';
        if (!open)
          throw new KronlabError(
            'invalid',
            `status: the run "${run.name}" has ended already as ${run.status}.`,
          );
        store.runs.end(id, { status, atMs: now(), activeMs, lastStep, error });
      });
      // An ended run is worth a write to the disk itself, whatever the durability setting.
      store.sync();
      feed.changed([id]);
      return requireRun(store, id);
    },
  };
}

function assertStartable(run: RunSummary): void {
  if (run.trashedMs !== null) {
    throw new KronlabError('invalid', `id: the run "${run.name}" is in the trash; take it out first.`);
  }
  // A run that was cut short before it began has lost nothing and may begin now.
  const untouched = run.status === 'queued' || (run.status === 'interrupted' && run.startedMs === null);
  if (!untouched) {
    throw new KronlabError(
      'invalid',
      `id: the run "${run.name}" is ${run.status}; only a waiting run can be started.`,
    );
  }
}

function notRunning(run: RunSummary): KronlabError {
  return new KronlabError(
    'invalid',
    `id: the run "${run.name}" is ${run.status}; metrics can only be added to a running run.`,
  );
}

function lastOf(values: MetricBatch['steps']): number {
  return values.reduce((a, b) => Math.max(a, b), 0);
}
