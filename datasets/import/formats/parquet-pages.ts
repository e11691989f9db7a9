/**
 * Looks through the pages of a Parquet column before hyparquet decodes them. hyparquet takes run lengths, counts and
 * lengths inside of pages at their word; here each is held against what the page's header says and what its bytes can
 * hold, so that decoding ends after about as many steps as there are values. Encodings are those of the format's own
 * description, https://parquet.apache.org/docs/file-format/data-pages/encodings/.
 */
import type { ColumnMetaData, PageHeader, SchemaElement } from 'hyparquet';
import { parquetHeader } from 'hyparquet/src/column.js';
import { decompressPage } from 'hyparquet/src/datapage.js';
import { deltaBinaryUnpack } from 'hyparquet/src/delta.js';
import { readRleBitPackedHybrid } from 'hyparquet/src/encoding.js';
import { getMaxDefinitionLevel, getMaxRepetitionLevel, getSchemaPath } from 'hyparquet/src/schema.js';
import type { ImportLimits } from '../limits.ts';

type Decompress = Parameters<typeof decompressPage>[3];

export interface PageCheck {
  column: ColumnMetaData;
  schema: SchemaElement[];
  limits: ImportLimits;
  compressors: Decompress;
}

/** What is wrong with a page; the caller says where. */
export class PageFault extends Error {}

interface Reader {
  view: DataView<ArrayBuffer>;
  offset: number;
}

/** Padding at the end of packed values that writers may add, far beyond the eight of the format. */
const mostPadding = 4096;

/** Throws `PageFault`, or what decompression throws, where decoding would follow something that the bytes do not hold. */
export function checkPages(bytes: Uint8Array<ArrayBuffer>, check: PageCheck): void {
  const { column, schema, limits } = check;
  const path = getSchemaPath(schema, column.path_in_schema);
  const levels = { repetition: getMaxRepetitionLevel(path), definition: getMaxDefinitionLevel(path) };
  const typeLength = path.at(-1)!.element.type_length;
  const reader = readerOf(bytes);
  let [values, unpacked] = [0, 0];
  while (reader.offset < bytes.length - 1) {
    checkThrift(reader.view, reader.offset);
    const header = parquetHeader(reader);
    const size = whole(header.compressed_page_size, 'the size of a page', bytes.length - reader.offset);
    unpacked += whole(header.uncompressed_page_size, 'the size of a page', limits.bytes - unpacked);
    const packed = bytes.subarray(reader.offset, reader.offset + size);
    reader.offset += size;
    const left = Number(column.num_values) - values;
    values += checkPage(header, packed, { ...check, levels, typeLength, left });
  }
}

interface InPage extends PageCheck {
  levels: { repetition: number; definition: number };
  typeLength: number | undefined;
  /** Values that the column has left for this page. */
  left: number;
}

/** How many values the page holds; none for a dictionary. */
function checkPage(header: PageHeader, packed: Uint8Array<ArrayBuffer>, page: InPage): number {
  const { column, compressors, left, levels } = page;
  const decompress = (bytes: Uint8Array<ArrayBuffer>, size: number) =>
    readerOf(Uint8Array.from(decompressPage(bytes, size, column.codec, compressors)));
  if (header.dictionary_page_header !== undefined) {
    const { num_values: count } = header.dictionary_page_header;
    const reader = decompress(packed, header.uncompressed_page_size);
    checkPlain(reader, whole(count, 'the size of a dictionary', 8 * reader.view.byteLength), page);
    return 0;
  }
  if (header.data_page_header !== undefined) {
    const { num_values, encoding } = header.data_page_header;
    const count = whole(num_values, 'the number of values of a page', left);
    const reader = decompress(packed, header.uncompressed_page_size);
    if (levels.repetition > 0) checkRuns(reader, widthOf(levels.repetition), count);
    checkValues(reader, encoding, count - countNulls(reader, levels.definition, count), page);
    return count;
  }
  const second = header.data_page_header_v2;
  if (second === undefined) throw new PageFault('a page is of no known kind');
  const count = whole(second.num_values, 'the number of values of a page', left);
  const nulls = whole(second.num_nulls, 'the number of missing values', count);
  const repetition = whole(second.repetition_levels_byte_length, 'the size of levels', packed.length);
  const definition = whole(
    second.definition_levels_byte_length,
    'the size of levels',
    packed.length - repetition,
  );
  const reader = readerOf(packed);
  if (levels.repetition > 0) checkRuns(reader, widthOf(levels.repetition), count, repetition);
  reader.offset = repetition;
  if (levels.definition > 0) checkRuns(reader, widthOf(levels.definition), count, definition);
  const rest = packed.subarray(repetition + definition);
  const size = header.uncompressed_page_size - repetition - definition;
  if (size < 0) throw new PageFault('levels are longer than their page');
  const inner = second.is_compressed === false ? readerOf(rest) : decompress(rest, size);
  checkValues(inner, second.encoding, count - nulls, page);
  return count;
}

