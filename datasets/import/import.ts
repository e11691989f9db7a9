/** From files to a data set: finds out what they are, reads them, and gives the result its hash. */
import { contentHash } from '../content-hash.ts';
import type { TensorDataset } from '../tensor-dataset.ts';
import { baseName, type ByteSource } from './byte-source.ts';
import { openStream } from './byte-stream.ts';
import { mostChoices, type ImportFormat } from '../../contract/datasets.ts';
import { detect } from './detect.ts';
import {
  cifarClasses,
  cifarLevels,
  findCifar,
  readCifar,
  type CifarFiles,
  type CifarLevel,
} from './formats/cifar.ts';
import { readCsv } from './formats/csv.ts';
import { readGraphJson } from './formats/graph-json.ts';
import { findIdxPairs, readIdx } from './formats/idx.ts';
import { isImageName, readImageFolder } from './formats/image-folder.ts';
import { readJsonLines } from './formats/json-lines.ts';
import { readNpy } from './formats/npy.ts';
import { readNpz } from './formats/npz.ts';
import { readParquet } from './formats/parquet.ts';
import { readSafetensors } from './formats/safetensors.ts';
import { readSdf } from './formats/sdf.ts';
import { readSmiles } from './formats/smiles.ts';
import { readText } from './formats/text.ts';
import { fault, type ImportContext } from './limits.ts';
import type { AskedTarget } from './targets.ts';
import { fromNamedArrays } from './named-arrays.ts';
import { checkOptions, type ImportOptions } from './options.ts';
import { refuseTwins } from './twins.ts';

export type { ImportOptions };

export interface ImportResult {
  dataset: TensorDataset;
  format: ImportFormat;
  /** See `contentHash`. */
  hash: string;
}

/**
 * Reads one file, or the files of a folder as one data set. Nothing outside of memory is touched. Throws `KronlabError`
 * (`invalid`) naming file, place and remedy, and the reason of `context.signal` when that is aborted.
 */
export async function importDataset(
  sources: readonly ByteSource[],
  options: ImportOptions,
  context: ImportContext,
): Promise<ImportResult> {
  context.signal?.throwIfAborted();
  const format = options.format ?? (await detect(sources, context));
  checkOptions(sources[0]?.name ?? 'the folder', format, options);
  const name = options.name ?? defaultName(sources);
  const dataset = await read(format, sources, options, name, context);
  context.signal?.throwIfAborted();
  return { dataset, format, hash: await contentHash(dataset) };
}

async function read(
  format: ImportFormat,
  sources: readonly ByteSource[],
  options: ImportOptions,
  name: string,
  context: ImportContext,
): Promise<TensorDataset> {
  switch (format) {
    case 'idx': {
      const { labels } = options;
      if (labels === undefined) return readIdx(idxPairs(sources), name, context);
      return readIdx([{ split: null, inputs: only(sources, format), labels }], name, context);
    }
    case 'cifar': {
      const files = cifarFiles(sources);
      return readCifar(files, cifarLevel(files, options.target, context), name, context);
    }
    case 'images':
      return readImageFolder(sources, name, context);
    case 'text':
      return readText(textFiles(sources), name, context);
    case 'npy':
      return readNpyFiles(sources, options, name, context);
    case 'npz': {
      const source = only(sources, format);
      return fromNamedArrays(source.name, await readNpz(source, context), name, options, context);
    }
    case 'safetensors': {
      const source = only(sources, format);
      const arrays = await readSafetensors(source, context);
      return fromNamedArrays(source.name, arrays, name, options, context);
    }
    case 'csv':
      return readCsv(only(sources, format), options, name, context);
    case 'json-lines':
      return readJsonLines(only(sources, format), options, name, context);
    case 'parquet':
      return readParquet(only(sources, format), options, name, context);
    case 'smiles':
      return readSmiles(only(sources, format), options, name, context);
    case 'sdf':
      return readSdf(only(sources, format), options, name, context);
    case 'graph-json':
      return readGraphJson(only(sources, format), options, name, context);
  }
}

