/** `kronlab export`: files from runs that are in the database already. */
import { resolve } from 'node:path';
import { exportKinds, type ApiInput, type Client, type ExportKind } from '../../contract/api.ts';
import { KronlabError } from '../../contract/errors.ts';
import { formatCount } from '../../training/charts/format.ts';
import type { Command } from '../command.ts';
import { withLab } from '../lab.ts';
import { readNumber, readOptions, required } from '../options.ts';
import { prepareOutFolder, writeFiles } from '../out-folder.ts';

export const exportCommand: Command = {
  name: 'export',
  summary: 'write stored runs as CSV and SVG',
  help: `kronlab export --runs ID,ID | --comparison ID  --out DIR [options]

Writes files from full-resolution, unsmoothed data; docs/csv.md explains the columns.

  --runs ID,ID       runs by id, as "kronlab runs list" shows them
  --comparison ID    all runs of a comparison
  --out DIR          where the files go; made if missing
  --kinds A,B        some of ${exportKinds.join(', ')}; default: all
  --target VALUE     another value of the planned target metric
  --reference NAME   the group the ratios refer to
  --db FILE          another database than the app's own`,

  async run(args, { terminal }) {
    const { values } = readOptions('export', args, {
      runs: { type: 'string' },
      comparison: { type: 'string' },
      out: { type: 'string' },
      kinds: { type: 'string' },
      target: { type: 'string' },
      reference: { type: 'string' },
      db: { type: 'string' },
    });
    const out = resolve(required('export', '--out', values.out, 'results'));
    const kinds = readKinds(values.kinds);
    const value = values.target === undefined ? undefined : readNumber('--target', values.target);
    const files = await withLab(values.db, async (client) => {
      const runIds = await chooseRuns(client, values.runs, values.comparison);
      await prepareOutFolder(out);
      return client.call('export.create', {
        runIds,
        kinds,
        ...(value !== undefined && { target: await targetOf(client, runIds, value) }),
        ...(values.reference !== undefined && {
          reference: await referenceOf(client, runIds, values.reference),
        }),
      });
    });
    const paths = await writeFiles(out, files);
    paths.forEach((path, i) => {
      const { name, rows } = files[i]!;
      terminal.out(`Wrote ${path}${name.endsWith('.csv') ? ` (${formatCount(rows)} rows)` : ''}\n`);
    });
    return 0;
  },
};

function readKinds(text: string | undefined): ExportKind[] {
  if (text === undefined) return [...exportKinds];
  return text.split(',').map((part) => {
    const kind = exportKinds.find((known) => known === part.trim());
    if (kind !== undefined) return kind;
    throw new KronlabError(
      'invalid',
      `--kinds: unknown file "${part.trim()}"; known files: ${exportKinds.join(', ')}`,
    );
  });
}

async function chooseRuns(
  client: Client,
  runs: string | undefined,
  comparisonId: string | undefined,
): Promise<string[]> {
  if ((runs === undefined) === (comparisonId === undefined)) {
    throw new KronlabError(
      'invalid',
      'give either --runs ID,ID or --comparison ID; see "kronlab help export"',
    );
  }
  if (runs !== undefined) {
    const ids = runs
      .split(',')
      .map((id) => id.trim())
      .filter((id) => id !== '');
    if (ids.length === 0)
      throw new KronlabError('invalid', '--runs: no id given; "kronlab runs list" shows them');
    return ids;
  }
  const comparison = (await client.call('comparisons.list', {})).find((c) => c.id === comparisonId);
  if (comparison === undefined)
    throw new KronlabError('not-found', `--comparison: there is no comparison "${comparisonId}"`);
  if (comparison.runIds.length === 0)
    throw new KronlabError('not-found', `--comparison: "${comparison.name}" has no runs left`);
  return comparison.runIds;
}

async function targetOf(
  client: Client,
  runIds: readonly string[],
  value: number,
): Promise<ApiInput<'export.create'>['target']> {
  const { run } = await client.call('runs.get', { id: runIds[0] ?? '' });
  return { metric: run.spec.target.metric, op: run.spec.target.op, value };
}

async function referenceOf(client: Client, runIds: readonly string[], name: string): Promise<string> {
  const runs = await Promise.all(runIds.map(async (id) => (await client.call('runs.get', { id })).run));
  const found = runs.find((run) => run.groupName === name || run.groupHash === name);
  if (found !== undefined) return found.groupHash;
  const names = [...new Set(runs.map((run) => run.groupName))].join(', ');
  throw new KronlabError('not-found', `--reference: no group is called "${name}"; the groups are ${names}`);
}
