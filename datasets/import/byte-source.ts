/** Files as readers see them: a name, a size and pieces on request, the same over a `Blob` and over a file on disk. */
import { fault } from './limits.ts';

export interface ByteSource {
  /** What errors call it: the path below the folder that was imported, with forward slashes. */
  name: string;
  size: number;
  /** The `length` bytes from `start`; fewer where the file ends before. */
  read(start: number, length: number): Promise<Uint8Array<ArrayBuffer>>;
}

export function blobSource(blob: Blob, name: string): ByteSource {
  return {
    name,
    size: blob.size,
    read: async (start, length) => new Uint8Array(await blob.slice(start, start + length).arrayBuffer()),
  };
}

/** Bytes that are in memory already; what `read` gives is a view of them. */
export function bytesSource(bytes: Uint8Array<ArrayBuffer>, name: string): ByteSource {
  return {
    name,
    size: bytes.length,
    read: async (start, length) => bytes.subarray(start, start + length),
  };
}

/** Exactly `length` bytes. Throws `KronlabError` (`invalid`) where the file is shorter. */
export async function readExactly(
  source: ByteSource,
  start: number,
  length: number,
  what: string,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = await source.read(start, length);
  if (bytes.length === length) return bytes;
  throw fault(
    source.name,
    `byte ${start + bytes.length}`,
    `the file ends inside ${what}, ${length - bytes.length} bytes short`,
    'it is truncated: copy or download it again',
  );
}

/** The last part of a path. */
export function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** The folder of a path, `` at the top. */
export function folderName(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')));
}
