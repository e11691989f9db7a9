/**
 * The name of a data set by what is in it. Formats, file names and class names do not take part, so that the same data
 * out of two files is one data set; the given splits do, because they decide what is trained on.
 */
import { elementBytes, type Tensor, type TensorDataset } from './tensor-dataset.ts';

type Hashed = Pick<TensorDataset, 'kind' | 'task' | 'tensors' | 'splits'>;

/**
 * SHA-256 as 64 hexadecimal digits: over kind, task, splits and, for every tensor by name, its type, shape and the
 * SHA-256 of its bytes in little-endian order (`docs/data.md` gives the exact text).
 */
export async function contentHash(dataset: Hashed): Promise<string> {
  const lines = [`kronlab-dataset 1`, dataset.kind, dataset.task];
  for (const name of Object.keys(dataset.tensors).sort()) {
    const tensor = dataset.tensors[name]!;
    lines.push(`${name} ${tensor.type} ${tensor.shape.join('x')} ${await sha256(littleEndian(tensor))}`);
  }
  for (const { name, start, count } of dataset.splits) lines.push(`split ${name} ${start} ${count}`);
  return sha256(new TextEncoder().encode(lines.join('\n')));
}

/** SHA-256 of the bytes, in hexadecimal digits. */
export async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** The bytes of a tensor as files hold them; the tensor's own memory on every machine that matters. */
export function littleEndian({ type, data }: Tensor): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  if (isLittleEndian || elementBytes[type] === 1) return bytes;
  const swapped = Uint8Array.from(bytes);
  for (let at = 0; at < swapped.length; at += 4) swapped.subarray(at, at + 4).reverse();
  return swapped;
}

/** Whether typed arrays of this machine have the byte order of files. */
export const isLittleEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;
