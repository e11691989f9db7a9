/**
 * Parquet by hyparquet, which believes what a file says. Footer and pages are therefore held against file and limits
 * before it decodes anything, and no page may be decompressed to more than its header says.
 */
import {
  parquetMetadataAsync,
  parquetReadObjects,
  type AsyncBuffer,
  type ColumnMetaData,
  type FileMetaData,
} from 'hyparquet';
import { compressors as allCompressors } from 'hyparquet-compressors';
import type { TensorDataset } from '../../tensor-dataset.ts';
import { KronlabError } from '../../../contract/errors.ts';
import { readExactly, type ByteSource } from '../byte-source.ts';
import { checkLimit, fault, type ImportContext } from '../limits.ts';
import { ObjectRows } from '../rows.ts';
import { checkPages, checkThrift } from './parquet-pages.ts';
import type { TableOptions } from '../table.ts';

const remedy = 'it is damaged or no Parquet file: write it again';

/** Reads a table, row group by row group. Throws `KronlabError` (`invalid`) naming file, place and remedy. */
export async function readParquet(
  source: ByteSource,
  options: TableOptions,
  name: string,
  context: ImportContext,
): Promise<TensorDataset> {
  const file = asyncBuffer(source, context);
  const metadata = await readFooter(source, file, context);
  const rows = new ObjectRows(source.name, options, context);
  let row = 0;
  for (const [index, group] of metadata.row_groups.entries()) {
    context.signal?.throwIfAborted();
    const count = Number(group.num_rows);
    await checkGroup(source, index, metadata, context);
    const objects = await reading(source.name, `row group ${index + 1}`, () =>
      parquetReadObjects({
        file,
        metadata,
        rowStart: row,
        rowEnd: row + count,
        compressors: cappedCompressors(source.name, context.limits.bytes),
      }),
    );
    if (objects.length !== count) {
      throw fault(
        source.name,
        `row group ${index + 1}`,
        `holds ${objects.length} rows; its footer says ${count}`,
        remedy,
      );
    }
    objects.forEach((object, i) => rows.add(object, row + i + 1));
    row += count;
  }
  return rows.finish(name);
}

/** Looks through the pages of a row group; costs decompressing them twice. */
async function checkGroup(
  source: ByteSource,
  index: number,
  { row_groups, schema }: FileMetaData,
  { limits, signal }: ImportContext,
): Promise<void> {
  const compressors = cappedCompressors(source.name, limits.bytes);
  for (const { meta_data: column } of row_groups[index]!.columns) {
    signal?.throwIfAborted();
    // The footer's check has made sure of the description and of its place in the file.
    const size = Number(column!.total_compressed_size);
    const bytes = await readExactly(source, beginOf(column!), size, 'a column');
    const place = `row group ${index + 1}, column "${column!.path_in_schema.join('.')}"`;
    await reading(source.name, place, async () =>
      checkPages(bytes, { column: column!, schema, limits, compressors }),
    );
  }
}

/** Where a column begins: with its dictionary, where it has one. */
function beginOf({ dictionary_page_offset, data_page_offset }: ColumnMetaData): number {
  return Number(dictionary_page_offset || data_page_offset);
}

/** The footer, checked. */
async function readFooter(
  source: ByteSource,
  file: AsyncBuffer,
  { limits }: ImportContext,
): Promise<FileMetaData> {
  if (source.size < 12) throw fault(source.name, null, `has ${source.size} bytes`, remedy);
  const start = await readExactly(source, 0, 4, 'the magic number');
  const tail = await readExactly(source, source.size - 8, 8, 'the footer');
  const isMagic = (bytes: Uint8Array) => String.fromCharCode(...bytes) === 'PAR1';
  if (!isMagic(start) || !isMagic(tail.subarray(4)))
    throw fault(source.name, 'its end', 'has no "PAR1" at both ends', remedy);
  const length = new DataView(tail.buffer, tail.byteOffset, 4).getUint32(0, true);
  checkLimit(source.name, 'the footer', length, limits.header, 'bytes');
  if (length + 12 > source.size) throw fault(source.name, 'the footer', 'is longer than the file', remedy);
  const footer = await readExactly(source, source.size - 8 - length, length, 'the footer');
  return reading(source.name, 'the footer', async () => {
    checkThrift(new DataView(footer.buffer, footer.byteOffset, footer.byteLength), 0);
    const metadata = await parquetMetadataAsync(file);
    // Fields that the types promise may be missing.
    checkFooter(source, metadata, limits);
    return metadata;
  });
}

