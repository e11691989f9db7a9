/** Files and folders of the disk as byte sources. */
import { open, readdir, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { KronlabError } from '../../contract/errors.ts';
import type { ByteSource } from '../import/byte-source.ts';
import { checkLimit, fault, type ImportLimits } from '../import/limits.ts';

/**
 * The file, or all files below the folder in the order of their names, without hidden ones. Links to files are files;
 * links to folders are not followed, so that none leads round in a circle. Throws `KronlabError`: `not-found`, `invalid`
 * where there are links to folders and nothing else.
 */
export async function openSources(path: string, limits: ImportLimits): Promise<ByteSource[]> {
  const full = resolve(path);
  const info = await stat(full).catch((error: unknown) => {
    throw notFound(path, error);
  });
  if (!info.isDirectory()) return [fileSource(full, basename(full), info.size)];
  const sources: ByteSource[] = [];
  const links: string[] = [];
  await walk(full, basename(full), { sources, links }, limits);
  if (sources.length > 0 || links.length === 0) return sources;
  throw fault(
    links[0]!,
    null,
    'is a link to a folder, which is not followed, and no file lies beside it',
    'give the folder it leads to, or put the files in its place',
  );
}

async function walk(
  folder: string,
  name: string,
  found: { sources: ByteSource[]; links: string[] },
  limits: ImportLimits,
): Promise<void> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: unknown) => {
    throw notFound(folder, error);
  });
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const entry of entries) {
    if (entry.name.startsWith('.')) continue;
    const path = join(folder, entry.name);
    const below = `${name}/${entry.name}`;
    if (entry.isDirectory()) {
      await walk(path, below, found, limits);
      continue;
    }
    if (!entry.isFile() && !entry.isSymbolicLink()) continue;
    const info = await stat(path).catch((error: unknown) => {
      throw notFound(path, error);
    });
    if (info.isDirectory()) found.links.push(below);
    if (!info.isFile()) continue;
    found.sources.push(fileSource(path, below, info.size));
    checkLimit(name, null, found.sources.length, limits.files, 'files');
  }
}

/** Opened for each piece and closed again: no descriptor outlives a failed import. */
function fileSource(path: string, name: string, size: number): ByteSource {
  return {
    name,
    size,
    async read(start, length) {
      const wanted = Math.max(0, Math.min(length, size - start));
      const handle = await open(path, 'r').catch((error: unknown) => {
        throw notFound(path, error);
      });
      try {
        const bytes = new Uint8Array(wanted);
        let filled = 0;
        while (filled < wanted) {
          const { bytesRead } = await handle.read(bytes, filled, wanted - filled, start + filled);
          if (bytesRead === 0) break;
          filled += bytesRead;
        }
        return bytes.subarray(0, filled);
      } finally {
        await handle.close();
      }
    },
  };
}

function notFound(path: string, error: unknown): KronlabError {
  const reason = error instanceof Error ? error.message : String(error);
  return new KronlabError('not-found', `cannot read ${path}: ${reason}`);
}
