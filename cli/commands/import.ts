/** `kronlab import`: a person's own data into the lab. */
import { targetTasks, type TargetTask } from '../../contract/data-kinds.ts';
import { KronlabError } from '../../contract/errors.ts';
import { importFormats, type ImportFormat } from '../../contract/datasets.ts';
import { importDataset } from '../../datasets/import/import.ts';
import { defaultLimits, type ImportContext } from '../../datasets/import/limits.ts';
import { openSources } from '../../datasets/node/sources.ts';
import { DatasetStore, type StoredDataset } from '../../datasets/node/store.ts';
import { formatCount } from '../../training/charts/format.ts';
import type { Command } from '../command.ts';
import { datasetFolder } from '../dataset-folder.ts';
import { readOptions } from '../options.ts';
import type { Terminal } from '../terminal.ts';

export const importCommand: Command = {
  name: 'import',
  summary: 'read a data set of your own',
  help: `kronlab import PATH [options]

Reads a file, or a folder that is one data set (an IDX or CIFAR set, images by class), and keeps it beside the
database. The same data out of two formats is one data set. docs/data.md explains the formats.

  --labels PATH    the file of labels that belongs to a file of inputs (IDX, NPY)
  --target NAME    the column, array or data field to predict; of CIFAR-100 fine or coarse. Several columns as A,B,C
                   are labels of 0 and 1, empty where they are not known
  --task NAME      ${targetTasks.join(', ')}; default: what the target looks like
  --format NAME    one of ${importFormats.join(', ')}; default: found out
  --image CxHxW    reads the columns of a table as images, for example 1x28x28
  --name NAME      default: the name of the file or folder
  --db FILE        another database than the app's own
  --json           the result as JSON`,

  async run(args, { terminal, now }) {
    const { values, positionals } = readOptions(
      'import',
      args,
      {
        labels: { type: 'string' },
        target: { type: 'string' },
        task: { type: 'string' },
        format: { type: 'string' },
        image: { type: 'string' },
        name: { type: 'string' },
        db: { type: 'string' },
        json: { type: 'boolean', default: false },
      },
      1,
    );
    const [path] = positionals;
    if (path === undefined)
      throw new KronlabError('invalid', 'say what to import: kronlab import PATH; see "kronlab help import"');
    const options = {
      target: values.target,
      task: readTask(values.task),
      format: readFormat(values.format),
      imageShape: readShape(values.image),
      name: values.name,
    };
    const interrupted = new AbortController();
    const stop = terminal.onInterrupt(() => interrupted.abort());
    try {
      const context = { limits: defaultLimits, signal: interrupted.signal, ...showProgress(terminal) };
      const sources = await openSources(path, defaultLimits);
      const [labels] = values.labels === undefined ? [] : await openSources(values.labels, defaultLimits);
      const result = await importDataset(sources, { ...options, labels }, context);
      const store = new DatasetStore(datasetFolder(values.db), now);
      const files = sources.map((source) => source.name);
      const stored = await store.save(result, files, interrupted.signal);
      terminal.out(values.json ? `${JSON.stringify(summaryOf(stored), null, 2)}\n` : describe(stored));
      return 0;
    } catch (error) {
      if (!interrupted.signal.aborted) throw error;
      terminal.err('Cancelled; nothing was kept.\n');
      return 130;
    } finally {
      stop();
    }
  },
};

function summaryOf({ id, name, hash, task, examples, shapes, classes, targets, ...rest }: StoredDataset) {
  const { splits, skipped, statistics } = rest;
  const labels = statistics.labels && { labels: statistics.labels };
  return {
    ...{ id, name, hash, task, examples, shape: exampleShape(shapes), classes, targets, ...labels },
    ...{ splits, skipped },
  };
}

/** Of one example: the inputs' without their count, a graph's node features, or nothing for a token. */
function exampleShape(shapes: StoredDataset['shapes']): number[] {
  return (shapes['inputs'] ?? shapes['nodes'] ?? [0]).slice(1);
}

function describe(stored: StoredDataset): string {
  const { id, name, examples, shapes, classes, splits, skipped, kind, statistics, targets } = stored;
  const shape = exampleShape(shapes);
  const [examplesAre, classesAre] = kind === 'text' ? ['tokens', 'characters'] : ['examples', 'classes'];
  const size = shape.length === 0 ? '' : ` of ${shape.join(' x ')}`;
  const count = classes.length === 0 ? '' : `, ${formatCount(classes.length)} ${classesAre}`;
  const labels = statistics.labels ?? [];
  const labelsAre = labels.length === 0 ? '' : `, ${formatCount(labels.length)} labels`;
  const percent = (part: number, of: number) => `${of === 0 ? 0 : Math.round((100 * part) / of)} %`;
  const lines = [
    `Imported ${name} as ${id}: ${formatCount(examples)} ${examplesAre}${size}${count}${labelsAre}`,
    ...labels.map(
      ({ positive, negative, missing }, i) =>
        `  ${targets[i] ?? ''}: ${percent(positive, positive + negative)} have it, ${percent(missing, examples)} not known`,
    ),
    ...splits.map((split) => `  ${split.name}: ${formatCount(split.count)}`),
  ];
  if (skipped.total > 0) lines.push(`Left out ${formatCount(skipped.total)}:`);
  for (const { reason, count, first } of skipped.reasons)
    lines.push(`  ${formatCount(count)}: ${reason} (first: ${first})`);
  for (const column of skipped.columns ?? []) lines.push(`  column "${column.name}": ${column.reason}`);
  return `${lines.join('\n')}\n`;
}

function readTask(text: string | undefined): TargetTask | undefined {
  if (text === undefined) return undefined;
  const task = targetTasks.find((known) => known === text);
  if (task !== undefined) return task;
  throw new KronlabError('invalid', `--task: unknown task "${text}"; known tasks: ${targetTasks.join(', ')}`);
}

function readFormat(text: string | undefined): ImportFormat | undefined {
  if (text === undefined) return undefined;
  const format = importFormats.find((known) => known === text);
  if (format !== undefined) return format;
  throw new KronlabError(
    'invalid',
    `--format: unknown format "${text}"; known formats: ${importFormats.join(', ')}`,
  );
}

function readShape(text: string | undefined): [number, number, number] | undefined {
  if (text === undefined) return undefined;
  const [, channels, height, width] = /^([1-9]\d{0,4})x([1-9]\d{0,4})x([1-9]\d{0,4})$/.exec(text) ?? [];
  if (channels === undefined)
    throw new KronlabError('invalid', `--image: "${text}" is no shape; write for example 1x28x28`);
  return [Number(channels), Number(height), Number(width)];
}

/** A line that counts up, where there is somebody to see it. */
function showProgress(terminal: Terminal): Pick<ImportContext, 'onProgress'> {
  if (!terminal.live) return {};
  let shown = 0;
  return {
    onProgress({ file, done, total }) {
      const now = performance.now();
      if (now - shown < 100 && done < total) return;
      shown = now;
      const line = `${file}: ${Math.floor((100 * done) / Math.max(1, total))} %`;
      terminal.err(`\r${line.slice(0, terminal.columns - 1).padEnd(terminal.columns - 1)}\r`);
    },
  };
}