function checkFooter(source: ByteSource, metadata: FileMetaData, limits: ImportContext['limits']): void {
  const file = source.name;
  checkLimit(file, 'the footer', Number(metadata.num_rows), limits.examples, 'rows');
  checkLimit(file, 'the footer', metadata.schema.length, limits.columns, 'columns');
  checkLimit(file, 'the footer', metadata.row_groups.length, limits.files, 'row groups');
  let total = 0;
  let rows = 0;
  for (const [index, group] of metadata.row_groups.entries()) {
    const place = `row group ${index + 1}`;
    const count = Number(group.num_rows);
    if (!(count >= 0)) throw fault(file, place, `has ${count} rows`, remedy);
    rows += count;
    checkLimit(file, place, count * group.columns.length * 8, limits.bytes, 'bytes of cells');
    for (const { meta_data: column } of group.columns) {
      if (column === undefined) throw fault(file, place, 'has a column without a description', remedy);
      const name = column.path_in_schema.join('.');
      const [packed, unpacked, values] = [
        column.total_compressed_size,
        column.total_uncompressed_size,
        column.num_values,
      ].map(Number) as [number, number, number];
      const begin = beginOf(column);
      if (!(packed >= 0 && begin >= 0 && begin + packed <= source.size))
        throw fault(file, `${place}, column "${name}"`, 'lies outside of the file', remedy);
      if (!(unpacked >= 0 && values >= 0 && (values === count || name.includes('.'))))
        throw fault(file, `${place}, column "${name}"`, 'does not have one value a row', remedy);
      checkLimit(file, `${place}, column "${name}"`, values * 8, limits.bytes, 'bytes of values');
      total += unpacked;
      checkLimit(file, place, total, limits.bytes, 'bytes decompressed');
    }
  }
  if (rows !== Number(metadata.num_rows))
    throw fault(file, 'the footer', `says ${metadata.num_rows} rows; its groups have ${rows}`, remedy);
}

/** Errors of the library as faults of the file. */
async function reading<T>(file: string, place: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof KronlabError || (error instanceof Error && error.name === 'AbortError')) throw error;
    // What the language says of a value that is not there says nothing of the file.
    const isOfFile =
      error instanceof Error &&
      !(error instanceof TypeError || error instanceof RangeError) &&
      !error.message.includes('undefined');
    const detail = isOfFile ? ` (${error.message.slice(0, 200)})` : '';
    throw fault(file, place, `cannot be decoded${detail}`, remedy);
  }
}

function asyncBuffer(source: ByteSource, { signal, onProgress }: ImportContext): AsyncBuffer {
  return {
    byteLength: source.size,
    async slice(start, end = source.size) {
      signal?.throwIfAborted();
      const from = start < 0 ? source.size + start : start;
      if (!(from >= 0 && end >= from && end <= source.size))
        throw fault(source.name, `byte ${start}`, 'a page lies outside of the file', remedy);
      const bytes = await readExactly(source, from, end - from, 'a page');
      onProgress?.({ file: source.name, done: end, total: source.size });
      return bytes.slice().buffer;
    },
  };
}

/** No page may ask for more memory than the limit. */
function cappedCompressors(file: string, limit: number): typeof allCompressors {
  return Object.fromEntries(
    Object.entries(allCompressors).map(([codec, decompress]) => [
      codec,
      (input: Uint8Array, outputLength: number) => {
        checkLimit(file, 'a page', outputLength, limit, 'bytes decompressed');
        return decompress(input, outputLength);
      },
    ]),
  );
}
