/**
 * Fashion-MNIST, the public set that the lab brings in at one click: from this machine where its package is installed
 * (Debian's `dataset-fashion-mnist`), else from its home, and then only because somebody asked for it. Either way a file
 * is taken only if it is the very one that was published.
 */
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable, Transform, Writable } from 'node:stream';
import type { ReadableStream as WebStream } from 'node:stream/web';
import { pipeline } from 'node:stream/promises';
import { KronlabError } from '../../contract/errors.ts';

export interface PublishedFile {
  name: string;
  bytes: number;
  sha256: string;
}

export interface PublishedSet {
  files: readonly PublishedFile[];
  /** Folder of this machine in which a package puts it. */
  machine: string;
  /** Address that the files' names are appended to. */
  home: string;
}

export const fashionMnist: PublishedSet = {
  files: [
    {
      name: 'train-images-idx3-ubyte.gz',
      bytes: 26_421_856,
      sha256: 'b0564c3eedabfbf835052cff8503ea422014ce006caf5b757f851416ee8300c7',
    },
    {
      name: 'train-labels-idx1-ubyte.gz',
      bytes: 29_491,
      sha256: '0ae29f65d86684f32d1b9c85147786c547b9c6aebcaf235f0400a0cce308b056',
    },
    {
      name: 't10k-images-idx3-ubyte.gz',
      bytes: 4_422_079,
      sha256: 'cc1d090a38ace84dfa1aa66e3ada7c336ef481a96936906477e6dd344da56eaa',
    },
    {
      name: 't10k-labels-idx1-ubyte.gz',
      bytes: 5_125,
      sha256: '8d3605d196f4be44669e46906da9733c8131fef761fdbfec72c424d5222f1a05',
    },
  ],
  machine: '/usr/share/datasets/fashion-mnist',
  home: 'https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/',
};

export interface FetchOptions {
  signal: AbortSignal;
  onProgress: (file: string, fraction: number) => void;
  /** Folder for what is fetched, asked for only when it is. */
  folder: () => Promise<string>;
}

export interface FetchedSet {
  paths: string[];
  origin: 'machine' | 'network';
}

/** Throws `unavailable` where its home does not answer, `invalid` where a file is not the published one. */
export async function fetchPublished(set: PublishedSet, options: FetchOptions): Promise<FetchedSet> {
  const local = set.files.map(({ name }) => join(set.machine, name));
  if ((await Promise.all(local.map(isFile))).every(Boolean)) {
    for (const [i, file] of set.files.entries()) await checkLocal(file, local[i]!, options);
    return { paths: local, origin: 'machine' };
  }
  const folder = await options.folder();
  const total = set.files.reduce((sum, { bytes }) => sum + bytes, 0);
  let before = 0;
  const paths: string[] = [];
  for (const file of set.files) {
    const path = join(folder, file.name);
    const start = before;
    await download(`${set.home}${file.name}`, file, path, options.signal, (done) =>
      options.onProgress(file.name, (start + done) / total),
    );
    before += file.bytes;
    paths.push(path);
  }
  return { paths, origin: 'network' };
}

async function checkLocal(file: PublishedFile, path: string, { signal }: FetchOptions): Promise<void> {
  const check = checker(file, path);
  await pipeline(createReadStream(path), check, drain(), { signal });
}

async function download(
  url: string,
  file: PublishedFile,
  path: string,
  signal: AbortSignal,
  onBytes: (done: number) => void,
): Promise<void> {
  const response = await fetch(url, { signal }).catch((error: unknown) => {
    signal.throwIfAborted();
    const reason =
      error instanceof Error ? ((error.cause as Error | undefined)?.message ?? error.message) : '';
    throw new KronlabError('unavailable', `cannot fetch ${url}: ${reason}; is this machine online?`);
  });
  if (!response.ok || response.body === null)
    throw new KronlabError('unavailable', `cannot fetch ${url}: the server answered ${response.status}`);
  const body = Readable.fromWeb(response.body as WebStream<Uint8Array>);
  await pipeline(body, checker(file, url, onBytes), createWriteStream(path, { mode: 0o600 }), {
    signal,
  }).catch((error: unknown) => {
    signal.throwIfAborted();
    if (error instanceof KronlabError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new KronlabError('unavailable', `${url} broke off: ${reason}; try again`);
  });
}

/** Passes bytes on and ends in an error where they are not those of the published file. */
function checker(file: PublishedFile, where: string, onBytes?: (done: number) => void): Transform {
  const hash = createHash('sha256');
  let done = 0;
  const wrong = (what: string) =>
    new KronlabError('invalid', `${where}: ${what}, so it is not the published file; nothing was kept`);
  return new Transform({
    transform(chunk: Buffer, _encoding, next) {
      hash.update(chunk);
      done += chunk.length;
      onBytes?.(done);
      if (done > file.bytes) next(wrong(`is longer than ${file.bytes} bytes`));
      else next(null, chunk);
    },
    flush(next) {
      if (done !== file.bytes) next(wrong(`has ${done} bytes instead of ${file.bytes}`));
      else if (hash.digest('hex') !== file.sha256) next(wrong('has another SHA-256'));
      else next();
    },
  });
}

function drain(): Writable {
  return new Writable({ write: (_chunk, _encoding, next) => next() });
}

async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (info) => info.isFile(),
    () => false,
  );
}
