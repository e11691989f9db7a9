/**
 * Gathers what an export is made from: full resolution, unsmoothed, straight from the store. The files themselves are
 * made by `training/export`, pure functions that the window and the command line use as well, so that all say the same.
 */
import { KronlabError } from '../../contract/errors.ts';
import type { Services } from '../../contract/router.ts';
import { metricDefinitions, type MetricKey } from '../../contract/runs.ts';
import { buildExportFiles } from '../../training/export/build-export.ts';
import { requireRun, type Surroundings } from './surroundings.ts';

const everyKey = Object.keys(metricDefinitions) as MetricKey[];

export function createExports({ store }: Surroundings): Pick<Services, 'export.create'> {
  return {
    'export.create'({ runIds, kinds, target, reference }) {
      const runs = [...new Set(runIds)].map((id) => requireRun(store, id));
      if (reference !== undefined && !runs.some((run) => run.groupHash === reference)) {
        throw new KronlabError('invalid', `reference: none of these runs belongs to the group ${reference}.`);
      }
      const series = runs.flatMap((run) => everyKey.map((key) => store.metrics.series(run.id, key)));
      return buildExportFiles({ runs, series, kinds, target, reference });
    },
  };
}
