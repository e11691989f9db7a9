/** Which runs can still be trained: those that wait, and those whose window went away before they had begun. */
import type { RunStatus, RunSummary } from '../../contract/runs.ts';

export function isStartable(run: RunSummary): boolean {
  return run.status === 'queued' || (run.status === 'interrupted' && run.startedMs === null);
}

/** A run that never began has not been interrupted in any sense a person cares about: it waits. */
export function shownStatus(run: RunSummary): RunStatus {
  return isStartable(run) ? 'queued' : run.status;
}
