/** Comparisons: named sets of runs that were started together. */
import type { Comparison } from '../../contract/runs.ts';
import { int, type Db } from '../sqlite.ts';

export type ComparisonQueries = ReturnType<typeof createComparisonQueries>;

interface Row {
  id: number;
  uid: string;
  name: string;
  created_ms: number;
}

export function createComparisonQueries(db: Db) {
  const insert = db.prepare('INSERT INTO comparison (uid, name, created_ms) VALUES (?, ?, ?)');
  const select = db.prepare<Row>(
    'SELECT id, uid, name, created_ms FROM comparison ORDER BY created_ms DESC, id DESC',
  );
  const members = db.prepare<{ comparison_id: number; uid: string }>(
    'SELECT comparison_id, uid FROM run WHERE comparison_id IS NOT NULL AND deleted_ms IS NULL ORDER BY id',
  );
  return {
    insert(comparison: { uid: string; name: string; createdMs: number }): void {
      insert.run(comparison.uid, comparison.name, int(comparison.createdMs));
    },

    /** Newest first; runs in the order they were planned, without those in the trash. */
    list(): Comparison[] {
      const runs = Map.groupBy(members.all(), (row) => row.comparison_id);
      return select.all().map((row) => ({
        id: row.uid,
        name: row.name,
        createdMs: row.created_ms,
        runIds: (runs.get(row.id) ?? []).map((run) => run.uid),
      }));
    },
  };
}
