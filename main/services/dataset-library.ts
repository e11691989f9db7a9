/** Data sets that are there, bundled and imported: list, look at, rename, tag, put in the trash and take out again. */
import type { DatasetRecord, DatasetSummary } from '../../contract/datasets.ts';
import { KronlabError } from '../../contract/errors.ts';
import { pieceBytes } from '../../contract/pieces.ts';
import type { Services } from '../../contract/router.ts';
import type { RunSummary } from '../../contract/runs.ts';
import type { DatasetEntry } from '../../datasets/dataset.ts';
import { requireDataset } from '../../datasets/node/load.ts';
import type { DatasetStore, StoredDataset } from '../../datasets/node/store.ts';
import { datasets as bundledSets } from '../../datasets/registry.ts';
import { sampleDataset } from '../../datasets/sample.ts';
import { startJob, type JobAnswers } from './import-job.ts';
import { knownSet } from './known-sets.ts';
import type { Surroundings } from './surroundings.ts';

type Calls =
  | 'datasets.list'
  | 'datasets.get'
  | 'datasets.sample'
  | 'datasets.open'
  | 'datasets.read'
  | 'datasets.rename'
  | 'datasets.tag'
  | 'datasets.trash'
  | 'datasets.emptyTrash';

export interface Library {
  imported: DatasetStore;
  /** Folder of the bundled files. */
  bundledDir: string;
}

const detailExamples = 48;

export function createDatasetLibrary(
  { store, feed }: Surroundings,
  { imported, bundledDir }: Library,
): Pick<Services, Calls> {
  const usage = () => {
    const runs = new Map<string, number>();
    for (const { spec } of store.runs.list(false))
      runs.set(spec.dataset.id, (runs.get(spec.dataset.id) ?? 0) + 1);
    return (id: string) => runs.get(id) ?? 0;
  };
  const read = bundledReader(bundledDir);

  async function change(id: string, work: () => Promise<StoredDataset>): Promise<DatasetSummary> {
    if (findBundled(id))
      throw new KronlabError('invalid', `id: "${id}" is part of the lab and stays as it is.`);
    const record = await work();
    feed.tell('datasets.changed', { ids: [id] });
    return summaryOf(record, usage()(id));
  }

  return {
    async 'datasets.list'({ trashed }) {
      const runs = usage();
      if (trashed) return (await imported.listTrash()).map((record) => summaryOf(record, runs(record.id)));
      return [
        ...bundledSets.map((entry) => bundledSummary(entry, runs(entry.id))),
        ...(await imported.list()).map((record) => summaryOf(record, runs(record.id))),
      ];
    },

    async 'datasets.get'({ id }) {
      const entry = findBundled(id);
      if (entry !== undefined) {
        const { record, sample } = await read(id);
        const summary = {
          ...summaryOf(record, usage()(id)),
          ...{ bundled: true, importedMs: null, shape: [...bundledSummary(entry, 0).shape] },
        };
        return { summary, record, sample, licence: entry.licence, origin: entry.source };
      }
      const record = await imported.get(id);
      const known = knownSet(record.hash);
      return {
        summary: summaryOf(record, usage()(id)),
        record,
        licence: known?.licence ?? null,
        origin: known?.origin ?? null,
        sample: await sampleDataset(record, await imported.reader(id), detailExamples),
      };
    },

    async 'datasets.sample'({ id, count }) {
      if (findBundled(id) !== undefined) return (await read(id)).sample;
      return sampleDataset(await imported.get(id), await imported.reader(id), count);
    },

    async 'datasets.open'({ id }) {
      const record = await requireDataset(id, imported.folder);
      if ('read' in record)
        throw new KronlabError('invalid', `id: "${id}" is part of the lab; its files come with the page.`);
      return { record, bytes: (await imported.source(id)).size };
    },

    async 'datasets.read'({ id, start }) {
      const piece = await (await imported.source(id)).read(start, pieceBytes);
      return { bytes: Buffer.from(piece.buffer, piece.byteOffset, piece.length).toString('base64') };
    },

    'datasets.rename': ({ id, name }) => change(id, () => imported.rename(id, name)),

    'datasets.tag': ({ id, tags }) => change(id, () => imported.tag(id, [...new Set(tags)])),

    async 'datasets.trash'({ id, trashed }) {
      await change(id, async () => {
        if (!trashed) return imported.restore(id);
        const record = await imported.get(id);
        assertUnneeded(record, store.runs.list(false));
        await imported.remove(id);
        return record;
      });
      return { id };
    },

    async 'datasets.emptyTrash'({ ids }) {
      const gone = await imported.emptyTrash(ids);
      feed.tell('datasets.changed', { ids: gone.map(({ id }) => id) });
      return {
        ids: gone.map(({ id }) => id),
        bytes: gone.reduce((sum, { statistics }) => sum + statistics.bytes, 0),
      };
    },
  };
}

