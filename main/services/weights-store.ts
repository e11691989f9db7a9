/**
 * Weights on disk, beside the database (`docs/models.md` describes the folder): a file for each run that was kept whole, and
 * the files that runs start from by their hash. Everything is written under another name and moved into place.
 */
import { createHash } from 'node:crypto';
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { KronlabError } from '../../contract/errors.ts';
import type { WeightsFile, WeightsSource } from '../../contract/weights.ts';
import type { ByteSource } from '../../datasets/import/byte-source.ts';
import { readSafetensorsHeader } from '../../datasets/import/formats/safetensors.ts';
import { defaultLimits } from '../../datasets/import/limits.ts';
import { openSources } from '../../datasets/node/sources.ts';
import { isAlive } from '../../datasets/node/store.ts';

const startFolder = 'start';
const ending = '.safetensors';
const partPrefix = '.part-';
const copyBytes = 1 << 22;

export interface Piece {
  run: string;
  start: number;
  bytes: Uint8Array;
  /** Of the whole file. */
  total: number;
}

/** All methods throw `KronlabError`: `invalid`, `not-found`, or `storage` where the disk does not take it. */
export class WeightsStore {
  readonly #folder: string;

  /** @param folder made when the first file comes */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Writes the next piece of a run's weights; with the last one they are there. Answers the bytes written so far. */
  async keep({ run, start, bytes, total }: Piece): Promise<number> {
    const part = this.#partOf(run);
    const end = start + bytes.length;
    if (end > total) throw new KronlabError('invalid', `bytes: ${end} are more than the ${total} announced`);
    return this.#storing(part, async () => {
      if (start === 0) await this.#begin();
      const handle = await open(part, start === 0 ? 'w' : 'r+');
      try {
        const { size } = await handle.stat();
        if (size !== start)
          throw new KronlabError(
            'invalid',
            `start: ${start} does not follow the ${size} bytes that are there`,
          );
        await handle.write(bytes, 0, bytes.length, start);
        if (end === total) await handle.sync();
      } finally {
        await handle.close();
      }
      if (end < total) return end;
      const [source] = await openSources(part, defaultLimits);
      await readSafetensorsHeader({ ...source!, name: `weights of ${run}` }, { limits: defaultLimits });
      await rename(part, this.#path({ run }));
      return end;
    });
  }

  /** The file, or null where none is kept. */
  async find(of: WeightsSource): Promise<ByteSource | null> {
    const path = this.#path(of);
    const isThere = await stat(path).then(
      (info) => info.isFile(),
      () => false,
    );
    if (!isThere) return null;
    const [source] = await openSources(path, defaultLimits);
    // What a message calls it: the name on disk says more than a person wants to read.
    const name = 'run' in of ? `weights of ${of.run}` : `start weights ${of.hash.slice(0, 12)}`;
    return { ...source!, name };
  }

  /** Deletes what is kept of a run, if anything is. */
  async remove(run: string): Promise<void> {
    const path = this.#path({ run });
    await this.#storing(path, () => rm(path, { force: true }));
  }

  /** Keeps a copy of a file to start from. */
  async take(paths: readonly string[]): Promise<WeightsFile> {
    const sources: ByteSource[] = [];
    for (const path of paths) sources.push(...(await openSources(path, defaultLimits)));
    const [source] = sources;
    if (!source || sources.length > 1) {
      throw new KronlabError('invalid', `${sources.length} files were chosen; give one safetensors file`);
    }
    await readSafetensorsHeader(source, { limits: defaultLimits });
    const part = this.#partOf(`start-${Date.now().toString(36)}`);
    return this.#storing(part, async () => {
      await this.#begin();
      const hash = await copy(source, part);
      await rename(part, this.#path({ hash }));
      return this.describe(hash);
    });
  }

  async describe(hash: string): Promise<WeightsFile> {
    const source = await this.find({ hash });
    if (!source) {
      throw new KronlabError(
        'not-found',
        `There are no weights ${hash.slice(0, 12)} in the lab; choose the file again.`,
      );
    }
    const entries = await readSafetensorsHeader(source, { limits: defaultLimits });
    return {
      hash,
      bytes: source.size,
      tensors: entries.map(({ name, type, shape }) => ({ name, type, shape: [...shape] })),
    };
  }

  #path(of: WeightsSource): string {
    const [name, ...above] = 'run' in of ? [of.run] : [of.hash, startFolder];
    if (!/^[\w-]{1,100}$/.test(name))
      throw new KronlabError('not-found', `There are no weights called ${name.slice(0, 100)}.`);
    return join(this.#folder, ...above, `${name}${ending}`);
  }

  #partOf(name: string): string {
    return join(this.#folder, `${partPrefix}${process.pid}-${basename(name)}`);
  }

  /** Makes the folders, and removes what processes that are no more left half-written. */
  async #begin(): Promise<void> {
    await mkdir(join(this.#folder, startFolder), { recursive: true });
    for (const name of await readdir(this.#folder)) {
      const pid = Number(name.slice(partPrefix.length).split('-')[0]);
      if (name.startsWith(partPrefix) && !isAlive(pid)) await rm(join(this.#folder, name), { force: true });
    }
  }

  /** What fails leaves nothing behind. */
  async #storing<T>(part: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      await rm(part, { force: true }).catch(() => undefined);
      if (error instanceof KronlabError) throw error;
      const reason = error instanceof Error ? error.message : String(error);
      throw new KronlabError('storage', `cannot keep weights in ${this.#folder}: ${reason}`);
    }
  }
}

/** Copies a source to a new file that is safe on the disk; answers its SHA-256. */
async function copy(source: ByteSource, path: string): Promise<string> {
  const hash = createHash('sha256');
  const handle = await open(path, 'w');
  try {
    for (let at = 0; at < source.size;) {
      const piece = await source.read(at, copyBytes);
      if (piece.length === 0)
        throw new KronlabError('invalid', `${source.name} was cut short while it was read`);
      hash.update(piece);
      await handle.write(piece);
      at += piece.length;
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
  return hash.digest('hex');
}
