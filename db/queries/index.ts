/** All queries on one connection, by subject. The schema must be in place: statements are compiled here, once. */
import type { Db } from '../sqlite.ts';
import { createComparisonQueries } from './comparisons.ts';
import { createEventQueries } from './events.ts';
import { createKernelQueries } from './kernels.ts';
import { createMetricQueries } from './metrics.ts';
import { createRunQueries } from './runs.ts';
import { createSessionQueries } from './sessions.ts';
import { createSettingQueries } from './settings.ts';

export type Queries = ReturnType<typeof createQueries>;

export function createQueries(db: Db) {
  return {
    comparisons: createComparisonQueries(db),
    events: createEventQueries(db),
    kernels: createKernelQueries(db),
    metrics: createMetricQueries(db),
    runs: createRunQueries(db),
    sessions: createSessionQueries(db),
    settings: createSettingQueries(db),
  };
}
