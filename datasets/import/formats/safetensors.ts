/**
 * safetensors: a little-endian uint64 length, a JSON header that gives type, shape and byte range of every tensor, then
 * the data (https://github.com/huggingface/safetensors, README "Format"). The checks are the format's own: ranges follow
 * one another without gap or overlap, cover the file exactly and fit their shapes; no name twice.
 */
import { elementCount, elementBytes, type Tensor } from '../../tensor-dataset.ts';
import { littleEndian } from '../../content-hash.ts';
import { readExactly, type ByteSource } from '../byte-source.ts';
import { SequentialReader, type ByteStream } from '../byte-stream.ts';
import { doublesOf, sizeOf, type ElementType } from '../elements.ts';
import { checkLimit, fault, type ImportContext } from '../limits.ts';
import type { NamedArray } from '../named-arrays.ts';

const elementTypes = new Map<string, ElementType>([
  ['BOOL', 'bool'],
  ['U8', 'u8'],
  ['I8', 'i8'],
  ['U16', 'u16'],
  ['I16', 'i16'],
  ['U32', 'u32'],
  ['I32', 'i32'],
  ['U64', 'u64'],
  ['I64', 'i64'],
  ['F16', 'f16'],
  ['BF16', 'bf16'],
  ['F32', 'f32'],
  ['F64', 'f64'],
]);
const typeNames = { u8: 'U8', u32: 'U32', f32: 'F32' } as const;

export interface SafetensorsEntry {
  name: string;
  type: ElementType;
  shape: number[];
  /** From the start of the file. */
  start: number;
  bytes: number;
}

/** The checked header: every tensor's place. Throws `KronlabError` (`invalid`). */
export async function readSafetensorsHeader(
  source: ByteSource,
  { limits }: ImportContext,
): Promise<SafetensorsEntry[]> {
  const file = source.name;
  const remedy = 'it is damaged or no safetensors file: copy or download it again';
  const lengthBytes = await readExactly(source, 0, 8, 'the length of the header');
  const length = Number(new DataView(lengthBytes.buffer, lengthBytes.byteOffset, 8).getBigUint64(0, true));
  checkLimit(file, 'byte 0', length, limits.header, 'bytes of header');
  const bytes = await readExactly(source, 8, length, 'the header');
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    throw fault(file, 'byte 8', `its header is no JSON (${detail.slice(0, 100)})`, remedy);
  }
  if (typeof header !== 'object' || header === null || Array.isArray(header))
    throw fault(file, 'byte 8', 'its header is no object of tensors', remedy);
  const entries = Object.entries(header)
    .filter(([name]) => name !== '__metadata__')
    .map(([name, value]) => parseEntry(file, name, value, 8 + length, remedy))
    .sort((a, b) => a.start - b.start || a.bytes - b.bytes);
  let at = 8 + length;
  for (const entry of entries) {
    if (entry.start !== at)
      throw fault(file, `tensor "${entry.name}"`, `begins at byte ${entry.start}, not at ${at}`, remedy);
    at += entry.bytes;
  }
  if (at !== source.size) {
    throw fault(file, null, `has ${source.size} bytes; its header describes ${at}`, remedy);
  }
  return entries;
}

function parseEntry(
  file: string,
  name: string,
  value: unknown,
  dataStart: number,
  remedy: string,
): SafetensorsEntry {
  const place = `tensor ${JSON.stringify(name.slice(0, 100))}`;
  const isSize = (size: unknown): size is number => Number.isSafeInteger(size) && (size as number) >= 0;
  const { dtype, shape, data_offsets: range } = (value ?? {}) as Record<string, unknown>;
  const type = typeof dtype === 'string' ? elementTypes.get(dtype) : undefined;
  if (type === undefined) {
    throw fault(
      file,
      place,
      `its type ${typeof dtype === 'string' ? `"${dtype.slice(0, 40)}"` : `(${typeof dtype})`} is none the lab reads`,
      `save it as one of ${[...elementTypes.keys()].join(', ')}`,
    );
  }
  if (!Array.isArray(shape) || shape.length > 8 || !shape.every(isSize))
    throw fault(file, place, 'its shape is no list of sizes', remedy);
  if (!Array.isArray(range) || range.length !== 2 || !range.every(isSize) || range[1]! < range[0]!)
    throw fault(file, place, 'its data_offsets are no range of bytes', remedy);
  const [start, end] = range as [number, number];
  const needed = elementCount(shape) * sizeOf[type];
  if (needed !== end - start)
    throw fault(file, place, `its shape needs ${needed} bytes, its range has ${end - start}`, remedy);
  return { name, type, shape, start: dataStart + start, bytes: end - start };
}

/** All tensors as named arrays. Throws `KronlabError` (`invalid`). */
export async function readSafetensors(source: ByteSource, context: ImportContext): Promise<NamedArray[]> {
  const entries = await readSafetensorsHeader(source, context);
  const decoded = entries.reduce(
    (sum, { type, shape }) => sum + elementCount(shape) * (type === 'u8' ? 1 : 8),
    0,
  );
  checkLimit(source.name, null, decoded, context.limits.bytes, 'bytes of data');
  const arrays: NamedArray[] = [];
  for (const { name, type, shape, start, bytes } of entries) {
    const place = `${source.name}, tensor "${name}"`;
    const reader = new SequentialReader(rangeStream(source, place, start, bytes, context));
    const values = await doublesOf(reader, type, elementCount(shape), 'little', 'its data');
    arrays.push({ place, name, shape, values, fractional: type.includes('f') });
  }
  return arrays;
}

function rangeStream(
  source: ByteSource,
  name: string,
  start: number,
  bytes: number,
  context: ImportContext,
): ByteStream {
  return {
    name,
    atMost: bytes,
    gzip: false,
    async *pieces() {
      for (let at = 0; at < bytes;) {
        context.signal?.throwIfAborted();
        const piece = await source.read(start + at, Math.min(1 << 20, bytes - at));
        if (piece.length === 0) return;
        at += piece.length;
        context.onProgress?.({ file: source.name, done: start + at, total: source.size });
        yield piece;
      }
    },
  };
}

/** Writes tensors in the order of their names, each beginning at a multiple of 8 bytes where sizes allow it. */
export function encodeSafetensors(tensors: Readonly<Record<string, Tensor>>): Uint8Array<ArrayBuffer>[] {
  const names = Object.keys(tensors).sort((a, b) => {
    const size = elementBytes[tensors[b]!.type] - elementBytes[tensors[a]!.type];
    return size || (a < b ? -1 : 1);
  });
  let at = 0;
  const header = names.map((name) => {
    const { type, shape, data } = tensors[name]!;
    const range = [at, (at += data.byteLength)];
    return [name, { dtype: typeNames[type], shape, data_offsets: range }] as const;
  });
  const json = JSON.stringify(Object.fromEntries(header));
  const text = new TextEncoder().encode(json.padEnd(Math.ceil(json.length / 8) * 8));
  const length = new Uint8Array(8);
  new DataView(length.buffer).setBigUint64(0, BigInt(text.length), true);
  return [length, text, ...names.map((name) => littleEndian(tensors[name]!))];
}
