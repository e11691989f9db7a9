/**
 * Files that are one part of a data set twice: compressed and not, or of the same name in two folders. Read as two parts
 * they would double the data, or mix two data sets.
 */
import { baseName, type ByteSource } from './byte-source.ts';
import { fault } from './limits.ts';

/** Throws `KronlabError` (`invalid`) naming two files whose names are the same but for folder and compression. */
export function refuseTwins(sources: readonly ByteSource[]): void {
  const seen = new Map<string, ByteSource>();
  for (const source of sources) {
    const key = baseName(source.name).replace(/\.gz$/i, '').toLowerCase();
    const before = seen.get(key);
    if (before !== undefined) {
      throw fault(
        source.name,
        null,
        `is the same part of a data set as ${before.name}`,
        'import one data set at a time, and of a file either the compressed form or the other',
      );
    }
    seen.set(key, source);
  }
}
