/** The first schema: comparisons, runs with their settings, metrics, summaries and events. */
import type { Migration } from '../migrate.ts';

/*
 * Times are whole milliseconds since the epoch (`*_ms` INTEGER) or durations in milliseconds (`active_ms`, `wall_ms`
 * REAL). SQLite stores NaN as NULL, so a metric's `code` says what a missing `v` was: 0 finite, 1 NaN, 2 +Inf, 3 -Inf.
 */
export const migration: Migration = {
  version: 1,
  sql: `
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;

CREATE TABLE setting (key TEXT PRIMARY KEY, json TEXT NOT NULL) STRICT, WITHOUT ROWID;

CREATE TABLE session (
  id TEXT PRIMARY KEY,
  host TEXT NOT NULL,
  pid INTEGER NOT NULL,
  started_ms INTEGER NOT NULL,
  ended_ms INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE comparison (
  id INTEGER PRIMARY KEY,
  uid TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  created_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE run (
  id INTEGER PRIMARY KEY,
  uid TEXT NOT NULL UNIQUE,
  comparison_id INTEGER REFERENCES comparison (id),
  name TEXT NOT NULL,
  status TEXT NOT NULL
    CHECK (status IN ('queued', 'running', 'finished', 'stopped', 'diverged', 'failed', 'interrupted')),
  group_hash TEXT NOT NULL,
  group_name TEXT NOT NULL,
  seed INTEGER NOT NULL,
  spec_json TEXT NOT NULL,
  environment_json TEXT,
  layers_json TEXT NOT NULL DEFAULT '[]',
  created_ms INTEGER NOT NULL,
  started_ms INTEGER,
  ended_ms INTEGER,
  active_ms REAL NOT NULL DEFAULT 0,
  last_step INTEGER NOT NULL DEFAULT 0,
  error TEXT,
  owner_session TEXT NOT NULL,
  owner_client TEXT NOT NULL,
  deleted_ms INTEGER
) STRICT;
CREATE INDEX run_by_group ON run (group_hash);
CREATE INDEX run_by_comparison ON run (comparison_id);
CREATE INDEX run_by_status ON run (status, deleted_ms);

CREATE TABLE run_session (
  run_id INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
  n INTEGER NOT NULL,
  started_ms INTEGER NOT NULL,
  ended_ms INTEGER,
  active_offset_ms REAL NOT NULL DEFAULT 0,
  end_reason TEXT,
  PRIMARY KEY (run_id, n)
) STRICT, WITHOUT ROWID;

CREATE TABLE param (
  run_id INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
  key TEXT NOT NULL,
  num REAL,
  text TEXT NOT NULL,
  PRIMARY KEY (run_id, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX param_by_num ON param (key, num);
CREATE INDEX param_by_text ON param (key, text);

CREATE TABLE metric_key (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  goal TEXT CHECK (goal IN ('min', 'max')),
  unit TEXT NOT NULL
) STRICT;

CREATE TABLE metric (
  run_id INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
  key_id INTEGER NOT NULL REFERENCES metric_key (id),
  step INTEGER NOT NULL,
  active_ms REAL NOT NULL,
  wall_ms REAL NOT NULL,
  v REAL,
  code INTEGER NOT NULL DEFAULT 0 CHECK (code BETWEEN 0 AND 3),
  PRIMARY KEY (run_id, key_id, step),
  CHECK ((code = 0) = (v IS NOT NULL))
) STRICT, WITHOUT ROWID;

CREATE TABLE metric_summary (
  run_id INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
  key_id INTEGER NOT NULL REFERENCES metric_key (id),
  n INTEGER NOT NULL,
  last REAL,
  last_step INTEGER NOT NULL,
  min REAL,
  min_step INTEGER,
  max REAL,
  max_step INTEGER,
  nonfinite_n INTEGER NOT NULL,
  first_nonfinite_step INTEGER,
  PRIMARY KEY (run_id, key_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE run_event (
  id INTEGER PRIMARY KEY,
  run_id INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
  step INTEGER NOT NULL,
  at_ms REAL NOT NULL,
  level TEXT NOT NULL CHECK (level IN ('info', 'warning', 'error')),
  code TEXT NOT NULL,
  text TEXT NOT NULL,
  UNIQUE (run_id, at_ms, step, code, text)
) STRICT;
`,
};