/** Checks the definition levels of a first-version page and counts those that say "missing". */
function countNulls(reader: Reader, level: number, count: number): number {
  if (level === 0) return 0;
  const start = reader.offset;
  checkRuns(reader, widthOf(level), count);
  reader.offset = start;
  const levels = new Array<number>(count);
  readRleBitPackedHybrid(reader, widthOf(level), levels);
  return levels.reduce((nulls, value) => nulls + (value === level ? 0 : 1), 0);
}

function checkValues(reader: Reader, encoding: string, count: number, page: InPage): void {
  switch (encoding) {
    case 'PLAIN':
      checkPlain(reader, count, page);
      return;
    case 'RLE':
    case 'RLE_DICTIONARY':
    case 'PLAIN_DICTIONARY': {
      if (page.column.type === 'BOOLEAN') {
        checkRuns(reader, 1, count);
        return;
      }
      const width = byte(reader);
      if (width > 32) throw new PageFault(`values are ${width} bits wide`);
      checkRuns(reader, width, count, reader.view.byteLength - reader.offset);
      return;
    }
    case 'BYTE_STREAM_SPLIT':
      checkPlain(reader, count, page);
      return;
    case 'DELTA_BINARY_PACKED':
      checkDelta(reader, count);
      return;
    case 'DELTA_LENGTH_BYTE_ARRAY':
      checkDelta(reader, count);
      return;
    case 'DELTA_BYTE_ARRAY':
      checkPrefixes(reader, count, page.limits);
      return;
    default:
      throw new PageFault(`values are encoded as ${encoding}, which is not known`);
  }
}

/** Values one after another: as many as the bytes can hold. */
function checkPlain(reader: Reader, count: number, { column, typeLength }: InPage): void {
  const bits: Readonly<Record<string, number>> = {
    ...{ BOOLEAN: 1, INT32: 32, FLOAT: 32, INT64: 64, DOUBLE: 64, INT96: 96 },
    // Each has its length in front.
    BYTE_ARRAY: 32,
    FIXED_LEN_BYTE_ARRAY: 8 * whole(typeLength ?? 1, 'the length of values', reader.view.byteLength),
  };
  const each = bits[column.type] ?? 0;
  if (each <= 0 || count * each > 8 * (reader.view.byteLength - reader.offset))
    throw new PageFault(`a page says ${count} values, which are more than its bytes hold`);
}

/** Runs of equal values and of packed ones (RLE/bit-packing hybrid), of `count` values together. */
function checkRuns(reader: Reader, width: number, count: number, length?: number): void {
  const size = length ?? uint32(reader);
  const start = reader.offset;
  for (let seen = 0; seen < count;) {
    const header = varInt(reader, 5);
    const left = count - seen;
    const packed = header % 2 === 1;
    const run = packed ? 8 * Math.floor(header / 2) : header / 2;
    if (run > left + (packed ? mostPadding : 0))
      throw new PageFault(`a run of ${run} values where ${left} are left`);
    reader.offset += packed ? (run / 8) * width : Math.ceil(width / 8);
    seen += run;
  }
  reader.offset = start + size;
}

/** Differences in blocks; leaves the reader at their start. */
function checkDelta(reader: Reader, count: number): void {
  const start = reader.offset;
  const block = varInt(reader, 5);
  const parts = varInt(reader, 5);
  varInt(reader, 5);
  varInt(reader, 10);
  if (block === 0 || parts === 0 || block % parts !== 0)
    throw new PageFault(`blocks of ${block} differences in ${parts} parts`);
  const each = block / parts;
  for (let left = count - 1; left > 0;) {
    varInt(reader, 10);
    if (reader.offset + parts > reader.view.byteLength) throw new PageFault('a block of differences is cut');
    const widths = Array.from({ length: parts }, () => byte(reader));
    for (const width of widths) {
      if (left <= 0) break;
      if (width > 64) throw new PageFault(`differences are ${width} bits wide`);
      reader.offset += Math.ceil((Math.min(each, left) * width) / 8);
      if (reader.offset > reader.view.byteLength) throw new PageFault('a block of differences is cut');
      reader.offset += Math.ceil((each * width) / 8) - Math.ceil((Math.min(each, left) * width) / 8);
      left -= each;
    }
  }
  reader.offset = start;
}

