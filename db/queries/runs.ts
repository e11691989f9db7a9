/** Runs: making them, moving them through their states, finding them again. */
import type { Environment, LayerReport, RunStatus, RunSummary } from '../../contract/runs.ts';
import type { RunSpec } from '../../contract/run-spec.ts';
import { flattenSpec, type ParamValue } from '../../contract/flatten-spec.ts';
import { int, type Db } from '../sqlite.ts';
import { runColumns, toRunSummary, type RunRow, type SummaryRow } from './run-row.ts';

export interface NewRun {
  uid: string;
  comparisonUid: string | null;
  name: string;
  groupHash: string;
  groupName: string;
  spec: RunSpec;
  createdMs: number;
  owner: Owner;
}

/** Whose work a run is: a process (its session in the store) and, in it, one window or command. */
export interface Owner {
  session: string;
  client: string;
}

export type EndStatus = Exclude<RunStatus, 'queued' | 'running'>;

export type RunQueries = ReturnType<typeof createRunQueries>;

export function createRunQueries(db: Db) {
  const insert = db.prepare(`INSERT INTO run
    (uid, comparison_id, name, status, group_hash, group_name, seed, spec_json, created_ms, owner_session, owner_client)
    VALUES (?, (SELECT id FROM comparison WHERE uid = ?), ?, 'queued', ?, ?, ?, ?, ?, ?, ?)`);
  const insertParam = db.prepare(
    'INSERT INTO param (run_id, key, num, text) SELECT id, ?, ?, ? FROM run WHERE uid = ?',
  );
  const one = db.prepare<RunRow>(`SELECT ${runColumns} WHERE run.uid = ?`);
  const many = db.prepare<RunRow>(
    `SELECT ${runColumns} WHERE (run.deleted_ms IS NOT NULL) = ? ORDER BY run.created_ms DESC, run.id`,
  );
  const summaryColumns = `s.run_id, k.name AS key, s.n, s.last, s.last_step, s.min, s.min_step, s.max, s.max_step,
    s.nonfinite_n, s.first_nonfinite_step FROM metric_summary s JOIN metric_key k ON k.id = s.key_id`;
  const summariesOfRun = db.prepare<SummaryRow>(
    `SELECT ${summaryColumns} WHERE s.run_id = ? ORDER BY s.key_id`,
  );
  const summaries = db.prepare<SummaryRow>(`SELECT ${summaryColumns} ORDER BY s.run_id, s.key_id`);
  const begin =
    db.prepare(`UPDATE run SET status = 'running', started_ms = ?, environment_json = ?, layers_json = ?,
    owner_session = ?, owner_client = ?, error = NULL, ended_ms = NULL WHERE uid = ?`);
  const beginSession = db.prepare(`INSERT INTO run_session (run_id, n, started_ms, active_offset_ms)
    SELECT id, 1 + (SELECT count(*) FROM run_session WHERE run_id = run.id), ?, active_ms FROM run WHERE uid = ?`);
  const end = db.prepare(`UPDATE run SET status = ?, ended_ms = ?, active_ms = max(active_ms, ?),
    last_step = max(last_step, ?), error = ? WHERE uid = ?`);
  const endSession = db.prepare(`UPDATE run_session SET ended_ms = ?, end_reason = ?
    WHERE run_id = (SELECT id FROM run WHERE uid = ?) AND ended_ms IS NULL`);
  const revive = db.prepare(`UPDATE run SET status = 'running', ended_ms = NULL, error = NULL WHERE uid = ?`);
  const reviveSession = db.prepare(`UPDATE run_session SET ended_ms = NULL, end_reason = NULL
    WHERE run_id = (SELECT id FROM run WHERE uid = ?) AND n = (SELECT max(n) FROM run_session s WHERE s.run_id = run_session.run_id)`);
  const advance = db.prepare(
    'UPDATE run SET last_step = max(last_step, ?), active_ms = max(active_ms, ?) WHERE uid = ?',
  );
  const rename = db.prepare('UPDATE run SET name = ? WHERE uid = ?');
  const remove = db.prepare('DELETE FROM run WHERE uid = ? AND deleted_ms IS NOT NULL');
  const trash = db.prepare('UPDATE run SET deleted_ms = ? WHERE uid = ? AND (deleted_ms IS NULL) = ?');
  const ownerOf = db.prepare<{ session: string; client: string }>(
    'SELECT owner_session AS session, owner_client AS client FROM run WHERE uid = ?',
  );
  const open = db.prepare<{
    uid: string;
    status: string;
    session: string;
    client: string;
    last_ms: number | null;
  }>(
    `SELECT uid, status, owner_session AS session, owner_client AS client,
       started_ms + (SELECT max(wall_ms) FROM metric WHERE run_id = run.id) AS last_ms
     FROM run WHERE status IN ('queued', 'running')`,
  );

  return {
    insert(run: NewRun): void {
      insert.run(
        run.uid,
        run.comparisonUid,
        run.name,
        run.groupHash,
        run.groupName,
        int(run.spec.seed),
        JSON.stringify(run.spec),
        int(run.createdMs),
        run.owner.session,
        run.owner.client,
      );
      for (const [key, value] of flattenSpec(run.spec)) {
        insertParam.run(key, numeric(value), String(value), run.uid);
      }
    },

    get(uid: string): RunSummary | null {
      const row = one.get(uid);
      return row ? toRunSummary(row, summariesOfRun.all(int(row.id))) : null;
    },

    /** Newest first; runs planned together in the order of the plan. */
    list(trashed: boolean): RunSummary[] {
      const byRun = Map.groupBy(summaries.all(), (row) => row.run_id);
      return many.all(int(trashed ? 1 : 0)).map((row) => toRunSummary(row, byRun.get(row.id) ?? []));
    },

    begin(
      uid: string,
      start: { atMs: number; environment: Environment; layers: LayerReport[]; owner: Owner },
    ): void {
      const { atMs, environment, layers, owner } = start;
      begin.run(
        int(atMs),
        JSON.stringify(environment),
        JSON.stringify(layers),
        owner.session,
        owner.client,
        uid,
      );
      beginSession.run(int(atMs), uid);
    },

    end(
      uid: string,
      result: { status: EndStatus; atMs: number; activeMs: number; lastStep: number; error: string | null },
    ): void {
      const { status, atMs, activeMs, lastStep, error } = result;
      end.run(status, int(atMs), activeMs, int(lastStep), error, uid);
      endSession.run(int(atMs), status, uid);
    },

    /** Takes back an end that turned out to be none: the window that was thought gone is still training. */
    revive(uid: string): void {
      revive.run(uid);
      reviveSession.run(uid);
    },

    /** `last_step` and `active_ms` only ever grow. */
    advance(uid: string, step: number, activeMs: number): void {
      advance.run(int(step), activeMs, uid);
    },

    rename(uid: string, name: string): void {
      rename.run(name, uid);
    },

    /** Says whether anything changed. */
    setTrashed(uid: string, deletedMs: number | null): boolean {
      return trash.run(deletedMs === null ? null : int(deletedMs), uid, int(deletedMs === null ? 0 : 1)) > 0;
    },

    /** Deletes a run of the trash with all that is stored of it; says whether there was one. */
    remove(uid: string): boolean {
      return remove.run(uid) > 0;
    },

    owner(uid: string): Owner | null {
      return ownerOf.get(uid) ?? null;
    },

    /** Runs that wait or run, with the time of their last metric (null: none yet). */
    open(): { uid: string; status: 'queued' | 'running'; owner: Owner; lastMs: number | null }[] {
      return open.all().map((row) => ({
        uid: row.uid,
        status: row.status === 'running' ? 'running' : 'queued',
        owner: { session: row.session, client: row.client },
        lastMs: row.last_ms,
      }));
    },
  };
}

/** The number to sort by; null for text. */
function numeric(value: ParamValue): number | null {
  if (typeof value === 'boolean') return Number(value);
  return typeof value === 'number' ? value : null;
}
