/**
 * A file from front to back, decompressed on the way where it is gzip: the form in which readers of plain layouts
 * (IDX, CIFAR, NPY, text) take their bytes, so that none of them knows about compression and a file larger than memory
 * is never held whole.
 */
import { KronlabError } from '../../contract/errors.ts';
import type { ByteSource } from './byte-source.ts';
import { fault, type ImportContext } from './limits.ts';

const pieceBytes = 1 << 20;
/** DEFLATE makes at most 258 bytes out of 2 bits (RFC 1951, section 3.2.5), which is 1032 out of one byte. */
const largestDeflateRatio = 1032;

export interface ByteStream {
  name: string;
  /** The stream is no longer than this: the file's size, or what its compressed bytes can hold at most. */
  atMost: number;
  gzip: boolean;
  /** Pieces in order. Throws `KronlabError` on damaged gzip data and beyond `limits.bytes`. */
  pieces(): AsyncGenerator<Uint8Array<ArrayBuffer>>;
}

/** Opens the file as a stream; whether it is gzip is seen by its first bytes, not by its name. */
export async function openStream(source: ByteSource, context: ImportContext): Promise<ByteStream> {
  const magic = await source.read(0, 2);
  const gzip = magic[0] === 0x1f && magic[1] === 0x8b;
  return {
    name: source.name,
    atMost: gzip ? source.size * largestDeflateRatio : source.size,
    gzip,
    pieces: () => (gzip ? inflate(source, 'gzip', context) : rawPieces(source, context)),
  };
}

async function* rawPieces(source: ByteSource, context: ImportContext) {
  for (let at = 0; at < source.size;) {
    context.signal?.throwIfAborted();
    const piece = await source.read(at, Math.min(pieceBytes, source.size - at));
    if (piece.length === 0) {
      throw fault(source.name, `byte ${at}`, 'the file became shorter while it was read', 'import it again');
    }
    at += piece.length;
    context.onProgress?.({ file: source.name, done: at, total: source.size });
    yield piece;
  }
}

/** The decompressed pieces, ended as soon as they are more than `limits.bytes`. */
export async function* inflate(
  source: ByteSource,
  format: CompressionFormat | 'deflate-raw',
  context: ImportContext,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const packed = rawPieces(source, context);
  let failed: unknown = null;
  const feed = new ReadableStream<Uint8Array<ArrayBuffer>>({
    async pull(controller) {
      try {
        const { done, value } = await packed.next();
        if (done === true) controller.close();
        else controller.enqueue(value);
      } catch (error) {
        failed = error;
        controller.error(error);
      }
    },
  });
  const reader = feed.pipeThrough(new DecompressionStream(format)).getReader();
  let total = 0;
  try {
    while (true) {
      context.signal?.throwIfAborted();
      const { done, value } = await reader.read();
      if (done) return;
      total += value.length;
      if (total > context.limits.bytes) throw bomb(source.name, context);
      yield value;
    }
  } catch (error) {
    if (failed !== null) throw failed instanceof Error ? failed : new Error('reading failed');
    if (error instanceof KronlabError || context.signal?.aborted === true) throw error;
    const detail = error instanceof Error ? error.message : String(error);
    throw new KronlabError(
      'invalid',
      `${source.name}: its compressed data is truncated or damaged; copy or download the file again`,
      detail,
    );
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

function bomb(file: string, { limits }: ImportContext): KronlabError {
  return fault(
    file,
    null,
    `decompresses to more than the ${limits.bytes} bytes the lab takes`,
    'import a part of it or check that the file is what it seems',
  );
}

/** Takes so many bytes at a time from a stream. */
export class SequentialReader {
  readonly name: string;
  /** How many bytes were taken. */
  position = 0;
  readonly #stream: ByteStream;
  readonly #pieces: AsyncGenerator<Uint8Array<ArrayBuffer>>;
  #rest: Uint8Array<ArrayBuffer> = new Uint8Array(0);

  constructor(stream: ByteStream) {
    this.name = stream.name;
    this.#stream = stream;
    this.#pieces = stream.pieces();
  }

  /**
   * The next `length` bytes in memory of their own. Memory is only asked for where the file can hold as much. Throws
   * `KronlabError` (`invalid`) that says what is cut short.
   */
  async take(length: number, what: string): Promise<Uint8Array<ArrayBuffer>> {
    this.expect(length, what);
    const taken = new Uint8Array(length);
    for (let filled = 0; filled < length;) {
      if (this.#rest.length === 0 && !(await this.#advance())) {
        throw this.#short(length, what, this.position + filled);
      }
      const part = this.#rest.subarray(0, length - filled);
      taken.set(part, filled);
      this.#rest = this.#rest.subarray(part.length);
      filled += part.length;
    }
    this.position += length;
    return taken;
  }

  /** Throws where the stream cannot hold `length` more bytes, so that nobody makes room for them. */
  expect(length: number, what: string): void {
    if (this.position + length > this.#stream.atMost) throw this.#short(length, what, this.#stream.atMost);
  }

  /** Up to `length` bytes, fewer at the end of the stream; null when there is nothing left. */
  async takeUpTo(length: number): Promise<Uint8Array<ArrayBuffer> | null> {
    if (await this.atEnd()) return null;
    const parts: Uint8Array<ArrayBuffer>[] = [];
    let filled = 0;
    while (filled < length && !(await this.atEnd())) {
      const part = this.#rest.subarray(0, length - filled);
      parts.push(part);
      this.#rest = this.#rest.subarray(part.length);
      filled += part.length;
    }
    this.position += filled;
    return joinBytes(parts);
  }

  async atEnd(): Promise<boolean> {
    return this.#rest.length === 0 && !(await this.#advance());
  }

  /** Ends reading early. */
  async close(): Promise<void> {
    await this.#pieces.return(undefined);
  }

  async #advance(): Promise<boolean> {
    while (true) {
      const next = await this.#pieces.next();
      if (next.done === true) return false;
      if (next.value.length === 0) continue;
      this.#rest = next.value;
      return true;
    }
  }

  #short(length: number, what: string, end: number): KronlabError {
    return fault(
      this.name,
      `byte ${this.position}`,
      `${what} needs ${length} bytes, but ${Math.max(0, end - this.position)} are there at most`,
      'the file is truncated or its header is wrong: copy or download it again',
    );
  }
}

/** The bytes of all parts, one after another. */
export function joinBytes(parts: readonly Uint8Array<ArrayBuffer>[]): Uint8Array<ArrayBuffer> {
  if (parts.length === 1) return parts[0]!;
  const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

/** The first bytes of a file, decompressed; fewer where it is shorter. */
export async function firstBytes(
  source: ByteSource,
  length: number,
  context: ImportContext,
): Promise<Uint8Array<ArrayBuffer>> {
  const reader = new SequentialReader(await openStream(source, { ...context, onProgress: () => undefined }));
  try {
    return (await reader.takeUpTo(length)) ?? new Uint8Array(0);
  } finally {
    await reader.close();
  }
}

/** All of a small file, decompressed. Throws where it is longer than `limit` bytes. */
export async function readWhole(
  source: ByteSource,
  limit: number,
  context: ImportContext,
): Promise<Uint8Array<ArrayBuffer>> {
  const stream = await openStream(source, context);
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let total = 0;
  for await (const piece of stream.pieces()) {
    total += piece.length;
    if (total > limit) {
      throw fault(
        source.name,
        null,
        `is longer than the ${limit} bytes the lab takes at once`,
        'import a part of it',
      );
    }
    parts.push(piece);
  }
  return joinBytes(parts);
}
