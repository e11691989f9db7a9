/**
 * ZIP archives, as far as NPZ needs them: the central directory, stored and deflated members (APPNOTE.TXT 6.3.10,
 * sections 4.3.7, 4.3.12 and 4.3.16). Nothing is written to disk, and names that point outside are refused all the same.
 */
import { readExactly, type ByteSource } from './byte-source.ts';
import { inflate, type ByteStream } from './byte-stream.ts';
import { checkLimit, fault, type ImportContext } from './limits.ts';

export interface ZipMember {
  name: string;
  /** Decompressed bytes, as the directory says; `open` holds the data against it. */
  size: number;
  open(): ByteStream;
}

const endRecordBytes = 22;
const longestComment = 0xffff;

/** The members by the central directory. Throws `KronlabError` (`invalid`) on anything unsound. */
export async function readZip(source: ByteSource, context: ImportContext): Promise<ZipMember[]> {
  const { limits } = context;
  const file = source.name;
  const tailStart = Math.max(0, source.size - endRecordBytes - longestComment);
  const tail = await readExactly(source, tailStart, source.size - tailStart, 'the end of the archive');
  const view = new DataView(tail.buffer, tail.byteOffset, tail.length);
  let end = tail.length - endRecordBytes;
  while (end >= 0 && view.getUint32(end, true) !== 0x06054b50) end -= 1;
  if (end < 0) {
    throw fault(file, null, 'is no ZIP archive, or its end is missing', 'copy or download it again');
  }
  const count = view.getUint16(end + 10, true);
  const directoryBytes = view.getUint32(end + 12, true);
  const directoryStart = view.getUint32(end + 16, true);
  if (directoryStart === 0xffffffff || count === 0xffff)
    throw fault(file, null, 'is larger than 4 GiB (ZIP64)', 'save its arrays as single files');
  checkLimit(file, null, count, limits.files, 'members');
  checkLimit(file, null, directoryBytes, limits.header, 'bytes of directory');
  if (directoryStart + directoryBytes > tailStart + end)
    throw fault(
      file,
      null,
      'its directory lies outside of the file',
      'it is damaged: copy or download it again',
    );
  const directory = await readExactly(source, directoryStart, directoryBytes, 'the directory');
  const entries = parseDirectory(file, directory, count);
  const total = entries.reduce((sum, entry) => sum + entry.size, 0);
  checkLimit(file, null, total, limits.bytes, 'bytes decompressed');
  if (entries.reduce((sum, entry) => sum + entry.packed, 0) > source.size)
    throw fault(
      file,
      null,
      'its members overlap',
      'this is a decompression bomb or a damaged file: do not use it',
    );
  const members: ZipMember[] = [];
  for (const entry of entries) {
    const start = await dataStart(source, entry);
    members.push({
      name: entry.name,
      size: entry.size,
      open: () => memberStream(source, entry, start, context),
    });
  }
  return members;
}

interface Entry {
  name: string;
  method: number;
  crc: number;
  packed: number;
  size: number;
  header: number;
}

function parseDirectory(file: string, bytes: Uint8Array<ArrayBuffer>, count: number): Entry[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const entries: Entry[] = [];
  const names = new Set<string>();
  let at = 0;
  for (let i = 0; i < count; i += 1) {
    const place = `directory entry ${i + 1}`;
    if (at + 46 > bytes.length || view.getUint32(at, true) !== 0x02014b50)
      throw fault(file, place, 'is damaged', 'copy or download the archive again');
    const nameLength = view.getUint16(at + 28, true);
    const next = at + 46 + nameLength + view.getUint16(at + 30, true) + view.getUint16(at + 32, true);
    if (next > bytes.length) throw fault(file, place, 'is cut short', 'copy or download the archive again');
    const name = new TextDecoder().decode(bytes.subarray(at + 46, at + 46 + nameLength));
    checkMemberName(file, place, name);
    if (names.has(name)) throw fault(file, place, `"${name}" is there twice`, 'save the archive again');
    names.add(name);
    if (view.getUint16(at + 8, true) & 1)
      throw fault(file, place, `"${name}" is encrypted`, 'save it without a password');
    const method = view.getUint16(at + 10, true);
    if (method !== 0 && method !== 8)
      throw fault(
        file,
        place,
        `"${name}" is compressed by method ${method}`,
        'save it with Deflate or stored',
      );
    entries.push({
      name,
      method,
      crc: view.getUint32(at + 16, true),
      packed: view.getUint32(at + 20, true),
      size: view.getUint32(at + 24, true),
      header: view.getUint32(at + 42, true),
    });
    at = next;
  }
  return entries;
}

