/**
 * Tells every window that runs changed. A training run saves several times a second; views need to hear of that far less
 * often, so progress is gathered and told at most once per interval, while real changes are told at once.
 */
import type { ApiEventName } from '../../contract/api.ts';

export type EventListener = (event: ApiEventName, payload: unknown) => void;

export interface ChangeFeed {
  subscribe(listener: EventListener): () => void;
  /** Tells at once, together with any progress gathered so far. */
  changed(ids: readonly string[]): void;
  /** Tells within `intervalMs`. */
  progressed(id: string): void;
  /** Tells something else at once. */
  tell(event: ApiEventName, payload: unknown): void;
  close(): void;
}

export function createChangeFeed({ intervalMs = 1000 } = {}): ChangeFeed {
  const listeners = new Set<EventListener>();
  const gathered = new Set<string>();
  let timer: NodeJS.Timeout | null = null;

  function tell(event: ApiEventName, payload: unknown): void {
    for (const listener of [...listeners]) listener(event, payload);
  }

  function tellRuns(): void {
    if (timer !== null) clearTimeout(timer);
    timer = null;
    const ids = [...gathered];
    gathered.clear();
    if (ids.length > 0) tell('runs.changed', { ids });
  }

  return {
    subscribe(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    changed(ids) {
      for (const id of ids) gathered.add(id);
      tellRuns();
    },
    progressed(id) {
      gathered.add(id);
      // Does not keep a command-line process alive.
      timer ??= setTimeout(tellRuns, intervalMs).unref();
    },
    tell,
    close() {
      if (timer !== null) clearTimeout(timer);
      timer = null;
      listeners.clear();
      gathered.clear();
    },
  };
}
