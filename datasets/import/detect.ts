/** What format files are of: by their first bytes where a format has a magic number, else by their names. */
import { importFormats, type ImportFormat } from '../../contract/datasets.ts';
import { baseName, type ByteSource } from './byte-source.ts';
import { firstBytes } from './byte-stream.ts';
import { cifarClasses, findCifar } from './formats/cifar.ts';
import { guessSeparator } from './formats/csv.ts';
import { isImageName } from './formats/image-folder.ts';
import { smilesColumn } from './formats/smiles.ts';
import { fault, type ImportContext } from './limits.ts';

const byExtension = new Map<string, ImportFormat>([
  ['npy', 'npy'],
  ['npz', 'npz'],
  ['csv', 'csv'],
  ['tsv', 'csv'],
  ['tab', 'csv'],
  ['jsonl', 'json-lines'],
  ['ndjson', 'json-lines'],
  ['parquet', 'parquet'],
  ['smi', 'smiles'],
  ['smiles', 'smiles'],
  ['sdf', 'sdf'],
  ['sd', 'sdf'],
  ['mol', 'sdf'],
  ['json', 'graph-json'],
  ['txt', 'text'],
  ['md', 'text'],
  ['safetensors', 'safetensors'],
]);
/** Element types of IDX, the third byte of its files. */
const idxTypes = [0x08, 0x09, 0x0b, 0x0c, 0x0d, 0x0e];
/** Files that are looked into to see whether they are IDX under other names. */
const mostPeeked = 8;
const headBytes = 1 << 12;

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
  const formats = new Set(names.map((name) => byExtension.get(extensionOf(name))));
  const [only] = formats;
  if (formats.size === 1 && (only === 'npy' || only === 'text')) return only;
  if (sources.length <= mostPeeked && (await areAllIdx(sources, context))) return 'idx';
  throw fault(
    first.name,
    null,
    `is one of ${sources.length} files that are no data set together`,
    'give one file, or a folder with an IDX or CIFAR set, images by class, NPY arrays or texts',
  );
}

async function detectFile(source: ByteSource, context: ImportContext): Promise<ImportFormat> {
  const head = await firstBytes(source, headBytes, context);
  const starts = (...bytes: number[]) => bytes.every((byte, i) => head[i] === byte);
  const extension = extensionOf(source.name);
  const named = byExtension.get(extension);
  if (starts(0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59)) return 'npy';
  if (starts(0x50, 0x4b, 0x03, 0x04)) return 'npz';
  if (starts(0x50, 0x41, 0x52, 0x31)) return 'parquet';
  if (named === 'csv') return namesSmiles(head) ? 'smiles' : 'csv';
  if (named !== undefined) return named;
  if (isIdx(head)) return 'idx';
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

async function areAllIdx(sources: readonly ByteSource[], context: ImportContext): Promise<boolean> {
  for (const source of sources) if (!isIdx(await firstBytes(source, headBytes, context))) return false;
  return true;
}

/** In either byte order: the reader says which is right. */
function isIdx([first, second, third, fourth]: Uint8Array): boolean {
  const isMagic = (rank = 0, type = 0) => rank >= 1 && rank <= 4 && idxTypes.includes(type);
  return (
    (first === 0 && second === 0 && isMagic(fourth, third)) ||
    (third === 0 && fourth === 0 && isMagic(first, second))
  );
}

function namesSmiles(head: Uint8Array): boolean {
  const line = new TextDecoder().decode(head).split(/[\r\n]/)[0] ?? '';
  const cells = line.replace(/^\ufeff/, '').split(guessSeparator(line));
  return smilesColumn(cells.map((cell) => cell.replaceAll('"', ''))) !== -1;
}

function extensionOf(name: string): string {
  return /\.([A-Za-z]\w*)(?:\.gz)?$/i.exec(baseName(name))?.[1]?.toLowerCase() ?? '';
}
