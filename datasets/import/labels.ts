/** Class labels as a file gives them, numbers or words, to indices into a list of classes: one rule for all formats. */
import { checkLimit, fault, type ImportLimits } from './limits.ts';

export type RawLabels = ArrayLike<number> | readonly string[];

export interface EncodedLabels {
  /** `[N]`, below `classes.length` */
  labels: Uint32Array;
  classes: string[];
}

/**
 * The classes are the different values that occur: in numeric order if all are numbers, else by their characters.
 * `names`, where the format has them, replace the values, which are then indices into it.
 */
export function encodeLabels(
  raw: RawLabels,
  file: string,
  limits: ImportLimits,
  names: readonly string[] | null = null,
): EncodedLabels {
  const seen = new Map<number | string, number>();
  for (let i = 0; i < raw.length; i += 1) {
    if (seen.has(raw[i]!)) continue;
    seen.set(raw[i]!, 0);
    checkLimit(file, null, seen.size, limits.classes, 'different labels');
  }
  const values = [...seen.keys()].sort(inOrder([...seen.keys()].every((value) => isNumber(value))));
  values.forEach((value, index) => seen.set(value, index));
  const labels = new Uint32Array(raw.length);
  for (let i = 0; i < raw.length; i += 1) labels[i] = seen.get(raw[i]!)!;
  return { labels, classes: values.map((value) => names?.[Number(value)] ?? String(value)) };
}

/** Throws where two files that belong together hold different numbers of examples. */
export function checkCounts(inputsFile: string, inputs: number, labelsFile: string, labels: number): void {
  if (inputs === labels) return;
  throw fault(
    labelsFile,
    null,
    `holds ${labels} labels, but ${inputsFile} holds ${inputs} examples`,
    'give the two files that belong together',
  );
}

function isNumber(value: number | string): boolean {
  return typeof value === 'number' || (value.trim() !== '' && Number.isFinite(Number(value)));
}

function inOrder(numeric: boolean): (a: number | string, b: number | string) => number {
  const byCharacters = (a: number | string, b: number | string) => (String(a) < String(b) ? -1 : 1);
  return numeric ? (a, b) => Number(a) - Number(b) || byCharacters(a, b) : byCharacters;
}