/** Refuses absolute names, drive letters, backslashes, `..` and control characters. */
export function checkMemberName(file: string, place: string, name: string): void {
  const unsafe =
    name === '' ||
    name.startsWith('/') ||
    /^[A-Za-z]:/.test(name) ||
    name.includes('\\') ||
    name.split('/').includes('..') ||
    Array.from(name).some((character) => character < ' ');
  if (unsafe)
    throw fault(
      file,
      place,
      `the name ${JSON.stringify(name.slice(0, 100))} points outside of the archive`,
      'do not use it: no honest program writes such names',
    );
}

/** The local header repeats the name; only its length matters, and that it is one. */
async function dataStart(source: ByteSource, entry: Entry): Promise<number> {
  const header = await readExactly(source, entry.header, 30, `the header of "${entry.name}"`);
  const view = new DataView(header.buffer, header.byteOffset, 30);
  if (view.getUint32(0, true) !== 0x04034b50)
    throw fault(
      source.name,
      `byte ${entry.header}`,
      `is no header of "${entry.name}"`,
      'copy the archive again',
    );
  const start = entry.header + 30 + view.getUint16(26, true) + view.getUint16(28, true);
  if (start + entry.packed > source.size)
    throw fault(
      source.name,
      `byte ${start}`,
      `"${entry.name}" is cut short`,
      'copy or download the archive again',
    );
  return start;
}

function memberStream(source: ByteSource, entry: Entry, start: number, context: ImportContext): ByteStream {
  const name = `${source.name}, array "${entry.name.replace(/\.npy$/, '')}"`;
  const packed: ByteSource = {
    name,
    size: entry.packed,
    read: (at, length) => source.read(start + at, Math.min(length, entry.packed - at)),
  };
  const possible = entry.method === 0 ? entry.packed : 1032 * entry.packed;
  return {
    name,
    gzip: entry.method === 8,
    atMost: Math.min(entry.size, possible),
    pieces: () => checkedPieces(packed, entry, context),
  };
}

async function* checkedPieces(packed: ByteSource, entry: Entry, context: ImportContext) {
  const pieces =
    entry.method === 8
      ? inflate(packed, 'deflate-raw', { ...context, limits: { ...context.limits, bytes: entry.size } })
      : storedPieces(packed, context);
  let crc = 0xffffffff;
  let total = 0;
  for await (const piece of pieces) {
    for (const byte of piece) crc = crcTable[(crc ^ byte) & 0xff]! ^ (crc >>> 8);
    total += piece.length;
    yield piece;
  }
  if (total !== entry.size || (crc ^ 0xffffffff) >>> 0 !== entry.crc)
    throw fault(
      packed.name,
      null,
      'its checksum is wrong',
      'it is damaged: copy or download the archive again',
    );
}

async function* storedPieces(source: ByteSource, context: ImportContext) {
  for (let at = 0; at < source.size;) {
    context.signal?.throwIfAborted();
    const piece = await source.read(at, Math.min(1 << 20, source.size - at));
    if (piece.length === 0) return;
    at += piece.length;
    context.onProgress?.({ file: source.name, done: at, total: source.size });
    yield piece;
  }
}

/** CRC-32 of IEEE 802.3, reflected. */
const crcTable = Uint32Array.from({ length: 256 }, (_, index) => {
  let value = index;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value;
});
