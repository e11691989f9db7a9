/**
 * Knows which runs are being trained, by watching the calls that begin and end them. Two duties follow from it: the
 * computer does not fall asleep meanwhile, and closing the window asks first.
 */
import type { ShellApi } from './shell-api.ts';

export interface LiveRuns {
  /** Tells of a call that succeeded. */
  called(client: string, name: string, input: unknown): void;
  /** The window reloaded or went away, and its training with it. */
  disconnected(client: string): void;
  readonly count: number;
}

export function trackLiveRuns({ powerSaveBlocker }: Pick<ShellApi, 'powerSaveBlocker'>): LiveRuns {
  const clients = new Map<string, Set<string>>();
  let blocker: number | null = null;

  const count = () => [...clients.values()].reduce((sum, runs) => sum + runs.size, 0);
  const keepAwake = () => {
    if (count() > 0) {
      blocker ??= powerSaveBlocker.start('prevent-app-suspension');
    } else if (blocker !== null) {
      powerSaveBlocker.stop(blocker);
      blocker = null;
    }
  };

  return {
    called(client, name, input) {
      const id = runId(input);
      if (id === null) return;
      const runs = clients.get(client) ?? new Set();
      if (name === 'runs.start') clients.set(client, runs.add(id));
      if (name === 'runs.finish') runs.delete(id);
      keepAwake();
    },
    disconnected(client) {
      clients.delete(client);
      keepAwake();
    },
    get count() {
      return count();
    },
  };
}

function runId(input: unknown): string | null {
  if (typeof input !== 'object' || input === null || !('id' in input)) return null;
  return typeof input.id === 'string' ? input.id : null;
}
