/** Gathers what an export is made from: full resolution, unsmoothed, straight from the store. */
import { KronlabError } from '../../contract/errors.ts';
import type { ExportKind } from '../../contract/api.ts';
import type { Services } from '../../contract/router.ts';
import { metricDefinitions, type MetricKey, type RunSummary, type Series } from '../../contract/runs.ts';
import type { TargetSpec } from '../../contract/run-spec.ts';
import { requireRun, type Surroundings } from './surroundings.ts';

/** Turns runs and their series into files; pure. */
export type ExportBuilder = (input: {
  runs: RunSummary[];
  series: Series[];
  kinds: ExportKind[];
  target?: { metric: MetricKey; op: TargetSpec['op']; value: number };
  reference?: string;
}) => { name: ExportKind; rows: number; content: string }[];

export function createExports(
  { store }: Surroundings,
  build: ExportBuilder | undefined,
): Pick<Services, 'export.create'> {
  return {
    'export.create'({ runIds, kinds, target, reference }) {
      if (build === undefined) throw new KronlabError('unavailable', 'This host makes no exports.');
      const runs = runIds.map((id) => requireRun(store, id));
      const keys = Object.keys(metricDefinitions) as MetricKey[];
      const series = runs.flatMap((run) => keys.map((key) => store.metrics.series(run.id, key)));
      return build({
        runs,
        series,
        kinds,
        ...(target !== undefined && { target }),
        ...(reference !== undefined && { reference }),
      });
    },
  };
}
