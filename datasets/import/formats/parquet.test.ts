import { parquetWriteBuffer } from 'hyparquet-writer';
import { describe, expect, it } from 'vitest';
import { contentHash } from '../../content-hash.ts';
import { failure, source, testContext } from '../test-files.ts';
import { readCsv } from './csv.ts';
import { readParquet } from './parquet.ts';

const read = (bytes: Uint8Array, options = {}, limits = {}) =>
  readParquet(source('a.parquet', bytes), options, 'a', testContext(limits));
const table = (codec: 'SNAPPY' | 'UNCOMPRESSED' = 'SNAPPY') =>
  new Uint8Array(
    parquetWriteBuffer({
      codec,
      rowGroupSize: 2,
      columnData: [
        { name: 'a', data: [1.5, 2, -3], type: 'DOUBLE' },
        { name: 'n', data: [7, 8, 9], type: 'INT32' },
        { name: 'y', data: ['p', 'q', 'p'], type: 'STRING' },
      ],
    }),
  );

describe('readParquet', () => {
  it('is the data set the same table as CSV is, over several row groups', async () => {
    const csv = await readCsv(source('a.csv', 'a,n,y\n1.5,7,p\n2,8,q\n-3,9,p\n'), {}, 'a', testContext());
    for (const codec of ['SNAPPY', 'UNCOMPRESSED'] as const)
      expect(await contentHash(await read(table(codec)))).toBe(await contentHash(csv));
  });

  it('leaves out rows with gaps', async () => {
    const bytes = parquetWriteBuffer({
      columnData: [
        { name: 'a', data: [1, null, NaN], type: 'DOUBLE', nullable: true },
        { name: 'y', data: [1n, 2n, 3n], type: 'INT64' },
      ],
    });
    const set = await read(new Uint8Array(bytes));
    expect([set.examples, set.skipped.total, set.task]).toEqual([1, 2, 'classification']);
  });

  it('refuses what is unsound', async () => {
    const good = table();
    expect(await failure(read(good.slice(0, -1)))).toContain('has no "PAR1" at both ends');
    expect(await failure(read(Uint8Array.from(Array.from('PAR1', (c) => c.charCodeAt(0)))))).toContain(
      'has 4 bytes',
    );
    const long = good.slice();
    new DataView(long.buffer).setUint32(long.length - 8, 5_000_000, true);
    expect(await failure(read(long))).toContain('the footer: is longer than the file');
    expect(await failure(read(good, {}, { header: 10 }))).toContain('bytes, which is more than the 10');
    expect(await failure(read(good, {}, { examples: 2 }))).toContain('3 rows, which is more than the 2');
    expect(await failure(read(good, {}, { bytes: 40 }))).toContain('bytes of cells, which is more than');
    // The pages of the first column are overwritten, the footer is whole.
    const damaged = good.slice().fill(0xff, 4, 40);
    expect(await failure(read(damaged))).toMatch(/^KronlabError: a.parquet, row group 1/);
  });

  it('says of damage anywhere what it is, and never what JavaScript thinks of it', async () => {
    const good = table();
    for (let at = 4; at < good.length - 8; at += 1) {
      for (const value of [0, 0x15, 0xff]) {
        const damaged = good.slice().fill(value, at, Math.min(at + 4, good.length - 8));
        const message = await failure(read(damaged));
        expect(message).toMatch(/^(no error|KronlabError: a\.parquet.*; .*)$/s);
        expect(message).not.toMatch(/undefined|not a function|not iterable|out of bounds/);
      }
    }
  });
});
