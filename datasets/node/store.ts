/**
 * Imported data sets on disk: one folder each, named by the content, holding `tensors.safetensors` and `dataset.json`
 * (`docs/data.md` describes both). A folder is written under another name and moved into place when it is whole; a
 * deleted one is moved into the trash, so that deleting can be undone.
 */
import { mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { datasetRecordSchema, type ImportOutcome } from '../../contract/datasets.ts';
import { KronlabError } from '../../contract/errors.ts';
import type { ByteSource } from '../import/byte-source.ts';
import { readSafetensorsHeader, encodeSafetensors } from '../import/formats/safetensors.ts';
import { defaultLimits } from '../import/limits.ts';
import type { ImportResult } from '../import/import.ts';
import { datasetStatistics } from '../statistics.ts';
import { readStored, valuesOf } from '../stored.ts';
import {
  elementBytes,
  type Tensor,
  type TensorDataset,
  type TensorReader,
  type TensorType,
} from '../tensor-dataset.ts';
import { openSources } from './sources.ts';

const tensorsFile = 'tensors.safetensors';
const recordFile = 'dataset.json';
const trashFolder = '.trash';
const partPrefix = '.part-';

export const storedDatasetSchema = datasetRecordSchema.extend({
  version: z.literal(1),
  /** The first 16 digits of `hash`; the folder's name. */
  id: z.string().regex(/^[0-9a-f]{16}$/),
  hash: z.string().regex(/^[0-9a-f]{64}$/),
});
export type StoredDataset = z.infer<typeof storedDatasetSchema>;

export interface Saved {
  /** As it is kept, with what this import left out. */
  record: StoredDataset;
  outcome: ImportOutcome;
}

/** A folder of data sets. All methods throw `KronlabError`: `not-found`, `storage`, or `invalid` for a damaged one. */
export class DatasetStore {
  readonly folder: string;
  readonly #now: () => number;

  constructor(folder: string, now: () => number = Date.now) {
    this.folder = folder;
    this.#now = now;
  }

  /**
   * Keeps the data set. Where it is there already, or in the trash, that one stays with its name; where it is damaged, it
   * is written anew under its name. An aborted or failed write leaves nothing behind.
   */
  async save(
    { dataset, format, hash }: ImportResult,
    files: readonly string[],
    signal?: AbortSignal,
  ): Promise<Saved> {
    const id = hash.slice(0, 16);
    const { skipped, tensors } = dataset;
    await this.#sweep();
    const home = join(this.folder, id);
    const trashed = join(this.folder, trashFolder, id);
    const isThere = await exists(home);
    const before = await readRecord(home, id).catch(() => null);
    if (before !== null && (await holds(home, tensors, signal)))
      return { record: { ...before, skipped }, outcome: 'known' };
    if (!isThere && (await exists(trashed))) {
      const isSound = await readRecord(trashed, id).then(
        () => holds(trashed, tensors, signal),
        () => false,
      );
      if (isSound) return { record: { ...(await this.restore(id)), skipped }, outcome: 'restored' };
      await rm(trashed, { recursive: true, force: true });
    }
    const record: StoredDataset = {
      version: 1,
      id,
      hash,
      name: before?.name ?? dataset.name,
      tags: before?.tags ?? [],
      kind: dataset.kind,
      task: dataset.task,
      examples: dataset.examples,
      shapes: Object.fromEntries(
        Object.entries(dataset.tensors).map(([name, { shape }]) => [name, [...shape]]),
      ),
      classes: [...dataset.classes],
      columns: [...dataset.columns],
      edgeColumns: [...dataset.edgeColumns],
      targets: [...dataset.targets],
      splits: [...dataset.splits],
      skipped,
      source: { format, files: files.slice(0, 100) },
      importedMs: this.#now(),
      statistics: datasetStatistics(dataset),
    };
    const part = join(this.folder, `${partPrefix}${process.pid}-${id}`);
    try {
      await mkdir(part, { recursive: true });
      await writeTensors(join(part, tensorsFile), dataset.tensors, signal);
      await writeFile(join(part, recordFile), `${JSON.stringify(record, null, 1)}\n`, { flush: true });
      signal?.throwIfAborted();
      // A damaged one goes away under a name that is swept, should this process end here.
      if (isThere) await rename(home, `${part}-damaged`);
      await rename(part, home);
      await rm(`${part}-damaged`, { recursive: true, force: true });
    } catch (error) {
      // Where the folder itself is none, there is nothing to clear away, and the first error is the one that tells.
      await rm(part, { recursive: true, force: true }).catch(() => undefined);
      if (signal?.aborted === true) throw error;
      // Another process may have brought the same data set into place meanwhile.
      if (!isThere && (await exists(home)))
        return { record: { ...(await this.get(id)), skipped }, outcome: 'known' };
      throw storageError(`cannot keep the data set "${dataset.name}" in ${this.folder}`, error);
    }
    return { record, outcome: isThere ? 'repaired' : 'new' };
  }

  /** All data sets, the newest first. Damaged ones are left out. */
  list(): Promise<StoredDataset[]> {
    return listFolder(this.folder);
  }

  /** Those in the trash, the newest first. */
  listTrash(): Promise<StoredDataset[]> {
    return listFolder(join(this.folder, trashFolder));
  }

  async get(id: string): Promise<StoredDataset> {
    return readRecord(this.#pathOf(id), id);
  }

  /** The tensors, checked against the hash. */
  async read(id: string): Promise<TensorDataset> {
    return readStored(await this.get(id), await this.source(id));
  }

  /** The file of its tensors as it is. */
  async source(id: string): Promise<ByteSource> {
    const [source] = await openSources(join(this.#pathOf(id), tensorsFile), defaultLimits);
    return source!;
  }

  /** Reads pieces of the tensors of a data set, unchecked: for looking at it. */
  async reader(id: string): Promise<TensorReader> {
    const source = await this.source(id);
    const context = { limits: defaultLimits };
    const headers = new Map(
      (await readSafetensorsHeader(source, context)).map((header) => [header.name, header]),
    );
    return {
      shape: (name) => headers.get(name)?.shape ?? null,
      async read(name, start, count) {
        const header = headers.get(name);
        if (header === undefined) return [];
        const size = elementBytes[header.type as TensorType];
        return valuesOf(header.type, await source.read(header.start + start * size, count * size));
      },
    };
  }

  async rename(id: string, name: string): Promise<StoredDataset> {
    return this.#update(id, { name });
  }

  async tag(id: string, tags: readonly string[]): Promise<StoredDataset> {
    return this.#update(id, { tags: [...tags] });
  }

  /** Moves it into the trash. */
  async remove(id: string): Promise<void> {
    await this.get(id);
    const trash = join(this.folder, trashFolder);
    await mkdir(trash, { recursive: true });
    await rm(join(trash, id), { recursive: true, force: true });
    await rename(this.#pathOf(id), join(trash, id));
  }

  /** Takes it out of the trash again. */
  async restore(id: string): Promise<StoredDataset> {
    await rename(join(this.folder, trashFolder, id), this.#pathOf(id)).catch(() => {
      throw new KronlabError('not-found', `there is no data set "${id}" in the trash`);
    });
    return this.get(id);
  }

  /** Deletes these sets of the trash for good, and with the last one what cannot be read there; answers which there were. */
  async emptyTrash(ids: readonly string[]): Promise<StoredDataset[]> {
    const trash = join(this.folder, trashFolder);
    const going = (await this.listTrash()).filter(({ id }) => ids.includes(id));
    for (const { id } of going) await rm(join(trash, id), { recursive: true, force: true });
    if ((await this.listTrash()).length === 0) await rm(trash, { recursive: true, force: true });
    return going;
  }

  /** Removes what a writer of this process left that was ended from outside. */
  async discardParts(): Promise<void> {
    const own = `${partPrefix}${process.pid}-`;
    for (const name of await readdir(this.folder).catch(() => []))
      if (name.startsWith(own)) await rm(join(this.folder, name), { recursive: true, force: true });
  }

  #pathOf(id: string): string {
    if (/^[0-9a-f]{16}$/.test(id)) return join(this.folder, id);
    throw new KronlabError('not-found', `there is no data set "${id}"; an id has 16 hexadecimal digits`);
  }

  async #update(id: string, changes: Partial<StoredDataset>): Promise<StoredDataset> {
    const record = storedDatasetSchema.parse({ ...(await this.get(id)), ...changes });
    const path = join(this.#pathOf(id), recordFile);
    try {
      await writeFile(`${path}.part`, `${JSON.stringify(record, null, 1)}\n`, { flush: true });
      await rename(`${path}.part`, path);
    } catch (error) {
      throw storageError(`cannot write ${path}`, error);
    }
    return record;
  }

  /** Removes what processes that are no more left half-written. */
  async #sweep(): Promise<void> {
    // Where the folder cannot be read, writing into it says why.
    const names = await readdir(this.folder).catch(() => []);
    for (const name of names) {
      if (!name.startsWith(partPrefix)) continue;
      const pid = Number(name.slice(partPrefix.length).split('-')[0]);
      if (!isAlive(pid)) await rm(join(this.folder, name), { recursive: true, force: true });
    }
  }
}

async function writeTensors(
  path: string,
  tensors: Readonly<Record<string, Tensor>>,
  signal: AbortSignal | undefined,
): Promise<void> {
  const handle = await open(path, 'wx');
  try {
    for (const part of encodeSafetensors(tensors)) {
      for (let at = 0; at < part.length; at += 1 << 24) {
        signal?.throwIfAborted();
        await handle.writeFile(part.subarray(at, at + (1 << 24)));
      }
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Whether the file of tensors in this folder is, byte by byte, the one that these tensors make. */
async function holds(
  folder: string,
  tensors: Readonly<Record<string, Tensor>>,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const handle = await open(join(folder, tensorsFile), 'r').catch(() => null);
  if (handle === null) return false;
  try {
    const kept = Buffer.alloc(1 << 20);
    for (const part of encodeSafetensors(tensors)) {
      for (let at = 0; at < part.length; at += kept.length) {
        signal?.throwIfAborted();
        const piece = part.subarray(at, at + kept.length);
        const { bytesRead } = await handle.read(kept, 0, piece.length);
        if (bytesRead !== piece.length || kept.compare(piece, 0, piece.length, 0, piece.length) !== 0)
          return false;
      }
    }
    return (await handle.read(kept, 0, 1)).bytesRead === 0;
  } finally {
    await handle.close();
  }
}

async function listFolder(folder: string): Promise<StoredDataset[]> {
  const names = (await exists(folder)) ? await readdir(folder) : [];
  const records = await Promise.all(
    names
      .filter((name) => /^[0-9a-f]{16}$/.test(name))
      .map((id) => readRecord(join(folder, id), id).catch(() => null)),
  );
  return records.filter((record) => record !== null).sort((a, b) => b.importedMs - a.importedMs);
}

async function readRecord(folder: string, id: string): Promise<StoredDataset> {
  const path = join(folder, recordFile);
  const text = await readFile(path, 'utf8').catch(() => {
    throw new KronlabError('not-found', `there is no data set "${id}"`);
  });
  try {
    return storedDatasetSchema.parse(JSON.parse(text));
  } catch (error) {
    throw new KronlabError(
      'invalid',
      `${path}: the data set "${id}" is damaged; import its files again, which replaces it`,
      error instanceof Error ? error.message : String(error),
    );
  }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

/** Whether a process of this number is there. */
export function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

function storageError(what: string, error: unknown): KronlabError {
  if (error instanceof KronlabError) return error;
  return new KronlabError('storage', `${what}: ${error instanceof Error ? error.message : String(error)}`);
}
