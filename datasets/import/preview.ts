/** What an import would make of files, from their beginning: enough to see whether they are read as they are meant. */
import type {
  DatasetSample,
  ImportChoices,
  ImportFormat,
  ImportPreview,
  PreviewTable,
  SampleGraph,
} from '../../contract/datasets.ts';
import { KronlabError } from '../../contract/errors.ts';
import type { TargetTask } from '../../contract/data-kinds.ts';
import { sampleDataset } from '../sample.ts';
import { memoryReader, nothingSkipped, type DatasetKind, type TensorDataset } from '../tensor-dataset.ts';
import { folderName, type ByteSource } from './byte-source.ts';
import { areLabels, taskOfColumns } from './answers.ts';
import { ColumnStore, type Cell, type ColumnType } from './columns.ts';
import { detect } from './detect.ts';
import { isImageName } from './formats/image-folder.ts';
import type { Graph } from './graphs.ts';
import { defaultName, importDataset } from './import.ts';
import { checkOptions, type ImportOptions } from './options.ts';
import type { ImportContext, ImportObserver } from './limits.ts';

/** Rows by which columns are judged, and graphs that are read. */
const rowsRead = 500;
const graphsRead = 24;
const rowsShown = 12;
const examplesShown = 24;
/** Images that are decoded, and of one folder. */
const imagesRead = 48;
const imagesOfFolder = 4;
const mostClasses = 1000;
/** Of one graph. */
const answersShown = 3;

/**
 * Reads the beginning of tables, graphs and image folders, and other files whole. Throws what `importDataset` throws for
 * what was read, and the reason of `context.signal`.
 */
export async function previewImport(
  sources: readonly ByteSource[],
  options: ImportOptions,
  context: ImportContext,
): Promise<ImportPreview> {
  const format = options.format ?? (await detect(sources, context));
  const common = {
    name: options.name ?? defaultName(sources),
    format,
    files: sources.length,
    bytes: sources.reduce((sum, { size }) => sum + size, 0),
  };
  checkOptions(sources[0]!.name, format, options);
  if (format === 'images') return { ...common, ...(await previewImages(sources, options, context)) };
  const seen = new Beginning(options);
  const signals = [seen.enough.signal, ...(context.signal === undefined ? [] : [context.signal])];
  const watched = { ...context, signal: AbortSignal.any(signals), observer: seen };
  try {
    const { dataset } = await importDataset(sources, { ...options, format }, watched);
    return { ...common, ...(await previewWhole(dataset)), ...seen.found(sources[0]!.name, context) };
  } catch (error) {
    context.signal?.throwIfAborted();
    if (!seen.enough.signal.aborted) throw withFormat(error, format);
    return { ...common, ...seen.preview(sources[0]!.name, context) };
  }
}

/** The error with the format that was found, so that the choices which it has can be offered. */
function withFormat(error: unknown, format: ImportFormat): unknown {
  if (!(error instanceof KronlabError)) return error;
  const choices: ImportChoices = { ...(error.data as ImportChoices | undefined), format };
  return new KronlabError(error.code, error.message, choices);
}

type Found = Omit<ImportPreview, 'name' | 'format' | 'files' | 'bytes'>;

async function previewWhole(dataset: TensorDataset): Promise<Found> {
  const { kind, task, examples, tensors, classes, splits, skipped } = dataset;
  return {
    ...{ kind, task, examples, skipped, splits: [...splits], classes: classes.slice(0, mostClasses) },
    shape: (tensors['inputs'] ?? tensors['nodes'])?.shape.slice(1) ?? [],
    table: null,
    ...{ candidates: [], chosen: [], targets: [...dataset.targets] },
    sample: await sampleDataset(dataset, memoryReader(dataset), examplesShown),
  };
}

/** The first images of every folder; classes are the folders of all. */
async function previewImages(
  sources: readonly ByteSource[],
  options: ImportOptions,
  context: ImportContext,
): Promise<Found> {
  const images = sources.filter(({ name }) => isImageName(name));
  const ofFolder = new Map<string, number>();
  const chosen = images.filter(({ name }) => {
    const folder = folderName(name);
    const before = ofFolder.get(folder) ?? 0;
    ofFolder.set(folder, before + 1);
    return before < imagesOfFolder;
  });
  const read = chosen.slice(0, imagesRead);
  const { dataset } = await importDataset(read, { ...options, format: 'images' }, context);
  const found = await previewWhole(dataset);
  if (read.length === images.length) return found;
  const classes = [...new Set([...ofFolder.keys()].map((folder) => folder.split('/').at(-1)!))].sort();
  return { ...found, examples: null, splits: [], classes: classes.slice(0, mostClasses) };
}

/** Listens while a table or graphs are read, until it has seen enough. */
class Beginning implements ImportObserver {
  readonly enough = new AbortController();
  readonly #options: ImportOptions;
  #columns: readonly string[] = [];
  #properties: readonly string[] = [];
  #targets: readonly string[] = [];
  readonly #rows: (readonly Cell[])[] = [];
  readonly #graphs: SampleGraph[] = [];
  #nodeFeatures = 0;
  readonly #answers: (readonly Cell[])[] = [];

