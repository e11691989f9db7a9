/** `kronlab runs list`: what is in the database. */
import { metricDefinitions, type RunSummary } from '../../contract/runs.ts';
import { KronlabError } from '../../contract/errors.ts';
import { formatCount, formatDuration, formatMetric } from '../../training/charts/format.ts';
import type { Command } from '../command.ts';
import { withLab } from '../lab.ts';
import { readOptions } from '../options.ts';
import { textTable } from '../text-table.ts';

export const runsCommand: Command = {
  name: 'runs',
  summary: 'list the runs in the database',
  help: `kronlab runs list [--db FILE] [--json]

Lists the runs that are not in the trash, newest first.

  --db FILE   another database than the app's own
  --json      every run with all its settings as JSON`,

  async run(args, { terminal }) {
    const { values, positionals } = readOptions(
      'runs',
      args,
      { db: { type: 'string' }, json: { type: 'boolean', default: false } },
      1,
    );
    const [action] = positionals;
    if (action !== 'list') {
      const given = action === undefined ? 'say what to do with the runs' : `unknown action "${action}"`;
      throw new KronlabError('invalid', `${given}; the only one is "kronlab runs list"`);
    }
    const runs = await withLab(values.db, (client) => client.call('runs.list', {}));
    if (values.json) terminal.out(`${JSON.stringify(runs, null, 2)}\n`);
    else if (runs.length === 0)
      terminal.out('No runs yet. Start with: kronlab compare --preset first-light --out results\n');
    else terminal.out(`${runTable(runs).join('\n')}\n`);
    return 0;
  },
};

function runTable(runs: readonly RunSummary[]): string[] {
  return textTable(
    [
      { head: 'Id', align: 'left' },
      { head: 'Comparison', align: 'left' },
      { head: 'Run', align: 'left' },
      { head: 'Status', align: 'left' },
      { head: 'Steps', align: 'right' },
      { head: 'Trained', align: 'right' },
      { head: 'Best', align: 'right' },
      { head: 'Metric', align: 'left' },
      { head: 'Started', align: 'left' },
    ],
    runs.map((run) => [
      run.id,
      run.comparisonName ?? '',
      run.name,
      run.status,
      `${formatCount(run.lastStep)} of ${formatCount(run.spec.steps)}`,
      run.activeMs === 0 ? '' : formatDuration(run.activeMs / 1000),
      bestValue(run),
      metricDefinitions[run.spec.target.metric].label.toLowerCase(),
      run.startedMs === null ? '' : new Date(run.startedMs).toISOString().slice(0, 16).replace('T', ' '),
    ]),
  );
}

function bestValue(run: RunSummary): string {
  const { metric, op } = run.spec.target;
  const summary = run.metrics.find((candidate) => candidate.key === metric);
  const best = op === '>=' ? summary?.max : summary?.min;
  return best === undefined || best === null ? '' : formatMetric(metric, best);
}
