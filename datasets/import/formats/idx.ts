/**
 * IDX, the format of MNIST and its family: two zero bytes, the element type, the number of dimensions, the dimensions
 * as big-endian uint32, then the elements in row-major order, big-endian (Y. LeCun et al., "The MNIST database", 1998).
 */
import { elementCount, type TensorDataset } from '../../tensor-dataset.ts';
import { assemble, type Part } from '../assemble.ts';
import { baseName, folderName, type ByteSource } from '../byte-source.ts';
import { openStream, SequentialReader, type ByteStream } from '../byte-stream.ts';
import { checkCounts } from '../labels.ts';
import { checkLimit, fault, type ImportContext } from '../limits.ts';
import { sizeOf, valuesOf, type ElementType } from '../elements.ts';
import { refuseTwins } from '../twins.ts';

const elementTypes: Readonly<Record<number, ElementType>> = {
  0x08: 'u8',
  0x09: 'i8',
  0x0b: 'i16',
  0x0c: 'i32',
  0x0d: 'f32',
  0x0e: 'f64',
};

export interface IdxArray {
  file: string;
  shape: number[];
  values: Uint8Array | Float32Array;
}

/** Files of one split: images with their labels. */
export interface IdxPair {
  split: string | null;
  inputs: ByteSource;
  labels: ByteSource;
}

/**
 * Reads pairs of an image file `[N, H, W]` (or `[N, C, H, W]`; `[N, D]` is a table) and a label file `[N]`, either
 * compressed or not. Throws `KronlabError` (`invalid`) naming file and place.
 */
export async function readIdx(
  pairs: readonly IdxPair[],
  name: string,
  context: ImportContext,
): Promise<TensorDataset> {
  const parts: Part[] = [];
  let shape: readonly number[] | null = null;
  for (const pair of pairs) {
    const inputs = await readIdxArray(pair.inputs, context);
    const labels = await readIdxArray(pair.labels, context);
    if (labels.shape.length !== 1) {
      throw fault(
        labels.file,
        'byte 3',
        `has ${labels.shape.length} dimensions; labels have 1`,
        'give the label file as the labels',
      );
    }
    if (inputs.shape.length < 2 || inputs.shape.length > 4) {
      throw fault(
        inputs.file,
        'byte 3',
        `has ${inputs.shape.length} dimensions; images have 3 (count, rows, columns)`,
        'give the image file as the inputs',
      );
    }
    const [count, ...rest] = inputs.shape as [number, ...number[]];
    checkCounts(inputs.file, count, labels.file, labels.values.length);
    const own = rest.length === 2 ? [1, ...rest] : rest;
    if (shape !== null && own.join() !== shape.join()) {
      throw fault(
        inputs.file,
        'byte 4',
        `its examples are ${own.join(' x ')}, those of ${parts[0]!.file} are ${shape.join(' x ')}`,
        'give files of one data set',
      );
    }
    shape = own;
    parts.push({ split: pair.split, file: inputs.file, count, inputs: inputs.values, labels: labels.values });
  }
  const kind = shape?.length === 1 ? 'table' : 'images';
  return assemble({ name, kind, shape: shape ?? [], parts, targetNames: ['label'] }, context.limits);
}

