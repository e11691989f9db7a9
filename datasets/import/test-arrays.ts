/** NPY and NPZ files for the tests, written byte by byte. */
import { crc32, deflateRawSync } from 'node:zlib';

/** An NPY file of version 1 with this header text after the magic. */
export function npyBytes(
  descr: string,
  shape: readonly number[],
  data: Uint8Array,
  fortran = false,
): Uint8Array<ArrayBuffer> {
  const list = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const order = fortran ? 'True' : 'False';
  const text = `{'descr': '${descr}', 'fortran_order': ${order}, 'shape': (${list}), }`;
  const header = `${text.padEnd(Math.ceil((text.length + 11) / 64) * 64 - 11)}\n`;
  return Uint8Array.from([
    ...[0x93, ...Array.from('NUMPY', (c) => c.charCodeAt(0)), 1, 0],
    ...[header.length & 255, header.length >> 8],
    ...new TextEncoder().encode(header),
    ...data,
  ]);
}

export const bytesOf = (array: { buffer: ArrayBufferLike }) => new Uint8Array(array.buffer);

/** A ZIP archive; `deflated` members are compressed, the others stored. */
export function zipBytes(
  members: readonly { name: string; data: Uint8Array; deflated?: boolean }[],
): Uint8Array<ArrayBuffer> {
  const u16 = (...values: number[]) => values.flatMap((value) => [value & 255, (value >> 8) & 255]);
  const u32 = (...values: number[]) =>
    values.flatMap((v) => [v & 255, (v >>> 8) & 255, (v >>> 16) & 255, v >>> 24]);
  const body: number[] = [];
  const directory: number[] = [];
  for (const { name, data, deflated = false } of members) {
    const packed = deflated ? deflateRawSync(data) : data;
    const nameBytes = [...new TextEncoder().encode(name)];
    const method = deflated ? 8 : 0;
    const sizes = u32(crc32(data), packed.length, data.length);
    const start = body.length;
    body.push(...u32(0x04034b50), ...u16(20, 0, method, 0, 0), ...sizes, ...u16(nameBytes.length, 0));
    body.push(...nameBytes, ...packed);
    directory.push(...u32(0x02014b50), ...u16(20, 20, 0, method, 0, 0), ...sizes);
    directory.push(...u16(nameBytes.length, 0, 0, 0, 0), ...u32(0, start), ...nameBytes);
  }
  const end = [
    ...u32(0x06054b50),
    ...u16(0, 0, members.length, members.length),
    ...u32(directory.length, body.length),
    ...u16(0),
  ];
  return Uint8Array.from([...body, ...directory, ...end]);
}
