/** Ends runs whose training went away without a word, so that no run says `running` for ever. */
import type { Queries } from './queries/index.ts';
import type { Owner } from './queries/runs.ts';

/** What went away: the whole lab (closed or crashed), or the window that was training. */
export type InterruptReason = 'lab' | 'window';

/**
 * Marks the waiting and running runs whose owner `isGone` as interrupted; call inside a transaction. A running run ends
 * when its last metric came in, as far as that is known.
 * @returns ids of the runs that changed
 */
export function interruptRuns(
  queries: Queries,
  options: { isGone: (owner: Owner) => boolean; reason: InterruptReason; nowMs: number },
): string[] {
  const { isGone, reason, nowMs } = options;
  const gone = queries.runs.open().filter((run) => isGone(run.owner));
  for (const { uid, status, lastMs } of gone) {
    const text = sentence(reason, status);
    const atMs = Math.round(Math.min(lastMs ?? nowMs, nowMs));
    queries.runs.end(uid, { status: 'interrupted', atMs, activeMs: 0, lastStep: 0, error: text });
    const step = queries.runs.get(uid)?.lastStep ?? 0;
    queries.events.append(uid, [{ step, atMs: nowMs, level: 'warning', code: 'interrupted', text }]);
  }
  return gone.map((run) => run.uid);
}

function sentence(reason: InterruptReason, status: 'queued' | 'running'): string {
  const what = reason === 'lab' ? 'The lab closed' : 'The window that trained closed';
  return status === 'queued'
    ? `${what} before this run started.`
    : `${what} before this run ended; everything saved up to then is kept.`;
}