/** One IDX file. Nothing is allocated that the file cannot fill. */
export async function readIdxArray(source: ByteSource, context: ImportContext): Promise<IdxArray> {
  const file = source.name;
  const { limits } = context;
  const stream = await openStream(source, context);
  const reader = new SequentialReader(stream);
  try {
    const magic = await reader.take(4, 'the magic number');
    const type = elementTypes[magic[2]!];
    if (magic[0] !== 0 || magic[1] !== 0 || type === undefined) {
      const swapped = magic[2] === 0 && magic[3] === 0 && elementTypes[magic[1]!] !== undefined;
      throw fault(
        file,
        'byte 0',
        swapped ? 'is written in little-endian order; IDX is big-endian' : 'is not an IDX file',
        'an IDX file begins with two zero bytes, the element type (8 for bytes) and the number of dimensions',
      );
    }
    const rank = magic[3]!;
    if (rank < 1 || rank > 4)
      throw fault(file, 'byte 3', `says ${rank} dimensions`, 'the lab reads 1 to 4 of them');
    const header = new DataView((await reader.take(4 * rank, 'the dimensions')).buffer);
    const shape = dimensionsOf(header, stream, type);
    checkLimit(file, 'byte 4', shape[0]!, limits.examples, `examples`);
    for (const side of shape.slice(1))
      checkLimit(file, 'byte 8', side, limits.columns, 'values along a side');
    if (rank > 2)
      for (const side of shape.slice(-2))
        checkLimit(file, 'byte 8', side, limits.side, 'pixels along a side');
    const count = elementCount(shape);
    checkLimit(file, 'byte 4', count * (type === 'u8' ? 1 : 8), limits.bytes, 'bytes of data');
    if (count === 0)
      throw fault(file, 'byte 4', 'holds no values', 'choose a file with at least one example');
    const values = await valuesOf(
      reader,
      type,
      count,
      'big',
      shape.length === 1 ? 'the labels' : 'the images',
    );
    if (!(await reader.atEnd())) {
      throw fault(
        file,
        `byte ${reader.position}`,
        `goes on after the ${count} values its header names`,
        'its header is wrong, or the file was joined from several',
      );
    }
    return { file, shape, values };
  } finally {
    await reader.close();
  }
}

/**
 * The dimensions of a header. Throws where they fit the file in the wrong byte order only: it would else be called
 * truncated, or too large.
 */
function dimensionsOf(header: DataView, { name, atMost, gzip }: ByteStream, type: ElementType): number[] {
  const rank = header.byteLength / 4;
  const read = (little: boolean) =>
    Array.from({ length: rank }, (_, axis) => header.getUint32(4 * axis, little));
  const fits = (shape: readonly number[]) => {
    const bytes = 4 + header.byteLength + elementCount(shape) * sizeOf[type];
    return gzip ? bytes <= atMost : bytes === atMost;
  };
  const [shape, swapped] = [read(false), read(true)];
  if (fits(shape) || !fits(swapped) || elementCount(swapped) === 0) return shape;
  throw fault(
    name,
    'byte 4',
    `its dimensions are ${swapped.join(' x ')} in little-endian order; IDX is big-endian`,
    'write each of them with its most significant byte first',
  );
}

/**
 * Finds pairs by the names of the MNIST family: `train-images-idx3-ubyte.gz` with `train-labels-idx1-ubyte.gz` in the
 * same folder. Throws `KronlabError` (`invalid`) where labels are missing, and where two pairs are of one split: they
 * are two data sets, or one twice.
 */
export function findIdxPairs(sources: readonly ByteSource[]): IdxPair[] {
  const pairs = new Map<string | null, IdxPair>();
  refuseTwins(sources.filter(({ name }) => /(image|label)s?[-._]?idx\d/i.test(baseName(name))));
  for (const inputs of sources) {
    const name = baseName(inputs.name);
    if (!/images?[-._]?idx\d/i.test(name)) continue;
    const labels = sources.find(
      (other) =>
        folderName(other.name) === folderName(inputs.name) &&
        pairKey(baseName(other.name)) === pairKey(name) &&
        /labels?[-._]?idx1/i.test(baseName(other.name)),
    );
    if (labels === undefined) {
      throw fault(
        inputs.name,
        null,
        'has no label file beside it',
        `put ${name.replace(/image/i, 'label').replace(/idx\d/i, 'idx1')} beside it or name the labels`,
      );
    }
    const split = splitOfName(name);
    const before = pairs.get(split);
    if (before !== undefined) {
      throw fault(
        inputs.name,
        null,
        `is ${split === null ? 'of no named split' : `the split ${split}`}, as ${before.inputs.name} is`,
        'import one data set at a time, with train, val, or t10k or test in the names of its parts',
      );
    }
    pairs.set(split, { split, inputs, labels });
  }
  return [...pairs.values()];
}

function pairKey(name: string): string {
  return name
    .toLowerCase()
    .replace(/\.gz$/, '')
    .replace(/(image|label)s?/, '')
    .replace(/idx\d/, '');
}

function splitOfName(name: string): string | null {
  if (/train/i.test(name)) return 'train';
  if (/t10k|test/i.test(name)) return 'test';
  return /val/i.test(name) ? 'validation' : null;
}
