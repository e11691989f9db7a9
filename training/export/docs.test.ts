import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { metricDefinitions, type MetricSummary } from '../../contract/runs.ts';
import { groupRuns } from '../statistics/groups.ts';
import { adamw, testGroup } from '../statistics/test-runs.ts';
import { comparisonHeader } from './comparison-csv.ts';
import { metricsLongHeader } from './metrics-csv.ts';
import { runsTable } from './runs-csv.ts';

const document = readFileSync(new URL('../../docs/csv.md', import.meta.url), 'utf8');

/** The code words in the first column of the table under a heading. */
function documented(heading: string): string[] {
  const start = document.indexOf(`## \`${heading}\``);
  const section = document.slice(start, document.indexOf('\n## ', start + 1));
  const firstCells = section
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) => line.split(' | ')[0]!);
  return firstCells.flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)].map((match) => match[1]!));
}

describe('docs/csv.md', () => {
  it('explains every column of metrics_long.csv and comparison.csv, and no other', () => {
    expect(documented('metrics_long.csv').sort()).toEqual([...metricsLongHeader].sort());
    expect(documented('comparison.csv').sort()).toEqual([...comparisonHeader].sort());
  });

  it('explains every kind of column of runs.csv, and no other', () => {
    const metrics = [{ key: 'val.loss' } as MetricSummary];
    const { runs, series } = testGroup('AdamW', adamw, [[0.5]], 100, { metrics });
    const target = { metric: 'val.accuracy', op: '>=', value: 0.5 } as const;
    const { header } = runsTable(groupRuns(runs, series, target.metric), target);
    const kinds = header.map((column) =>
      column
        .replace(/^param\..*/, 'param.NAME')
        .replace('metric.val.loss.', 'metric.KEY.')
        .replace('target.val.accuracy.', 'target.KEY.'),
    );
    expect([...new Set(kinds)].sort()).toEqual(documented('runs.csv').sort());
  });

  it('lists every metric', () => {
    for (const key of Object.keys(metricDefinitions)) expect(document).toContain(`\`${key}\``);
  });
});
