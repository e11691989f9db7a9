/** The thread in which files are read; `import-job.ts` starts it and talks to it. */
import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import type { ImportOptions, ImportProgressEvent } from '../../contract/datasets.ts';
import { KronlabError, type ErrorShape } from '../../contract/errors.ts';
import type { ByteSource } from '../../datasets/import/byte-source.ts';
import { importDataset } from '../../datasets/import/import.ts';
import { defaultLimits, type ImportContext } from '../../datasets/import/limits.ts';
import { previewImport } from '../../datasets/import/preview.ts';
import { bundledRecord, readBundled } from '../../datasets/node/bundled.ts';
import { openSources } from '../../datasets/node/sources.ts';
import { DatasetStore } from '../../datasets/node/store.ts';
import { findDataset } from '../../datasets/registry.ts';
import { sampleDataset } from '../../datasets/sample.ts';
import { memoryReader } from '../../datasets/tensor-dataset.ts';
import type { JobAnswers } from './import-job.ts';

export interface JobRequest {
  kind: keyof JobAnswers;
  paths: string[];
  options: ImportOptions;
  labels: string | undefined;
  folder: string;
}

export type JobMessage =
  | { type: 'progress'; progress: Omit<ImportProgressEvent, 'id'> }
  | { type: 'done'; answer: JobAnswers[keyof JobAnswers] }
  | { type: 'failed'; error: ErrorShape };

const progressEveryMs = 100;
const bundledSample = 48;

async function work(
  request: JobRequest,
  signal: AbortSignal,
  tell: (message: JobMessage) => void,
): Promise<JobAnswers[keyof JobAnswers]> {
  const { kind, paths, folder } = request;
  if (kind === 'bundled') return describeBundled(paths[0]!, request.options.name ?? '');
  const sources: ByteSource[] = [];
  for (const path of paths) sources.push(...(await openSources(path, defaultLimits)));
  const labels =
    request.labels === undefined
      ? takeLabels(sources, request.options.labels)
      : await openLabels(request.labels);
  const options = { ...request.options, labels };
  const context: ImportContext = { limits: defaultLimits, signal, onProgress: overall(sources, tell) };
  if (kind === 'preview') return previewImport(sources, options, context);
  const result = await importDataset(sources, options, context);
  tell({ type: 'progress', progress: { phase: 'keeping', file: result.dataset.name, fraction: 1 } });
  const files = sources.map(({ name }) => name);
  return new DatasetStore(folder).save(result, files, signal);
}

/** The file of labels out of the files of an import. */
function takeLabels(sources: ByteSource[], name: string | undefined): ByteSource | undefined {
  if (name === undefined) return undefined;
  const at = sources.findIndex((source) => source.name === name);
  if (at !== -1) return sources.splice(at, 1)[0];
  throw new KronlabError('invalid', `labels: there is no file "${name}" among those of the import`);
}

async function openLabels(path: string): Promise<ByteSource> {
  const [labels, second] = await openSources(path, defaultLimits);
  if (labels !== undefined && second === undefined) return labels;
  throw new KronlabError(
    'invalid',
    `labels: ${path} holds ${labels === undefined ? 'no files' : 'several files'}; give the one file of the labels`,
  );
}

async function describeBundled(directory: string, id: string): Promise<JobAnswers['bundled']> {
  const entry = findDataset(id);
  const dataset = await readBundled(entry, directory);
  return {
    record: await bundledRecord(entry, dataset),
    sample: await sampleDataset(dataset, memoryReader(dataset), bundledSample),
  };
}

/** Progress of single files as one of all, told now and then. */
function overall(
  sources: readonly ByteSource[],
  tell: (message: JobMessage) => void,
): NonNullable<ImportContext['onProgress']> {
  const sizes = new Map(sources.map(({ name, size }) => [name, size]));
  const total = Math.max(
    1,
    sources.reduce((sum, { size }) => sum + size, 0),
  );
  const done = new Map<string, number>();
  let sum = 0;
  let toldMs = 0;
  return (progress) => {
    const size = sizes.get(progress.file) ?? 0;
    const bytes = Math.min(1, progress.done / Math.max(1, progress.total)) * size;
    sum += Math.max(0, bytes - (done.get(progress.file) ?? 0));
    done.set(progress.file, Math.max(bytes, done.get(progress.file) ?? 0));
    const now = performance.now();
    if (now - toldMs < progressEveryMs) return;
    toldMs = now;
    // Image folders count files and not bytes.
    const fraction = progress.total === sources.length ? progress.done / progress.total : sum / total;
    tell({ type: 'progress', progress: { phase: 'reading', file: progress.file, fraction } });
  };
}

async function main(): Promise<void> {
  const port = parentPort!;
  const abort = new AbortController();
  port.once('message', () => abort.abort());
  const tell = (message: JobMessage) => port.postMessage(message);
  try {
    tell({ type: 'done', answer: await work(workerData as JobRequest, abort.signal, tell) });
  } catch (error) {
    tell({ type: 'failed', error: KronlabError.from(error).toShape() });
  } finally {
    port.close();
  }
}

if (!isMainThread) await main();