/** Runs that have ended keep their results; those that wait or train need the data. */
function assertUnneeded({ id, name }: StoredDataset, runs: readonly RunSummary[]): void {
  const needing = runs.filter(
    ({ spec, status, startedMs }) =>
      spec.dataset.id === id &&
      (status === 'queued' || status === 'running' || (status === 'interrupted' && startedMs === null)),
  );
  if (needing.length === 0) return;
  const named = needing.slice(0, 3).map((run) => `"${run.name}"`);
  const more = needing.length > 3 ? ` and ${needing.length - 3} more` : '';
  throw new KronlabError(
    'invalid',
    `"${name}" is needed by ${named.join(', ')}${more}; let ${needing.length === 1 ? 'it' : 'them'} end, or delete ` +
      `${needing.length === 1 ? 'it' : 'them'}, first.`,
    { runs: needing.map((run) => run.id) },
  );
}

function findBundled(id: string): DatasetEntry | undefined {
  return bundledSets.find((entry) => entry.id === id);
}

function summaryOf(record: DatasetRecord, runs: number): DatasetSummary {
  const { id, name, kind, task, examples, classes, targets, tags, splits, importedMs, statistics } = record;
  return {
    ...{ id, name, kind, task, examples, targets, tags, importedMs, runs, bundled: false },
    shape: exampleShape(record),
    isSplit: splits.length > 0,
    classCount: classes.length,
    bytes: statistics.bytes,
  };
}

function exampleShape({ kind, shapes }: DatasetRecord): number[] {
  if (kind !== 'graphs') return (shapes['inputs'] ?? [0]).slice(1);
  // What has no features is given one that is 1 before it is trained on.
  return ['nodes', 'edgeFeatures'].map((name) => Math.max(1, shapes[name]?.[1] ?? 0));
}

/** What the registry says, without reading anything. */
function bundledSummary(entry: DatasetEntry, runs: number): DatasetSummary {
  const { id, name, kind, task, examples, example, outputs, targets, bytes, splits } = entry;
  return {
    ...{ id, name, kind, task, examples, runs, bundled: true, tags: [], bytes },
    shape: kind === 'text' ? [] : example.slice(0, kind === 'graphs' ? 1 : undefined),
    classCount: task === 'classification' || task === 'language' ? outputs : 0,
    targets: [...targets],
    isSplit: splits.length > 0,
    importedMs: null,
  };
}

/** Reads each bundled set once; a failure is forgotten, so that the next request tries afresh. */
function bundledReader(bundledDir: string): (id: string) => Promise<JobAnswers['bundled']> {
  const known = new Map<string, Promise<JobAnswers['bundled']>>();
  return (id) => {
    const before = known.get(id);
    if (before !== undefined) return before;
    const { result } = startJob({ kind: 'bundled', paths: [bundledDir], options: { name: id }, folder: '' });
    known.set(id, result);
    result.catch(() => known.delete(id));
    return result;
  };
}
