/**
 * One import or preview in a thread of its own: the host stays quick whatever a file holds, and what a damaged file makes a reader do ends with the thread. A thread that runs out of memory is an error and not the end of the app.
 */
import { totalmem } from 'node:os';
import { basename } from 'node:path';
import { Worker, type ResourceLimits } from 'node:worker_threads';
import type {
  DatasetRecord,
  DatasetSample,
  ImportOptions,
  ImportProgressEvent,
  ImportPreview,
} from '../../contract/datasets.ts';
import { errorShapeSchema, KronlabError } from '../../contract/errors.ts';
import type { Saved } from '../../datasets/node/store.ts';
import type { JobMessage, JobRequest } from './import-worker.ts';

/** What a job answers with, by its kind. */
export interface JobAnswers {
  preview: ImportPreview;
  run: Saved;
  /** `paths` is the folder of bundled sets, `options.name` the id of one. */
  bundled: { record: DatasetRecord; sample: DatasetSample };
}

export interface JobOptions<K extends keyof JobAnswers> {
  kind: K;
  /** Files, or folders that are data sets. */
  paths: readonly string[];
  options: ImportOptions;
  /** The file of labels, where it is none of `paths`. */
  labels?: string | undefined;
  /** Where data sets are kept. */
  folder: string;
  onProgress?: (progress: Omit<ImportProgressEvent, 'id'>) => void;
}

export interface Job<T> {
  /** Rejects with `KronlabError`; `cancelled` after `cancel`. Settles when the thread has ended. */
  result: Promise<T>;
  cancel(): void;
}

/** What the thread may keep beside the bytes of tensors, which `datasets/import/limits.ts` caps. */
const heapMb = Math.min(4096, Math.floor(totalmem() / 2 ** 21));

/** How long a cancelled reader may take to come to a place where it looks up. */
const graceMs = 1000;

/** The worker lies beside this file, in the sources and in the bundle alike. */
const workerUrl = new URL(
  `./import-worker${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`,
  import.meta.url,
);

export function startJob<K extends keyof JobAnswers>(
  { kind, paths, options, labels, folder, onProgress }: JobOptions<K>,
  url: URL = workerUrl,
  resourceLimits: ResourceLimits = { maxOldGenerationSizeMb: heapMb },
): Job<JobAnswers[K]> {
  const request: JobRequest = { kind, paths: [...paths], options, labels, folder };
  const worker = new Worker(url, { workerData: request, execArgv: [], env: {}, resourceLimits });
  let isCancelled = false;
  let timer: NodeJS.Timeout | null = null;
  const result = new Promise<JobAnswers[K]>((resolve, reject) => {
    let outcome: (() => void) | null = null;
    let isDone = false;
    worker.on('message', (message: JobMessage) => {
      if (message.type === 'progress') onProgress?.(message.progress);
      else if (message.type === 'done') {
        isDone = true;
        outcome = () => resolve(message.answer as JobAnswers[K]);
      } else outcome = () => reject(KronlabError.fromShape(errorShapeSchema.parse(message.error)));
    });
    worker.on('error', (error: Error & { code?: string }) => {
      outcome = () => reject(failureOf(error, paths, resourceLimits));
    });
    worker.on('exit', () => {
      if (timer !== null) clearTimeout(timer);
      // What was done before the wish to end it came is done.
      if (isCancelled && !isDone) reject(new KronlabError('cancelled', 'Cancelled; nothing was kept.'));
      else if (outcome !== null) outcome();
      else reject(new KronlabError('internal', 'the import ended without an answer'));
    });
  });
  return {
    result,
    cancel() {
      if (isCancelled) return;
      isCancelled = true;
      // Only an import has written something that it should clear away itself.
      if (kind !== 'run') {
        void worker.terminate();
        return;
      }
      worker.postMessage('cancel');
      timer = setTimeout(() => void worker.terminate(), graceMs);
    },
  };
}

function failureOf(
  error: Error & { code?: string },
  paths: readonly string[],
  { maxOldGenerationSizeMb }: ResourceLimits,
): KronlabError {
  if (error.code === 'ERR_WORKER_OUT_OF_MEMORY') {
    const [first] = paths;
    const more = paths.length > 1 ? ` and ${paths.length - 1} more` : '';
    return new KronlabError(
      'invalid',
      `${first === undefined ? 'the file' : basename(first)}${more}: reading needs more than the ` +
        `${maxOldGenerationSizeMb} MiB of memory that an import may take; import a part of it`,
    );
  }
  return new KronlabError('internal', `the import failed: ${error.message}`);
}