  constructor(options: ImportOptions) {
    this.#options = options;
  }

  columns(names: readonly string[], targets: readonly string[]): void {
    this.#columns = names;
    this.#targets = targets;
  }

  properties(names: readonly string[], targets: readonly string[]): void {
    this.#properties = names;
    this.#targets = targets;
  }

  row(cells: readonly Cell[]): void {
    if (this.#rows.length < rowsRead) this.#rows.push([...cells]);
    else this.#end();
  }

  graph({ nodes, edges, nodeFeatures }: Graph, answers: readonly Cell[]): void {
    if (this.#graphs.length >= graphsRead) this.#end();
    this.#nodeFeatures = nodeFeatures.length / nodes;
    this.#answers.push(answers);
    this.#graphs.push({
      nodes,
      edges: Array.from({ length: edges.length / 2 }, (_, i) => [edges[2 * i]!, edges[2 * i + 1]!]),
      label: labelText(this.#targets, answers),
    });
  }

  /** Ends the reader in the middle of its piece. */
  #end(): void {
    this.enough.abort();
    this.enough.signal.throwIfAborted();
  }

  /** The columns and rows, where it was a table, and what could be predicted; nothing where there is no choice. */
  found(file: string, context: ImportContext): Partial<Pick<Found, 'table' | 'candidates' | 'chosen'>> {
    const candidates = [...this.#columns, ...this.#properties];
    if (candidates.length === 0) return {};
    const table = this.#table(file, context);
    return { candidates, chosen: [...this.#targets], ...(table !== null && { table }) };
  }

  #table(file: string, context: ImportContext): PreviewTable | null {
    if (this.#columns.length === 0) return null;
    const stores = this.#columns.map((name, i) => this.#store(name, i, file, context));
    const targets = this.#targets.map((name) => stores[this.#columns.indexOf(name)]!);
    return {
      columns: stores.map(describeColumn),
      rows: this.#rows.slice(0, rowsShown).map((cells) => cells.map((cell) => String(cell ?? ''))),
      read: this.#rows.length,
      task: this.#task(file, targets),
    };
  }

  /** Where reading was ended by it. */
  preview(file: string, context: ImportContext): Found {
    const { table = null, candidates = [], chosen: targets = [] } = this.found(file, context);
    const kind: DatasetKind =
      table === null ? 'graphs' : this.#options.imageShape === undefined ? 'table' : 'images';
    const sample: DatasetSample | null = table === null ? { kind: 'graphs', graphs: this.#graphs } : null;
    const inputs = (table?.columns ?? []).filter(
      ({ name }) => !targets.includes(name) && this.#typeOf(name) !== 'ignore',
    );
    const width = inputs.reduce((sum, { type, different }) => sum + (type === 'number' ? 1 : different), 0);
    return {
      ...{ kind, table, sample, examples: null, splits: [], classes: [], skipped: nothingSkipped },
      ...{ candidates, targets, chosen: targets },
      task: table?.task ?? this.#graphTask(file, context),
      shape: table === null ? [this.#nodeFeatures] : [...(this.#options.imageShape ?? [width])],
    };
  }

  #store(name: string, index: number, file: string, context: ImportContext): ColumnStore {
    const forced = this.#typeOf(name);
    const type = forced === undefined || forced === 'ignore' ? null : forced;
    const store = new ColumnStore(name, file, this.#targets.includes(name), type, context);
    for (const cells of this.#rows) if (cells.length === this.#columns.length) store.add(cells[index]!);
    return store;
  }

  #typeOf(name: string): ColumnType | 'ignore' | undefined {
    const { types = {} } = this.#options;
    return Object.hasOwn(types, name) ? types[name] : undefined;
  }

  #graphTask(file: string, context: ImportContext): TargetTask {
    const stores = this.#targets.map((name) => new ColumnStore(name, file, true, null, context));
    for (const answers of this.#answers) stores.forEach((store, i) => store.add(answers[i] ?? null));
    return this.#task(file, stores);
  }

  #task(file: string, targets: readonly ColumnStore[]): TargetTask {
    const { task } = this.#options;
    return areLabels(targets.length, task) ? 'multi-label' : taskOfColumns(file, targets, task);
  }
}

/** One answer as it is; of several the first that are there, each with its name. */
function labelText(targets: readonly string[], answers: readonly Cell[]): string {
  if (targets.length === 1) return String(answers[0] ?? '');
  const known = targets.flatMap((name, i) =>
    answers[i] === null || answers[i] === '' ? [] : [`${name} ${answers[i]}`],
  );
  return known.slice(0, answersShown).join(', ');
}

function describeColumn(store: ColumnStore): PreviewTable['columns'][number] {
  let [min, max, missing] = [Infinity, -Infinity, 0];
  for (const value of store.values()) {
    if (Number.isNaN(value)) missing += 1;
    else if (Number.isFinite(value)) {
      min = Math.min(min, value);
      max = Math.max(max, value);
    }
  }
  const isNumber = store.type === 'number' && min <= max;
  return {
    name: store.name,
    type: store.type,
    different: store.texts().length,
    missing,
    min: isNumber ? min : null,
    max: isNumber ? max : null,
  };
}
