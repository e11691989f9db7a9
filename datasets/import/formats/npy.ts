/**
 * NPY, NumPy's file of one array: magic, version, a header that is a Python dictionary literal, then the elements
 * (NumPy Enhancement Proposal 1, "A simple file format for NumPy arrays"). The literal is read by a small strict parser;
 * nothing is ever evaluated, and pickled objects are refused.
 */
import { elementCount } from '../../tensor-dataset.ts';
import { doublesOf, type ByteOrder, type ElementType } from '../elements.ts';
import { checkLimit, fault, type ImportContext } from '../limits.ts';
import { SequentialReader, type ByteStream } from '../byte-stream.ts';
import type { NamedArray } from '../named-arrays.ts';

interface Header {
  element: ElementType | { text: 'U' | 'S'; length: number };
  order: ByteOrder;
  fortran: boolean;
  shape: number[];
}

const elements = new Map<string, ElementType>([
  ['b1', 'bool'],
  ['u1', 'u8'],
  ['i1', 'i8'],
  ['u2', 'u16'],
  ['i2', 'i16'],
  ['u4', 'u32'],
  ['i4', 'i32'],
  ['u8', 'u64'],
  ['i8', 'i64'],
  ['f2', 'f16'],
  ['f4', 'f32'],
  ['f8', 'f64'],
]);
/** Bytes of a text in memory beside its characters. */
const textOverhead = 40;

/** Reads one array. Throws `KronlabError` (`invalid`) naming file and place. */
export async function readNpy(stream: ByteStream, name: string, context: ImportContext): Promise<NamedArray> {
  const place = stream.name;
  const reader = new SequentialReader(stream);
  try {
    const { element, order, fortran, shape } = await readHeader(reader, context);
    const count = elementCount(shape);
    const elementSize = typeof element === 'string' ? 8 : textOverhead + 4 * element.length;
    checkLimit(
      place,
      'its header',
      count * (element === 'u8' ? 1 : elementSize),
      context.limits.bytes,
      'bytes of data',
    );
    const what = `the array of shape (${shape.join(', ')})`;
    const values =
      typeof element === 'string'
        ? await doublesOf(reader, element, count, order, what)
        : await textsOf(reader, element, count, order, what);
    if (!(await reader.atEnd())) {
      throw fault(
        place,
        `byte ${reader.position}`,
        `goes on after the ${count} values its header names`,
        'save the array again with numpy.save',
      );
    }
    return {
      place,
      name,
      shape,
      values: fortran && shape.length > 1 ? rowMajor(values, shape) : values,
      fractional: typeof element === 'string' && element.startsWith('f'),
    };
  } finally {
    await reader.close();
  }
}

async function readHeader(reader: SequentialReader, { limits }: ImportContext): Promise<Header> {
  const file = reader.name;
  const start = await reader.take(8, 'the magic string');
  const magic = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];
  if (!magic.every((byte, i) => start[i] === byte))
    throw fault(file, 'byte 0', 'is not an NPY file', 'an NPY file is what numpy.save writes');
  const version = start[6]!;
  if (version < 1 || version > 3)
    throw fault(file, 'byte 6', `is of version ${version}`, 'save it with numpy.save, which writes 1 to 3');
  const lengthBytes = await reader.take(version === 1 ? 2 : 4, 'the length of the header');
  const view = new DataView(lengthBytes.buffer);
  const length = version === 1 ? view.getUint16(0, true) : view.getUint32(0, true);
  checkLimit(file, 'byte 8', length, Math.min(limits.header, 1 << 16), 'bytes of header');
  const text = new TextDecoder('latin1').decode(await reader.take(length, 'the header'));
  return parseHeader(text.trim(), file);
}

const headerPattern =
  /^\{\s*'descr'\s*:\s*('[^']*'|\[[^{}]*\])\s*,\s*'fortran_order'\s*:\s*(True|False)\s*,\s*'shape'\s*:\s*\(([\d\s,L]*)\)\s*,?\s*\}$/;

/** `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }` */
function parseHeader(text: string, file: string): Header {
  const found = headerPattern.exec(text);
  if (found === null) {
    throw fault(
      file,
      'its header',
      `"${text.slice(0, 80)}" does not give descr, fortran_order and shape`,
      'save the array again with numpy.save',
    );
  }
  const [, quoted, fortran, dimensions] = found as unknown as [string, string, string, string];
  const sizes = dimensions.split(',').map((part) => part.trim().replace(/L$/, ''));
  if (sizes.at(-1) === '') sizes.pop();
  const shape = sizes.map(Number);
  if (shape.length > 8 || !shape.every((size) => Number.isSafeInteger(size)))
    throw fault(file, 'its header', `the shape (${dimensions}) is no list of sizes`, 'save the array again');
  const descr = quoted.slice(1, -1);
  const order = descr.startsWith('>') ? 'big' : 'little';
  const code = descr.replace(/^[<>|=]/, '');
  const text_ = /^([US])(\d{1,5})$/.exec(code);
  const element =
    text_ === null ? elements.get(code) : { text: text_[1] as 'U' | 'S', length: Number(text_[2]) };
  if (quoted.startsWith('[') || element === undefined) {
    const object = code.startsWith('O');
    throw fault(
      file,
      'its header',
      object
        ? 'holds pickled Python objects, which can run code'
        : `the type ${quoted.slice(0, 40)} is none the lab reads`,
      'convert it to numbers, for example with array.astype("float32")',
    );
  }
  return { element, order, fortran: fortran === 'True', shape };
}

/** Fixed-width text: `U` in UTF-32, `S` in bytes, padded with zeros. */
async function textsOf(
  reader: SequentialReader,
  { text, length }: { text: 'U' | 'S'; length: number },
  count: number,
  order: ByteOrder,
  what: string,
): Promise<string[]> {
  const size = length * (text === 'U' ? 4 : 1);
  reader.expect(count * size, what);
  const texts: string[] = [];
  for (let i = 0; i < count; i += 1) {
    const bytes = await reader.take(size, what);
    const view = new DataView(bytes.buffer);
    let word = '';
    for (let at = 0; at < length; at += 1) {
      const code = text === 'S' ? bytes[at]! : view.getUint32(4 * at, order === 'little');
      if (code === 0) break;
      if (code > 0x10ffff)
        throw fault(reader.name, `text ${i + 1}`, 'is no Unicode text', 'save the array again');
      word += String.fromCodePoint(code);
    }
    texts.push(word);
  }
  return texts;
}

/** Column-major order to row-major: the first axis varies fastest in the file. */
function rowMajor<T extends NamedArray['values']>(values: T, shape: readonly number[]): T {
  const moved = values.slice();
  const strides = shape.map((_, axis) => elementCount(shape.slice(axis + 1)));
  for (let from = 0; from < values.length; from += 1) {
    let rest = from;
    let to = 0;
    shape.forEach((size, axis) => {
      to += (rest % size) * strides[axis]!;
      rest = Math.floor(rest / size);
    });
    (moved as Float64Array)[to] = values[from] as number;
  }
  return moved as T;
}
