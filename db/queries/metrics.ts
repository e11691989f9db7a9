/** Metric rows: appended in batches, read back as series. */
import { metricDefinitions, type MetricBatch, type MetricKey, type Series } from '../../contract/runs.ts';
import { int, type Db } from '../sqlite.ts';
import { createSummaryQueries, type Point } from './summary.ts';

export type MetricQueries = ReturnType<typeof createMetricQueries>;

/** SQLite keeps NaN as NULL; `code` says which of the values that are no numbers a NULL stands for. */
const nonfinite: readonly number[] = [0, NaN, Infinity, -Infinity];

function codeOf(value: number): number {
  if (Number.isFinite(value)) return 0;
  return Number.isNaN(value) ? 1 : value > 0 ? 2 : 3;
}

export function createMetricQueries(db: Db) {
  const addKey = db.prepare('INSERT OR IGNORE INTO metric_key (name, goal, unit) VALUES (?, ?, ?)');
  const keyId = db.prepare<{ id: number }>('SELECT id FROM metric_key WHERE name = ?');
  const upsert = db.prepare(`INSERT INTO metric (run_id, key_id, step, active_ms, wall_ms, v, code)
    VALUES (?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET active_ms = excluded.active_ms, wall_ms = excluded.wall_ms, v = excluded.v, code = excluded.code`);
  const runId = db.prepare<{ id: number }>('SELECT id FROM run WHERE uid = ?');
  const rows = db.prepare<{
    step: number;
    active_ms: number;
    wall_ms: number;
    v: number | null;
    code: number;
  }>(
    `SELECT step, active_ms, wall_ms, v, code FROM metric
     WHERE run_id = (SELECT id FROM run WHERE uid = ?) AND key_id = (SELECT id FROM metric_key WHERE name = ?)
     ORDER BY step`,
  );
  const summaries = createSummaryQueries(db);

  /** Ids are read anew each time: a rolled back transaction takes a new key's id with it. */
  function idOf(key: MetricKey): number {
    const { goal, unit } = metricDefinitions[key];
    addKey.run(key, goal, unit);
    return keyId.get(key)?.id ?? 0;
  }

  return {
    /** Writes a batch and its summaries; call inside a transaction. A row of the same run, key and step is replaced. */
    append(uid: string, batch: MetricBatch): void {
      const run = runId.get(uid)?.id ?? 0;
      for (const [key, indices] of Map.groupBy(batch.keys.keys(), (i) => batch.keys[i] as MetricKey)) {
        const id = idOf(key);
        const points = new Map<number, Point>();
        for (const i of indices) {
          const [step, value] = [batch.steps[i] ?? 0, batch.values[i] ?? NaN];
          const code = codeOf(value);
          upsert.run(
            int(run),
            int(id),
            int(step),
            batch.activeMs[i] ?? 0,
            batch.wallMs[i] ?? 0,
            code === 0 ? value : null,
            int(code),
          );
          points.set(step, { step, value });
        }
        summaries.update(
          run,
          id,
          [...points.values()].sort((a, b) => a.step - b.step),
        );
      }
    },

    /** In step order; empty when nothing was logged. */
    series(uid: string, key: MetricKey): Series {
      const found = rows.all(uid, key);
      return {
        runId: uid,
        key,
        steps: found.map((row) => row.step),
        activeMs: found.map((row) => row.active_ms),
        wallMs: found.map((row) => row.wall_ms),
        values: found.map((row) => row.v ?? nonfinite[row.code] ?? NaN),
      };
    },
  };
}
