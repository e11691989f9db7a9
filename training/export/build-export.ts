/** The files a comparison or a selection of runs can be exported as, from full-resolution data. Pure: no disk, no DOM. */
import type { ExportKind } from '../../contract/api.ts';
import { KronlabError } from '../../contract/errors.ts';
import type { RunSummary, Series } from '../../contract/runs.ts';
import { comparisonSvg } from '../charts/comparison-svg.ts';
import { compare, type ComparisonInput } from '../statistics/comparison.ts';
import { groupRuns } from '../statistics/groups.ts';
import type { Target } from '../statistics/target.ts';
import { comparisonHeader, comparisonRows } from './comparison-csv.ts';
import { writeCsv } from './csv.ts';
import { metricsLongHeader, metricsLongRows } from './metrics-csv.ts';
import { runsTable } from './runs-csv.ts';

export interface ExportInput {
  runs: RunSummary[];
  /** Raw series of every metric that shall be in `metrics_long.csv`; the target's metric is needed for all other kinds. */
  series: Series[];
  kinds: readonly ExportKind[];
  /** Default: the target in the settings of the first run. */
  target?: Target | undefined;
  /** Group hash the ratios refer to; default: the first-order group that gets there in the fewest steps. */
  reference?: string | undefined;
}

export interface ExportFile {
  name: ExportKind;
  /** Rows without the header; for the chart, the number of groups drawn. */
  rows: number;
  content: string;
}

/** One file per kind, in the order asked for. Throws `KronlabError` (`invalid`) without runs. */
export function buildExportFiles(input: ExportInput): ExportFile[] {
  const first = input.runs[0];
  if (first === undefined) {
    throw new KronlabError('invalid', 'export: there is no run to export; choose at least one');
  }
  const comparison: ComparisonInput = {
    runs: input.runs,
    series: input.series,
    target: input.target ?? first.spec.target,
    reference: input.reference,
  };
  return input.kinds.map((kind) => buildFile(kind, comparison));
}

function buildFile(kind: ExportKind, input: ComparisonInput): ExportFile {
  const groups = groupRuns(input.runs, input.series, input.target.metric);
  switch (kind) {
    case 'runs.csv': {
      const { header, rows } = runsTable(groups, input.target);
      return { name: kind, rows: rows.length, content: writeCsv(header, rows) };
    }
    case 'metrics_long.csv': {
      const rows = metricsLongRows(groups, input.series);
      return { name: kind, rows: rows.length, content: writeCsv(metricsLongHeader, rows) };
    }
    case 'comparison.csv': {
      const rows = comparisonRows(compare(input));
      return { name: kind, rows: rows.length, content: writeCsv(comparisonHeader, rows) };
    }
    case 'comparison.svg':
      return { name: kind, rows: groups.length, content: comparisonSvg(input) };
    default:
      return kind satisfies never;
  }
}
