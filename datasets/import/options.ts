/** Which choices each format knows. One that a format does not know is refused: left alone it would be thought heard. */
import type { ImportFormat } from '../../contract/datasets.ts';
import type { ByteSource } from './byte-source.ts';
import type { CsvOptions } from './formats/csv.ts';
import { fault } from './limits.ts';

export interface ImportOptions extends CsvOptions {
  /** Default: the name of the file or folder. */
  name?: string | undefined;
  /** Default: found out by the first bytes and the name. */
  format?: ImportFormat | undefined;
  /** The file of labels that belongs to a file of inputs (IDX, NPY). */
  labels?: ByteSource | undefined;
}

export type Choice = Exclude<keyof ImportOptions, 'name' | 'format'>;

const words: Readonly<Record<Choice, string>> = {
  labels: 'a file of labels (--labels)',
  target: 'a target (--target)',
  task: 'a task (--task)',
  types: 'types of columns (--types)',
  imageShape: 'a shape of images (--image)',
  header: 'a header (--header)',
  separator: 'a separator (--separator)',
  decimal: 'a decimal mark (--decimal)',
};
const choices = Object.keys(words) as Choice[];

const ofTables: readonly Choice[] = ['target', 'task', 'types', 'imageShape'];
const known: Readonly<Record<ImportFormat, readonly Choice[]>> = {
  idx: ['labels'],
  cifar: ['target'],
  npy: ['labels', 'target', 'task'],
  npz: ['target', 'task'],
  images: [],
  csv: [...ofTables, 'header', 'separator', 'decimal'],
  'json-lines': ofTables,
  parquet: ofTables,
  smiles: ['target', 'task', 'separator'],
  sdf: ['target', 'task'],
  'graph-json': ['target', 'task'],
  text: [],
  safetensors: ['target', 'task'],
};
/** Formats that hold classes and nothing else: to ask for those is to ask for what they are. */
const ofClasses: readonly ImportFormat[] = ['idx', 'cifar', 'images'];

/** Whether a format knows a choice. */
export function takesChoice(format: ImportFormat, choice: Choice): boolean {
  return known[format].includes(choice);
}

/** Throws `KronlabError` (`invalid`) that names a choice which the format does not know, and those that it knows. */
export function checkOptions(file: string, format: ImportFormat, options: ImportOptions): void {
  const strange = choices.find((choice) => {
    const value = options[choice];
    if (value === undefined || takesChoice(format, choice)) return false;
    if (choice === 'types' && Object.keys(options.types ?? {}).length === 0) return false;
    return !(choice === 'task' && value === 'classification' && ofClasses.includes(format));
  });
  if (strange === undefined) return;
  const takes = known[format].map((choice) => words[choice]).join(', ');
  throw fault(
    strange === 'labels' ? (options.labels?.name ?? file) : file,
    null,
    `${words[strange]} does not go with ${format}`,
    `${format} takes ${takes === '' ? 'no such choice' : takes}; leave the other out, or choose another format`,
  );
}
