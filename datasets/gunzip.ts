/**
 * Decompression that does not care who served the file: some web servers send a `.gz` file with a content encoding, so
 * that the browser hands over the decompressed bytes already.
 */
import { KronlabError } from '../contract/errors.ts';

/**
 * Decompresses gzip data; bytes that do not start with gzip's magic number come back as they are. Throws
 * `KronlabError` (`invalid`) on truncated or damaged data.
 *
 * @param file the name that errors give
 */
export async function gunzip(bytes: Uint8Array<ArrayBuffer>, file: string): Promise<Uint8Array<ArrayBuffer>> {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  try {
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  } catch (error) {
    throw new KronlabError(
      'invalid',
      `${file}: the gzip data is truncated or damaged; restore the file from a fresh copy of the project`,
      error instanceof Error ? error.message : String(error),
    );
  }
}
