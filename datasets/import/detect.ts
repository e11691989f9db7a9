/** What format files are of: by their first bytes where a format has a magic number, else by their names. */
import { importFormats, type ImportFormat } from '../../contract/datasets.ts';
import { baseName, type ByteSource } from './byte-source.ts';
import { openStream, SequentialReader } from './byte-stream.ts';
import { cifarClasses, findCifar } from './formats/cifar.ts';
import { guessSeparator } from './formats/csv.ts';
import { isImageName } from './formats/image-folder.ts';
import { smilesColumn } from './formats/smiles.ts';
import { fault, type ImportContext } from './limits.ts';

const byExtension: Readonly<Record<string, ImportFormat>> = {
  npy: 'npy',
  npz: 'npz',
  csv: 'csv',
  tsv: 'csv',
  tab: 'csv',
  jsonl: 'json-lines',
  ndjson: 'json-lines',
  parquet: 'parquet',
  smi: 'smiles',
  smiles: 'smiles',
  sdf: 'sdf',
  sd: 'sdf',
  mol: 'sdf',
  json: 'graph-json',
  txt: 'text',
  md: 'text',
  safetensors: 'safetensors',
};

/**
 * The format of one file, or of a folder's files together. Throws `KronlabError` (`invalid`) that lists the known ones
 * where nothing tells.
 */
export async function detect(sources: readonly ByteSource[], context: ImportContext): Promise<ImportFormat> {
  const [first] = sources;
  if (first === undefined) throw fault('the folder', null, 'holds no files', 'choose another one');
  if (sources.length === 1) return detectFile(first, context);
  const names = sources.map((source) => baseName(source.name));
  if (names.some((name) => /images?[-._]?idx\d/i.test(name))) return 'idx';
  if (findCifar(sources) !== null) return 'cifar';
  if (sources.some((source) => isImageName(source.name))) return 'images';
  const formats = new Set(names.map((name) => byExtension[extensionOf(name)]));
  const [only] = formats;
  if (formats.size === 1 && (only === 'npy' || only === 'text')) return only;
  throw fault(
    first.name,
    null,
    `is one of ${sources.length} files that are no data set together`,
    'give one file, or a folder with an IDX or CIFAR set, images by class, NPY arrays or texts',
  );
}

async function detectFile(source: ByteSource, context: ImportContext): Promise<ImportFormat> {
  const head = await firstBytes(source, context);
  const starts = (...bytes: number[]) => bytes.every((byte, i) => head[i] === byte);
  const extension = extensionOf(source.name);
  const named = byExtension[extension];
  if (starts(0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59)) return 'npy';
  if (starts(0x50, 0x4b, 0x03, 0x04)) return 'npz';
  if (starts(0x50, 0x41, 0x52, 0x31)) return 'parquet';
  if (named === 'csv') return namesSmiles(head) ? 'smiles' : 'csv';
  if (named !== undefined) return named;
  if (starts(0, 0) && head.length >= 8 && head[3]! >= 1 && head[3]! <= 4) return 'idx';
  if (/^\{\s*"/.test(new TextDecoder('latin1').decode(head.subarray(8)))) return 'safetensors';
  if (isImageName(source.name)) return 'images';
  if (findCifar([source]) !== null || (extension === 'bin' && cifarClasses(source.size) !== null))
    return 'cifar';
  throw fault(
    source.name,
    null,
    'is of no format that its name or first bytes tell',
    `name the format (--format): ${importFormats.join(', ')}`,
  );
}

async function firstBytes(source: ByteSource, context: ImportContext): Promise<Uint8Array> {
  const reader = new SequentialReader(await openStream(source, { ...context, onProgress: () => undefined }));
  try {
    return (await reader.takeUpTo(1 << 12)) ?? new Uint8Array(0);
  } finally {
    await reader.close();
  }
}

function namesSmiles(head: Uint8Array): boolean {
  const line = new TextDecoder().decode(head).split(/\r?\n/)[0] ?? '';
  const cells = line.replace(/^\ufeff/, '').split(guessSeparator(line));
  return smilesColumn(cells.map((cell) => cell.replaceAll('"', ''))) !== -1;
}

function extensionOf(name: string): string {
  return /\.([A-Za-z]\w*)(?:\.gz)?$/i.exec(baseName(name))?.[1]?.toLowerCase() ?? '';
}