/** Texts that begin as the one before: no prefix is longer than that, and all together are within the limit. */
function checkPrefixes(reader: Reader, count: number, limits: ImportLimits): void {
  const [prefixes, suffixes] = [new Int32Array(count), new Int32Array(count)];
  for (const lengths of [prefixes, suffixes]) {
    checkDelta(reader, count);
    deltaBinaryUnpack(reader, count, lengths);
  }
  let [before, total] = [0, 0];
  for (let i = 0; i < count; i += 1) {
    const prefix = whole(prefixes[i], 'the length of a prefix', before);
    before = prefix + whole(suffixes[i], 'the length of a text', reader.view.byteLength);
    total += before;
    if (before > limits.cell || total > limits.bytes)
      throw new PageFault('texts are longer than the lab takes');
  }
}

const deepest = 24;

/**
 * Walks through a structure in Thrift's compact protocol: lists are no longer than the bytes that are left, numbers no
 * longer than 64 bits, nothing is nested without end. Answers where it ends; throws `PageFault`.
 */
export function checkThrift(view: DataView<ArrayBuffer>, offset: number): number {
  const reader = { view, offset };
  checkStruct(reader, 0);
  return reader.offset;
}

function checkStruct(reader: Reader, depth: number): void {
  for (;;) {
    const head = byte(reader);
    if (head % 16 === 0) return;
    if (head < 16) varInt(reader, 5);
    checkElement(reader, head % 16, depth);
  }
}

function checkElement(reader: Reader, type: number, depth: number): void {
  if (depth > deepest) throw new PageFault(`a structure is nested more than ${deepest} deep`);
  const skip = (bytes: number) => {
    reader.offset += bytes;
    if (reader.offset > reader.view.byteLength) throw new PageFault('a structure is cut');
  };
  switch (type) {
    case 1:
    case 2:
      return;
    case 3:
      skip(1);
      return;
    case 4:
    case 5:
      varInt(reader, 5);
      return;
    case 6:
      varInt(reader, 10);
      return;
    case 7:
      skip(8);
      return;
    case 8:
      skip(varInt(reader, 5));
      return;
    case 9: {
      const head = byte(reader);
      const size = head >> 4 === 15 ? varInt(reader, 5) : head >> 4;
      if (size > reader.view.byteLength - reader.offset)
        throw new PageFault(`a list says ${size} elements, which are more than its bytes hold`);
      const element = head % 16;
      for (let i = 0; i < size; i += 1) checkElement(reader, element <= 2 ? 3 : element, depth + 1);
      return;
    }
    case 12:
      checkStruct(reader, depth + 1);
      return;
    default:
      throw new PageFault(`a structure has a field of type ${type}, which is not known`);
  }
}

function readerOf(bytes: Uint8Array<ArrayBuffer>): Reader {
  return { view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), offset: 0 };
}

function byte(reader: Reader): number {
  if (reader.offset >= reader.view.byteLength) throw new PageFault('a page is cut');
  reader.offset += 1;
  return reader.view.getUint8(reader.offset - 1);
}

function uint32(reader: Reader): number {
  if (reader.offset + 4 > reader.view.byteLength) throw new PageFault('a page is cut');
  reader.offset += 4;
  return reader.view.getUint32(reader.offset - 4, true);
}

/** An unsigned number of at most `most` bytes, seven bits each; as a float beyond 2^53. */
function varInt(reader: Reader, most: number): number {
  let value = 0;
  for (let i = 0; i < most; i += 1) {
    const next = byte(reader);
    value += (next % 128) * 2 ** (7 * i);
    if (next < 128) return value;
  }
  throw new PageFault(`a number is longer than ${most} bytes`);
}

/** Bits that values from 0 to `largest` need. */
function widthOf(largest: number): number {
  return 32 - Math.clz32(largest);
}

function whole(value: number | undefined, what: string, most: number): number {
  if (value !== undefined && Number.isInteger(value) && value >= 0 && value <= most) return value;
  throw new PageFault(`${what} is ${value ?? 'missing'}, of at most ${most}`);
}