function idxPairs(sources: readonly ByteSource[]) {
  const pairs = findIdxPairs(sources);
  if (pairs.length > 0) return pairs;
  throw fault(
    sources[0]?.name ?? 'the folder',
    null,
    'has no file of labels beside it',
    'name the labels (--labels), or give the folder that holds both',
    { files: sources.length > 1 ? sources.map(({ name }) => name).slice(0, mostChoices) : [] },
  );
}

function cifarFiles(sources: readonly ByteSource[]) {
  const found = findCifar(sources);
  if (found !== null && found.data.length > 1) return found;
  const source = only(found?.data ?? sources, 'cifar');
  const classes = found?.classes ?? cifarClasses(source.size) ?? 10;
  return { classes, data: [source], names: found?.names ?? { fine: null, coarse: null } };
}

/** Which label of CIFAR is asked for. Throws where it has no such label. */
function cifarLevel({ classes, data }: CifarFiles, target: AskedTarget | undefined, context: ImportContext) {
  const levels: readonly CifarLevel[] = classes === 100 ? cifarLevels : ['fine'];
  const asked = target === undefined ? 'fine' : [target].flat().join(',');
  const level = levels.find((known) => known === asked);
  if (level === undefined) {
    throw fault(
      data[0]?.name ?? 'the folder',
      null,
      `CIFAR-${classes} has no label "${asked.slice(0, 40)}"`,
      `the target is ${levels.join(' or ')}`,
    );
  }
  if (levels.length > 1) context.observer?.properties(levels, [level]);
  return level;
}

function textFiles(sources: readonly ByteSource[]) {
  if (sources.length === 1) return [{ split: null, source: sources[0]! }];
  const splitOf = (pattern: RegExp) =>
    sources.find((source) => pattern.test(baseName(source.name).replace(/\.\w+$/, '')));
  const parts = [
    { split: 'train', source: splitOf(/train/i) },
    { split: 'validation', source: splitOf(/val/i) },
    { split: 'test', source: splitOf(/test/i) },
  ].flatMap(({ split, source }) => (source === undefined ? [] : [{ split, source }]));
  if (parts.length === sources.length) return parts;
  throw fault(
    sources[0]!.name,
    null,
    'is one of several texts whose names do not say which part they are',
    'give one file, or call them train, validation and test',
  );
}

async function readNpyFiles(
  sources: readonly ByteSource[],
  options: ImportOptions,
  name: string,
  context: ImportContext,
): Promise<TensorDataset> {
  const read = async (source: ByteSource, arrayName: string) =>
    readNpy(await openStream(source, context), arrayName, context);
  if (options.labels !== undefined) {
    const arrays = [
      await read(only(sources, 'npy'), 'x'),
      await read(options.labels, String(options.target ?? 'y')),
    ];
    return fromNamedArrays(sources[0]!.name, arrays, name, options, context);
  }
  const arrays = [];
  const files = sources.filter((candidate) => /\.npy(\.gz)?$/i.test(candidate.name));
  refuseTwins(files);
  for (const source of files)
    arrays.push(await read(source, baseName(source.name).replace(/\.npy(\.gz)?$/i, '')));
  return fromNamedArrays(sources[0]?.name ?? name, arrays, name, options, context);
}

function only(sources: readonly ByteSource[], format: ImportFormat): ByteSource {
  const [source] = sources;
  if (source === undefined) throw fault('the folder', null, 'holds no files', 'choose another one');
  if (sources.length === 1) return source;
  throw fault(
    source.name,
    null,
    `is one of ${sources.length} files, of which ${format} takes one`,
    'give that file by its own path',
  );
}

/** The folder's name, or the file's without its ending. */
export function defaultName(sources: readonly ByteSource[]): string {
  const first = sources[0]?.name ?? 'data';
  const isOfFolder = sources.length > 1 || isImageName(first);
  if (isOfFolder && first.includes('/')) return first.slice(0, first.indexOf('/'));
  const idx = /^(?:(?:train(?:ing)?|t10k|test)[-._]?)?(.*?)[-._]?(?:images|labels)[-._]?idx\d/i.exec(
    baseName(first),
  );
  if (idx !== null) return idx[1] || 'images';
  return baseName(first).replace(/(\.[A-Za-z]\w*){1,2}$/, '') || first;
}
