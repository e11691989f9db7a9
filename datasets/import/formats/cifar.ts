/**
 * CIFAR-10 and CIFAR-100, "binary version": records of one label byte (CIFAR-100: coarse, then fine) and 3,072 bytes of a
 * 32 x 32 image, red plane first, each row by row (A. Krizhevsky, "Learning multiple layers of features from tiny
 * images", 2009). There is no header, so the size of the file and the range of the labels tell what it is.
 */
import type { TensorDataset } from '../../tensor-dataset.ts';
import { assemble, type Part } from '../assemble.ts';
import { baseName, type ByteSource } from '../byte-source.ts';
import { openStream, readWhole, SequentialReader } from '../byte-stream.ts';
import { refuseTwins } from '../twins.ts';
import { checkLimit, fault, type ImportContext } from '../limits.ts';

const shape = [3, 32, 32] as const;
const imageBytes = 3 * 32 * 32;

/** Which label of CIFAR-100: one of 100 classes, or of 20 groups of them. CIFAR-10 has `fine` alone. */
export const cifarLevels = ['fine', 'coarse'] as const;
export type CifarLevel = (typeof cifarLevels)[number];

export interface CifarFiles {
  /** 10 or 100 classes: one label a record or two. */
  classes: 10 | 100;
  data: readonly ByteSource[];
  /** Names of the classes, one a line; of CIFAR-100 for either label. */
  names: Readonly<Record<CifarLevel, ByteSource | null>>;
}

/**
 * Reads the files of one set; those called `test...` are the split `test`, the others `train`.
 *
 * @param level which label of CIFAR-100
 */
export async function readCifar(
  files: CifarFiles,
  level: CifarLevel,
  name: string,
  context: ImportContext,
): Promise<TensorDataset> {
  const labelBytes = files.classes === 10 ? 1 : 2;
  const labelAt = files.classes === 100 && level === 'fine' ? 1 : 0;
  const classCount = files.classes === 10 ? 10 : level === 'fine' ? 100 : 20;
  const parts: Part[] = [];
  for (const source of files.data) {
    parts.push(await readRecords(source, labelBytes, labelAt, classCount, files.data.length > 1, context));
  }
  const names = files.names[level];
  const classNames = names === null ? null : await readNames(names, classCount, context);
  return assemble({ name, kind: 'images', shape, parts, classNames, targetNames: ['label'] }, context.limits);
}

async function readRecords(
  source: ByteSource,
  labelBytes: number,
  labelAt: number,
  classCount: number,
  isSplit: boolean,
  context: ImportContext,
): Promise<Part> {
  const recordBytes = labelBytes + imageBytes;
  const stream = await openStream(source, context);
  if (!stream.gzip) {
    checkLimit(source.name, null, source.size, context.limits.bytes, 'bytes');
    if (source.size === 0 || source.size % recordBytes !== 0)
      throw badSize(source.name, source.size, recordBytes);
  }
  const reader = new SequentialReader(stream);
  const images: Uint8Array<ArrayBuffer>[] = [];
  const labels: number[] = [];
  try {
    for (let record = await reader.takeUpTo(recordBytes); record !== null;) {
      if (record.length < recordBytes) throw badSize(source.name, reader.position, recordBytes);
      const label = record[labelAt]!;
      if (label >= classCount) {
        throw fault(
          source.name,
          `record ${labels.length + 1}`,
          `its label is ${label}; labels go from 0 to ${classCount - 1}`,
          'this is not the binary version of CIFAR, or the file is damaged',
        );
      }
      labels.push(label);
      images.push(record.subarray(labelBytes));
      record = await reader.takeUpTo(recordBytes);
    }
  } finally {
    await reader.close();
  }
  const inputs = new Uint8Array(labels.length * imageBytes);
  images.forEach((image, i) => inputs.set(image, i * imageBytes));
  const split = isSplit ? (/^test/i.test(baseName(source.name)) ? 'test' : 'train') : null;
  return { split, file: source.name, count: labels.length, inputs, labels };
}

/**
 * Finds a set by its usual names: `data_batch_1.bin` and `test_batch.bin`, or `train.bin` and `test.bin`. Throws
 * `KronlabError` (`invalid`) where one of them is there twice.
 */
export function findCifar(sources: readonly ByteSource[]): CifarFiles | null {
  const named = (pattern: RegExp) =>
    sources
      .filter((source) => pattern.test(baseName(source.name)))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  const first = (pattern: RegExp) => named(pattern)[0] ?? null;
  const ten = named(/^(data_batch_\d+|test_batch)\.bin(\.gz)?$/i);
  const hundred = named(/^(train|test)\.bin(\.gz)?$/i);
  if (ten.length > 0) {
    refuseTwins(ten);
    return { classes: 10, data: ten, names: { fine: first(/^batches\.meta\.txt$/i), coarse: null } };
  }
  if (hundred.length === 0) return null;
  refuseTwins(hundred);
  const names = {
    fine: first(/^fine_label_names\.txt$/i),
    coarse: first(/^coarse_label_names\.txt$/i),
  };
  return { classes: 100, data: hundred, names };
}

/** How many classes a single file of this size has: only whole records fit. Null where neither fits. */
export function cifarClasses(bytes: number): 10 | 100 | null {
  if (bytes > 0 && bytes % (1 + imageBytes) === 0) return 10;
  return bytes > 0 && bytes % (2 + imageBytes) === 0 ? 100 : null;
}

async function readNames(
  source: ByteSource,
  classCount: number,
  context: ImportContext,
): Promise<string[] | null> {
  const text = new TextDecoder().decode(await readWhole(source, 1 << 16, context));
  const names = text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '');
  return names.length === classCount ? names : null;
}

function badSize(file: string, bytes: number, recordBytes: number) {
  return fault(
    file,
    null,
    `holds ${bytes} bytes, which are not whole records of ${recordBytes}`,
    'it is truncated, or not the binary version of CIFAR: download that one again',
  );
}
