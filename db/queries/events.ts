/** What happened to a run, in words: started, reached its target, diverged, was cut short. */
import { runEventSchema, type RunEvent } from '../../contract/runs.ts';
import { int, type Db } from '../sqlite.ts';

export type EventQueries = ReturnType<typeof createEventQueries>;

export function createEventQueries(db: Db) {
  const insert = db.prepare(`INSERT INTO run_event (run_id, step, at_ms, level, code, text)
    SELECT id, ?, ?, ?, ?, ? FROM run WHERE uid = ? ON CONFLICT DO NOTHING`);
  const select = db.prepare<{ step: number; at_ms: number; level: string; code: string; text: string }>(
    `SELECT step, at_ms, level, code, text FROM run_event
     WHERE run_id = (SELECT id FROM run WHERE uid = ?) ORDER BY id`,
  );
  return {
    /** An event sent twice is kept once. */
    append(uid: string, events: readonly RunEvent[]): void {
      for (const { step, atMs, level, code, text } of events)
        insert.run(int(step), atMs, level, code, text, uid);
    },

    list(uid: string): RunEvent[] {
      return select
        .all(uid)
        .map(({ step, at_ms, level, code, text }) =>
          runEventSchema.parse({ step, atMs: at_ms, level, code, text }),
        );
    },
  };
}
