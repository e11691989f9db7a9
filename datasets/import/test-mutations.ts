/** Damage to files, for the fuzz tests; and checksums put right again, so that damage gets behind them. */
import { constants, crc32, inflateRawSync } from 'node:zlib';
import fc from 'fast-check';
import { joinBytes } from './byte-stream.ts';

const text = (value: string) => new TextEncoder().encode(value);

/** Anywhere in the file alike: left to itself, the generator likes its beginning. */
const place = fc.noBias(fc.nat(999_999)).map((millionth) => millionth / 1e6);
export const mutation = fc.oneof(
  fc.record({
    kind: fc.constant('set' as const),
    place,
    bytes: fc.uint8Array({ minLength: 1, maxLength: 4 }),
  }),
  fc.record({
    kind: fc.constant('extreme' as const),
    place,
    count: fc.constantFrom(1, 2, 4, 8),
    value: fc.constantFrom(0, 0xff, 0x7f, 0x80),
  }),
  fc.record({
    kind: fc.constant('insert' as const),
    place,
    bytes: fc.uint8Array({ minLength: 1, maxLength: 40 }),
  }),
  fc.record({
    kind: fc.constant('mark' as const),
    place,
    mark: fc.constantFrom(...Array.from('",;\n\r\t[]{}\'()\\.-+eE0:$<>#%=@')),
  }),
  fc.record({ kind: fc.constant('cut' as const), place }),
  fc.record({
    kind: fc.constant('repeat' as const),
    place,
    to: place,
    times: fc.integer({ min: 2, max: 20 }),
  }),
  fc.record({ kind: fc.constant('remove' as const), place, to: place }),
);
export type Mutation = typeof mutation extends fc.Arbitrary<infer T> ? T : never;

export function mutate(bytes: Uint8Array, change: Mutation): Uint8Array {
  const at = Math.floor(change.place * bytes.length);
  const splice = (end: number, ...parts: Uint8Array[]) =>
    joinBytes([bytes.subarray(0, at), ...parts, bytes.subarray(end)].map((part) => Uint8Array.from(part)));
  switch (change.kind) {
    case 'set':
      return splice(at + change.bytes.length, change.bytes);
    case 'extreme':
      return splice(at + change.count, new Uint8Array(change.count).fill(change.value));
    case 'insert':
      return splice(at, change.bytes);
    case 'mark':
      return splice(at + 1, text(change.mark));
    case 'cut':
      return bytes.slice(0, at);
    case 'repeat': {
      const part = bytes.subarray(at, Math.max(at, Math.floor(change.to * bytes.length)));
      return splice(at, ...Array<Uint8Array>(change.times).fill(part));
    }
    case 'remove':
      return splice(Math.max(at, Math.floor(change.to * bytes.length)));
  }
}

/** The file with its checksums right, where it is PNG or gzip; as far as it can still be followed. */
export function repaired(bytes: Uint8Array): Uint8Array {
  if (bytes[0] === 0x89 && bytes[1] === 0x50) return repairedPng(bytes);
  return bytes[0] === 0x1f && bytes[1] === 0x8b ? repairedGzip(bytes) : bytes;
}

function repairedPng(bytes: Uint8Array): Uint8Array {
  const fixed = bytes.slice();
  const view = new DataView(fixed.buffer);
  for (let at = 8; at + 12 <= fixed.length;) {
    const end = at + 8 + view.getUint32(at);
    if (end + 4 > fixed.length) break;
    view.setUint32(end, crc32(fixed.subarray(at + 4, end)));
    at = end + 4;
  }
  return fixed;
}

/** Length and checksum of what can be decompressed. The header has no optional fields, as none that `gzipSync` writes. */
function repairedGzip(bytes: Uint8Array): Uint8Array {
  const headerBytes = 10;
  try {
    const options = { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: 1 << 22, info: true };
    const { buffer, engine } = inflateRawSync(bytes.subarray(headerBytes), options) as unknown as {
      buffer: Uint8Array;
      engine: { bytesWritten: number };
    };
    const trailer = new DataView(new ArrayBuffer(8));
    trailer.setUint32(0, crc32(buffer), true);
    trailer.setUint32(4, buffer.length, true);
    const body = Uint8Array.from(bytes.subarray(0, headerBytes + engine.bytesWritten));
    return joinBytes([body, new Uint8Array(trailer.buffer)]);
  } catch {
    // Damaged beyond what a trailer could mend.
    return bytes;
  }
}
