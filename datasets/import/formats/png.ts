/**
 * PNG images by fast-png. Its decoder inflates whatever it is given, so the file is looked through before: dimensions
 * are held against the cap, the compressed pixels are inflated once with the size they must have as the limit, and
 * chunks that are no pixels (profiles, texts) do not reach it.
 */
import { decode } from 'fast-png';
import { bytesSource } from '../byte-source.ts';
import { inflate, joinBytes } from '../byte-stream.ts';
import { checkLimit, fault, type ImportContext } from '../limits.ts';

/** Red, green and blue of every pixel, row by row. */
export interface RgbImage {
  width: number;
  height: number;
  /** `[height, width, 3]` */
  pixels: Uint8Array<ArrayBuffer>;
}

const signature = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const needed = new Set(['IHDR', 'PLTE', 'tRNS', 'IDAT', 'IEND']);
const channelsOf: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };

export function isPng(bytes: Uint8Array): boolean {
  return signature.every((byte, i) => bytes[i] === byte);
}

/** Decodes an image; transparency is dropped, 16 bits become 8. Throws `KronlabError` (`invalid`). */
export async function decodePng(
  bytes: Uint8Array<ArrayBuffer>,
  file: string,
  context: ImportContext,
): Promise<RgbImage> {
  const chunks = chunksOf(bytes, file);
  const header = chunks[0];
  if (header?.type !== 'IHDR' || header.data.length !== 13) throw damaged(file, 'has no header');
  const view = new DataView(header.data.buffer, header.data.byteOffset, 13);
  const [width, height] = [view.getUint32(0), view.getUint32(4)];
  for (const side of [width, height]) {
    if (side === 0) throw damaged(file, 'has no pixels');
    checkLimit(file, 'byte 16', side, context.limits.side, 'pixels along a side');
  }
  const bits = view.getUint8(8) * (channelsOf[view.getUint8(9)] ?? 4);
  // A filter byte a row; the seven passes of an interlaced image have up to seven rows for one.
  const expected = height * (Math.ceil((width * bits) / 8) + 1) + 8 * (width + height) + 64;
  const packed = joinBytes(chunks.filter(({ type }) => type === 'IDAT').map(({ data }) => data));
  const limited = { ...context, limits: { ...context.limits, bytes: expected } };
  const inflated = inflate(bytesSource(packed, file), 'deflate', limited);
  while ((await inflated.next()).done !== true);
  try {
    const image = decode(joinBytes([bytes.slice(0, 8), ...chunks.map(({ whole }) => whole)]));
    return { width, height, pixels: toRgb(image, width * height) };
  } catch (error) {
    throw damaged(file, `cannot be decoded (${error instanceof Error ? error.message : String(error)})`);
  }
}

function chunksOf(bytes: Uint8Array<ArrayBuffer>, file: string) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const chunks: { type: string; data: Uint8Array<ArrayBuffer>; whole: Uint8Array<ArrayBuffer> }[] = [];
  for (let at = 8; at + 12 <= bytes.length;) {
    const length = view.getUint32(at);
    const end = at + 12 + length;
    if (end > bytes.length) break;
    const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    if (needed.has(type)) {
      chunks.push({ type, data: bytes.subarray(at + 8, end - 4), whole: bytes.subarray(at, end) });
    }
    if (type === 'IEND') return chunks;
    at = end;
  }
  throw damaged(file, 'is truncated');
}

function toRgb(image: ReturnType<typeof decode>, count: number): Uint8Array<ArrayBuffer> {
  const { data, channels, depth, palette } = image;
  const pixels = new Uint8Array(3 * count);
  const at = (pixel: number): readonly number[] => {
    if (palette !== undefined) return palette[packedValue(data, pixel, image.width, depth)] ?? [0, 0, 0];
    if (depth < 8) {
      const grey = (packedValue(data, pixel, image.width, depth) * 255) / (2 ** depth - 1);
      return [grey, grey, grey];
    }
    const value = (channel: number) => {
      const raw = data[pixel * channels + channel]!;
      return depth === 16 ? raw >> 8 : raw;
    };
    return channels < 3 ? [value(0), value(0), value(0)] : [value(0), value(1), value(2)];
  };
  for (let pixel = 0; pixel < count; pixel += 1) pixels.set(at(pixel).slice(0, 3), 3 * pixel);
  return pixels;
}

/** A value of 1, 2, 4 or 8 bits; rows begin at whole bytes. */
function packedValue(data: ArrayLike<number>, pixel: number, width: number, depth: number): number {
  if (depth === 8) return data[pixel]!;
  const row = Math.floor(pixel / width);
  const bit = (pixel % width) * depth;
  const byte = data[row * Math.ceil((width * depth) / 8) + (bit >> 3)]!;
  return (byte >> (8 - depth - (bit & 7))) & (2 ** depth - 1);
}

function damaged(file: string, problem: string) {
  return fault(file, null, problem, 'the PNG file is damaged: replace or remove it');
}
