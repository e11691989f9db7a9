/** Processes that used the store, so that the next one knows whether the last one said goodbye. */
import { int, type Db } from '../sqlite.ts';

export type SessionQueries = ReturnType<typeof createSessionQueries>;

export function createSessionQueries(db: Db) {
  const insert = db.prepare('INSERT INTO session (id, host, pid, started_ms) VALUES (?, ?, ?, ?)');
  const end = db.prepare('UPDATE session SET ended_ms = ? WHERE id = ?');
  const open = db.prepare<{ id: string }>('SELECT id FROM session WHERE ended_ms IS NULL');
  return {
    insert(session: { id: string; host: string; pid: number; startedMs: number }): void {
      insert.run(session.id, session.host, int(session.pid), int(session.startedMs));
    },

    end(id: string, atMs: number): void {
      end.run(int(atMs), id);
    },

    /** Those that did not say goodbye: alive, or cut short. */
    open(): string[] {
      return open.all().map(({ id }) => id);
    },
  };
}
