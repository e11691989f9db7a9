/**
 * Labels of which an example has any number: columns of 0 and 1 with gaps where nobody knows, from cells of a table or
 * from an array. Other values are errors, not gaps: a 2 among labels says that the wrong column was chosen.
 */
import { missingLabel } from '../tensor-dataset.ts';
import { isMissing, numberOf, type Cell } from './columns.ts';
import { checkLimit, fault, type ImportContext } from './limits.ts';

const words = new Map([
  ['false', 0],
  ['true', 1],
]);

/** The mark of a cell: 0, 1 or `missingLabel`; null where it is no label. */
function markOf(cell: Cell): number | null {
  if (cell === null) return missingLabel;
  if (typeof cell === 'string') {
    const text = cell.trim();
    if (isMissing(text)) return missingLabel;
    return words.get(text.toLowerCase()) ?? markOfNumber(numberOf(text));
  }
  return Number.isNaN(cell) ? missingLabel : markOfNumber(cell);
}

function markOfNumber(value: number | null): number | null {
  return value === 0 || value === 1 ? value : null;
}

/** Label columns of a table while it is read. */
export class LabelColumns {
  readonly #file: string;
  readonly #names: readonly string[];
  readonly #context: ImportContext;
  #marks: Uint8Array;
  #count = 0;

  constructor(file: string, names: readonly string[], context: ImportContext) {
    this.#file = file;
    this.#names = names;
    this.#context = context;
    this.#marks = new Uint8Array(64 * names.length);
  }

  /** Throws `KronlabError` (`invalid`) naming row and column of a cell that is no label. */
  add(cells: readonly Cell[], place: number): void {
    const width = this.#names.length;
    const start = this.#count * width;
    if (start === this.#marks.length) this.#grow(place);
    for (let i = 0; i < width; i += 1) {
      const cell = cells[i] ?? null;
      const mark = markOf(cell);
      if (mark === null) {
        throw fault(
          this.#file,
          `row ${place}, column "${this.#names[i]!}"`,
          `"${String(cell).slice(0, 40)}" is no label`,
          'labels are 0 or 1, and empty where they are not known; mend the cell, choose other columns, or predict ' +
            'numbers with the task regression',
        );
      }
      this.#marks[start + i] = mark;
    }
    this.#count += 1;
  }

  /** Whether nobody knows any label of a row. */
  isEmpty(row: number): boolean {
    return isUnknown(this.#marks, row, this.#names.length);
  }

  /** `[rows, L]` of the chosen rows. */
  marks(rows: readonly number[]): Uint8Array<ArrayBuffer> {
    const width = this.#names.length;
    const taken = new Uint8Array(rows.length * width);
    rows.forEach((row, at) => taken.set(this.#marks.subarray(row * width, (row + 1) * width), at * width));
    return taken;
  }

  #grow(place: number): void {
    const length = 2 * this.#marks.length;
    checkLimit(this.#file, `row ${place}`, length, this.#context.limits.bytes, 'bytes of labels');
    const grown = new Uint8Array(length);
    grown.set(this.#marks);
    this.#marks = grown;
  }
}

/** Whether an array `[N, L]` can be nothing but labels: 0, 1 and gaps, written as NaN or, beside zeros, as -1. */
export function looksLikeLabels(values: ArrayLike<number>): boolean {
  let [hasZero, hasGap] = [false, false];
  for (let i = 0; i < values.length; i += 1) {
    const value = values[i]!;
    if (value === 0) hasZero = true;
    else if (value === -1) hasGap = true;
    else if (value !== 1 && !Number.isNaN(value)) return false;
  }
  return hasZero || !hasGap;
}

/**
 * Marks of an array `[N, L]` of 0, 1 and NaN or -1 for what is not known. Throws `KronlabError` (`invalid`) naming the
 * first value that is none of these, and where -1 seems to mean "has it not".
 */
export function marksOfArray(
  place: string,
  values: ArrayLike<number>,
  labels: number,
): Uint8Array<ArrayBuffer> {
  const marks = new Uint8Array(values.length);
  for (let i = 0; i < values.length; i += 1) {
    const value = values[i]!;
    const mark = Number.isNaN(value) || value === -1 ? missingLabel : markOfNumber(value);
    if (mark === null) {
      throw fault(
        place,
        `row ${Math.floor(i / labels) + 1}, column ${(i % labels) + 1}`,
        `${value} is no label`,
        'labels are 0 or 1, and NaN or -1 where they are not known; choose another array, or the task regression',
      );
    }
    marks[i] = mark;
  }
  if (!looksLikeLabels(values)) {
    throw fault(
      place,
      null,
      'holds -1 and 1 but no 0',
      'write 0 for a label that an example has not; -1 says that nobody knows',
    );
  }
  return marks;
}

/** Whether all labels of a row `[.., L]` are missing. */
export function isUnknown(marks: Uint8Array, row: number, labels: number): boolean {
  for (let i = row * labels; i < (row + 1) * labels; i += 1) if (marks[i] !== missingLabel) return false;
  return true;
}

/** Throws where a label is not known of any example. */
export function requireKnown(file: string, names: readonly string[], marks: Uint8Array): void {
  const known = new Uint8Array(names.length);
  marks.forEach((mark, i) => {
    if (mark !== missingLabel) known[i % names.length] = 1;
  });
  const unknown = known.indexOf(0);
  if (unknown === -1) return;
  throw fault(
    file,
    `column "${names[unknown]!}"`,
    'is empty in every example that can be used',
    'choose columns of 0 and 1',
  );
}
