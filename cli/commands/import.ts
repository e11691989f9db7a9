/** `kronlab import`: a person's own data into the lab. */
import { targetTasks, type TargetTask } from '../../contract/data-kinds.ts';
import { KronlabError } from '../../contract/errors.ts';
import {
  chosenColumnTypes,
  importFormats,
  type ChosenColumnType,
  type CsvSeparator,
  type ImportFormat,
  type ImportOptions,
  type ImportOutcome,
  type ImportProgressEvent,
  longestName,
} from '../../contract/datasets.ts';
import { DatasetStore, type Saved, type StoredDataset } from '../../datasets/node/store.ts';
import { startJob } from '../../main/services/import-job.ts';
import { formatCount } from '../../training/charts/format.ts';
import type { Command } from '../command.ts';
import { datasetFolder } from '../dataset-folder.ts';
import { readOptions } from '../options.ts';
import type { Terminal } from '../terminal.ts';

const separators = new Map<string, CsvSeparator>([
  ['comma', ','],
  ['semicolon', ';'],
  ['tab', '\t'],
  ['bar', '|'],
  ['space', ' '],
]);
const decimals = new Map([
  ['point', '.' as const],
  ['comma', ',' as const],
]);
const answers = new Map([
  ['yes', true],
  ['no', false],
]);

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
  --types A=TYPE   types of columns: ${chosenColumnTypes.join(', ')} (which leaves it out); several as A=TYPE,B=TYPE
  --header NAME    yes or no: whether the first row of a CSV file holds names; default: found out
  --separator NAME what separates the columns of a CSV file: ${[...separators.keys()].join(', ')}; default: found out
  --decimal NAME   point or comma, before the fraction of a number in a CSV file
  --name NAME      default: the name of the file or folder
  --db FILE        another database than the app's own
  --json           the result as JSON`,

  async run(args, { terminal }) {
    const { values, positionals } = readOptions(
      'import',
      args,
      {
        labels: { type: 'string' },
        target: { type: 'string' },
        task: { type: 'string' },
        format: { type: 'string' },
        image: { type: 'string' },
        types: { type: 'string', multiple: true },
        header: { type: 'string' },
        separator: { type: 'string' },
        decimal: { type: 'string' },
        name: { type: 'string' },
        db: { type: 'string' },
        json: { type: 'boolean', default: false },
      },
      1,
    );
    const [path] = positionals;
    if (path === undefined)
      throw new KronlabError('invalid', 'say what to import: kronlab import PATH; see "kronlab help import"');
    const options: ImportOptions = {
      target: values.target,
      task: readTask(values.task),
      format: readFormat(values.format),
      imageShape: readShape(values.image),
      types: readTypes(values.types),
      header: readNamed('--header', answers, values.header),
      separator: readNamed('--separator', separators, values.separator),
      decimal: readNamed('--decimal', decimals, values.decimal),
      name: readName(values.name),
    };
    const folder = datasetFolder(values.db);
    const saved = await inThread(terminal, {
      ...{ paths: [path], options, labels: values.labels, folder },
    });
    if (saved === null) {
      terminal.err('Cancelled; nothing was kept.\n');
      return 130;
    }
    if (!values.json) terminal.out(describe(saved));
    else {
      terminal.out(`${JSON.stringify(summaryOf(saved.record), null, 2)}\n`);
      if (saved.outcome !== 'new') terminal.err(`${outcomeOf(saved)}\n`);
    }
    return 0;
  },
};

/** Imports in a thread, as the window does; null where the person gave up. */
async function inThread(
  terminal: Terminal,
  request: { paths: readonly string[]; options: ImportOptions; labels: string | undefined; folder: string },
): Promise<Saved | null> {
  const giveUp = new AbortController();
  const stop = terminal.onInterrupt(() => giveUp.abort());
  try {
    if (giveUp.signal.aborted) return null;
    const job = startJob({ kind: 'run', ...request, ...showProgress(terminal) });
    giveUp.signal.addEventListener('abort', () => job.cancel());
    return await job.result;
  } catch (error) {
    await new DatasetStore(request.folder).discardParts();
    if (giveUp.signal.aborted) return null;
    throw error;
  } finally {
    stop();
  }
}

/** What a script needs to go on; of several labels, their names stand where the classes do. */
function summaryOf({ id, name, hash, task, examples, shapes, classes, targets, ...rest }: StoredDataset) {
  const { splits, skipped } = rest;
  const named = task === 'multi-label' ? targets : classes;
  return { id, name, hash, examples, shape: exampleShape(shapes), classes: named, splits, skipped };
}

/** One sentence that says what became of the import. */
function outcomeOf({ record: { name, id }, outcome }: Saved): string {
  const sentences: Readonly<Record<ImportOutcome, string>> = {
    new: `Imported ${name} as ${id}`,
    known: `Already kept as ${name} (${id}); it keeps its name`,
    restored: `Already kept as ${name} (${id}), and taken out of the trash`,
    repaired: `Already kept as ${name} (${id}), which was damaged and is whole again`,
  };
  return sentences[outcome];
}

/** Of one example: the inputs' without their count, a graph's node features, or nothing for a token. */
function exampleShape(shapes: StoredDataset['shapes']): number[] {
  return (shapes['inputs'] ?? shapes['nodes'] ?? [0]).slice(1);
}

function describe(saved: Saved): string {
  const { examples, shapes, classes, splits, skipped, kind, statistics, targets } = saved.record;
  const shape = exampleShape(shapes);
  const [examplesAre, classesAre] = kind === 'text' ? ['tokens', 'characters'] : ['examples', 'classes'];
  const size = shape.length === 0 ? '' : ` of ${shape.join(' x ')}`;
  const count = classes.length === 0 ? '' : `, ${formatCount(classes.length)} ${classesAre}`;
  const labels = statistics.labels ?? [];
  const labelsAre = labels.length === 0 ? '' : `, ${formatCount(labels.length)} labels`;
  const percent = (part: number, of: number) => `${of === 0 ? 0 : Math.round((100 * part) / of)} %`;
  const lines = [
    `${outcomeOf(saved)}: ${formatCount(examples)} ${examplesAre}${size}${count}${labelsAre}`,
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

/** `colour=category,id=ignore`; names may hold commas and equals signs themselves. */
function readTypes(texts: readonly string[] | undefined): Record<string, ChosenColumnType> | undefined {
  if (texts === undefined) return undefined;
  const types = new Map<string, ChosenColumnType>();
  const pattern = new RegExp(`(.+?)=(${chosenColumnTypes.join('|')})(?:,|$)`, 'gsy');
  for (const text of texts) {
    let read = 0;
    for (const [whole, name, type] of text.matchAll(pattern)) {
      types.set(name!, type as ChosenColumnType);
      read += whole.length;
    }
    if (read === text.length && text !== '') continue;
    throw new KronlabError(
      'invalid',
      `--types: "${text.slice(read)}" is no type of a column; write for example colour=category,id=ignore ` +
        `(${chosenColumnTypes.join(', ')})`,
    );
  }
  return Object.fromEntries(types);
}

function readName(text: string | undefined): string | undefined {
  const name = text?.trim();
  if (name === undefined || (name.length >= 1 && name.length <= longestName)) return name;
  throw new KronlabError(
    'invalid',
    `--name: a name has 1 to ${longestName} characters, this one ${name.length}`,
  );
}

/** The value behind a word. Throws `KronlabError` that lists the words. */
function readNamed<T>(
  option: string,
  known: ReadonlyMap<string, T>,
  text: string | undefined,
): T | undefined {
  if (text === undefined) return undefined;
  const value = known.get(text);
  if (value !== undefined) return value;
  throw new KronlabError('invalid', `${option}: "${text}" is none of ${[...known.keys()].join(', ')}`);
}

/** A line that counts up, where there is somebody to see it. */
function showProgress(terminal: Terminal): {
  onProgress?: (progress: Omit<ImportProgressEvent, 'id'>) => void;
} {
  if (!terminal.live) return {};
  return {
    onProgress({ file, fraction }) {
      const line = `${file}: ${Math.floor(100 * fraction)} %`;
      terminal.err(`\r${line.slice(0, terminal.columns - 1).padEnd(terminal.columns - 1)}\r`);
    },
  };
}
