/** Small files of every format for the tests, made from numbers: the tests' own writers, independent of the readers. */
import { bytesSource, type ByteSource } from './byte-source.ts';
import { defaultLimits, type ImportContext, type ImportLimits } from './limits.ts';

export function testContext(limits: Partial<ImportLimits> = {}): ImportContext {
  return { limits: { ...defaultLimits, ...limits } };
}

export function source(name: string, content: string | readonly number[] | Uint8Array): ByteSource {
  const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : Uint8Array.from(content);
  return bytesSource(bytes, name);
}

/** An IDX file of bytes. */
export function idxBytes(shape: readonly number[], values: readonly number[]): Uint8Array<ArrayBuffer> {
  const header = shape.flatMap((size) => [size >>> 24, (size >>> 16) & 255, (size >>> 8) & 255, size & 255]);
  return Uint8Array.from([0, 0, 8, shape.length, ...header, ...values]);
}

/** The message of the error that `work` ends with. */
export async function failure(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  }
  return 'no error';
}
