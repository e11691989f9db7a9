/** Numbers of any type and byte order to the two kinds of values that data sets hold: bytes and float32. */
import type { SequentialReader } from './byte-stream.ts';

export type ElementType =
  'bool' | 'u8' | 'i8' | 'u16' | 'i16' | 'u32' | 'i32' | 'u64' | 'i64' | 'f16' | 'bf16' | 'f32' | 'f64';
export type ByteOrder = 'little' | 'big';

export const sizeOf: Readonly<Record<ElementType, number>> = {
  bool: 1,
  u8: 1,
  i8: 1,
  u16: 2,
  i16: 2,
  u32: 4,
  i32: 4,
  u64: 8,
  i64: 8,
  f16: 2,
  bf16: 2,
  f32: 4,
  f64: 8,
};

/** Reads one number at a byte offset; 64-bit integers are rounded to the nearest double. */
const readers: Readonly<Record<ElementType, (view: DataView, at: number, little: boolean) => number>> = {
  bool: (view, at) => (view.getUint8(at) === 0 ? 0 : 1),
  u8: (view, at) => view.getUint8(at),
  i8: (view, at) => view.getInt8(at),
  u16: (view, at, little) => view.getUint16(at, little),
  i16: (view, at, little) => view.getInt16(at, little),
  u32: (view, at, little) => view.getUint32(at, little),
  i32: (view, at, little) => view.getInt32(at, little),
  u64: (view, at, little) => Number(view.getBigUint64(at, little)),
  i64: (view, at, little) => Number(view.getBigInt64(at, little)),
  f16: (view, at, little) => halfToNumber(view.getUint16(at, little)),
  bf16: (view, at, little) => bfloatToNumber(view.getUint16(at, little)),
  f32: (view, at, little) => view.getFloat32(at, little),
  f64: (view, at, little) => view.getFloat64(at, little),
};

/** Elements read at a time; keeps the memory beside the result small, and lets a cancelled import end. */
const pieceElements = 1 << 18;

/**
 * `count` numbers: bytes stay bytes, everything else becomes float32. Memory is only asked for where the stream can
 * hold as much.
 */
export async function valuesOf(
  reader: SequentialReader,
  type: ElementType,
  count: number,
  order: ByteOrder,
  what: string,
): Promise<Uint8Array | Float32Array> {
  return convert(reader, type, count, order, what, (length) => new Float32Array(length));
}

/** As `valuesOf`, but what is no byte becomes float64: labels of 64 bits stay whole. */
export async function doublesOf(
  reader: SequentialReader,
  type: ElementType,
  count: number,
  order: ByteOrder,
  what: string,
): Promise<Uint8Array | Float64Array> {
  return convert(reader, type, count, order, what, (length) => new Float64Array(length));
}

async function convert<T extends Float32Array | Float64Array>(
  reader: SequentialReader,
  type: ElementType,
  count: number,
  order: ByteOrder,
  what: string,
  make: (length: number) => T,
): Promise<Uint8Array | T> {
  const size = sizeOf[type];
  if (type === 'u8') return reader.take(count, what);
  reader.expect(count * size, what);
  const values = make(count);
  const read = readers[type];
  for (let done = 0; done < count;) {
    const length = Math.min(pieceElements, count - done);
    const bytes = await reader.take(length * size, what);
    const view = new DataView(bytes.buffer);
    for (let i = 0; i < length; i += 1) values[done + i] = read(view, i * size, order === 'little');
    done += length;
  }
  return values;
}

/** IEEE 754 binary16: 1 sign, 5 exponent and 10 fraction bits. */
function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : NaN;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

const scratch = new DataView(new ArrayBuffer(4));

/** bfloat16: the upper half of a float32. */
function bfloatToNumber(bits: number): number {
  scratch.setUint32(0, bits << 16);
  return scratch.getFloat32(0);
}
