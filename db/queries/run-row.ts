/** A row of the `run` table and its summaries, turned into what the rest of the lab calls a run. */
import { z } from 'zod';
import { runSpecSchema } from '../../contract/run-spec.ts';
import {
  environmentSchema,
  layerReportSchema,
  metricSummarySchema,
  runStatusSchema,
  type MetricSummary,
  type RunSummary,
} from '../../contract/runs.ts';

/** Columns of `runColumns`, in STRICT types. */
export interface RunRow {
  id: number;
  uid: string;
  comparison_uid: string | null;
  comparison_name: string | null;
  name: string;
  status: string;
  group_hash: string;
  group_name: string;
  seed: number;
  spec_json: string;
  environment_json: string | null;
  layers_json: string;
  created_ms: number;
  started_ms: number | null;
  ended_ms: number | null;
  active_ms: number;
  last_step: number;
  error: string | null;
  deleted_ms: number | null;
}

export const runColumns = `run.id, run.uid, comparison.uid AS comparison_uid, comparison.name AS comparison_name, run.name,
  run.status, run.group_hash, run.group_name, run.seed, run.spec_json, run.environment_json, run.layers_json,
  run.created_ms, run.started_ms, run.ended_ms, run.active_ms, run.last_step, run.error, run.deleted_ms
  FROM run LEFT JOIN comparison ON comparison.id = run.comparison_id`;

export interface SummaryRow {
  run_id: number;
  key: string;
  n: number;
  last: number | null;
  last_step: number;
  min: number | null;
  min_step: number | null;
  max: number | null;
  max_step: number | null;
  nonfinite_n: number;
  first_nonfinite_step: number | null;
}

const layersSchema = z.array(layerReportSchema);

/** Stored JSON passes its schema again, so that settings added by a later version get their defaults. */
export function toRunSummary(row: RunRow, metrics: readonly SummaryRow[]): RunSummary {
  return {
    id: row.uid,
    name: row.name,
    comparisonId: row.comparison_uid,
    comparisonName: row.comparison_name,
    status: runStatusSchema.parse(row.status),
    groupHash: row.group_hash,
    groupName: row.group_name,
    seed: row.seed,
    spec: runSpecSchema.parse(JSON.parse(row.spec_json)),
    environment:
      row.environment_json === null ? null : environmentSchema.parse(JSON.parse(row.environment_json)),
    layers: layersSchema.parse(JSON.parse(row.layers_json)),
    createdMs: row.created_ms,
    startedMs: row.started_ms,
    endedMs: row.ended_ms,
    activeMs: row.active_ms,
    lastStep: row.last_step,
    error: row.error,
    trashedMs: row.deleted_ms,
    metrics: metrics.map(toMetricSummary),
  };
}

function toMetricSummary(row: SummaryRow): MetricSummary {
  return metricSummarySchema.parse({
    key: row.key,
    n: row.n,
    last: row.last,
    lastStep: row.last_step,
    min: row.min,
    minStep: row.min_step,
    max: row.max,
    maxStep: row.max_step,
    nonfiniteCount: row.nonfinite_n,
    firstNonfiniteStep: row.first_nonfinite_step,
  });
}
