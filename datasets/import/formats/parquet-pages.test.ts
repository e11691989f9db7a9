import { parquetWriteBuffer } from 'hyparquet-writer';
import { describe, expect, it } from 'vitest';
import { KronlabError } from '../../../contract/errors.ts';
import { source, testContext } from '../test-files.ts';
import { checkThrift } from './parquet-pages.ts';
import { readParquet } from './parquet.ts';

const rows = Array.from({ length: 64 }, (_, i) => i);
const sound = new Uint8Array(
  parquetWriteBuffer({
    codec: 'UNCOMPRESSED',
    columnData: [
      { name: 'a', data: rows.map((i) => (i % 9 === 0 ? null : i)), type: 'INT32' },
      { name: 'b', data: rows.map((i) => `text ${i % 3}`), type: 'STRING' },
      { name: 'c', data: rows, type: 'INT32', encoding: 'DELTA_BINARY_PACKED' },
      { name: 'y', data: rows.map((i) => i >= 32), type: 'BOOLEAN' },
    ],
  }),
);

describe('the pages of a Parquet file', () => {
  it('are read where they are sound', async () => {
    const dataset = await readParquet(source('a.parquet', sound), {}, 'a', testContext());
    expect([dataset.examples, dataset.skipped.total, dataset.classes]).toEqual([56, 8, ['false', 'true']]);
  });

  // Each as it would stand for a run, a count or a length: 2^27 equal values, 2^28 packed ones, 2^31 of anything.
  it.each([
    ['a run of equal values', [0xfe, 0xff, 0xff, 0xff, 0x01]],
    ['a run of packed values', [0xff, 0xff, 0xff, 0xff, 0x01]],
    ['a number without end', [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]],
    ['the largest length', [0xff, 0xff, 0xff, 0x7f]],
  ])('end in an error, soon, where %s stands anywhere', async (_what, bytes) => {
    const start = process.cpuUsage();
    for (let at = 4; at < sound.length - 8; at += 1) {
      const damaged = sound.slice();
      damaged.set(bytes.slice(0, sound.length - at), at);
      const outcome = await readParquet(source('a.parquet', damaged), {}, 'a', testContext()).catch(
        (error: unknown) => error,
      );
      if (outcome instanceof Error) expect(outcome).toBeInstanceOf(KronlabError);
    }
    const { user, system } = process.cpuUsage(start);
    // Of the processor, for all places together; one run that is followed takes longer.
    expect((user + system) / 1e6).toBeLessThan(10);
  });
});

describe('checkThrift', () => {
  const walk = (...bytes: number[]) => checkThrift(new DataView(Uint8Array.from(bytes).buffer), 0);

  it('finds the end of a structure', () => {
    // Field 1: the number 5; field 2: a list of two bytes; field 3: a structure with a text; the end; one more byte.
    expect(walk(0x15, 0x0a, 0x19, 0x23, 1, 2, 0x1c, 0x18, 1, 0x61, 0, 0, 0x99)).toBe(12);
  });

  it.each([
    ['a list longer than its bytes', [0x19, 0xf3, 0xff, 0xff, 0x03], 'more than its bytes hold'],
    ['lists in lists in lists', Array<number>(60).fill(0x19), 'nested more than 24 deep'],
    ['a number without end', [0x16, ...Array<number>(12).fill(0xff)], 'longer than 10 bytes'],
    ['a text beyond the end', [0x18, 0x7f, 0], 'a structure is cut'],
    ['no end', [0x15, 2], 'a page is cut'],
    ['an unknown type', [0x1b, 0, 0], 'of type 11'],
  ])('refuses %s', (_what, bytes, message) => {
    expect(() => walk(...bytes)).toThrow(message);
  });
});
