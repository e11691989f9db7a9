/**
 * A column of a table while it is read: numbers as long as all cells are numbers, categories as soon as one is text. One
 * pass over the file is enough that way. Texts that a number does not give back (`1.10`, `+3`) are kept until then, so
 * that categories are the texts of the file in whatever order its rows come.
 */
import { checkLimit, type ImportContext } from './limits.ts';

export type Cell = string | number | null;

/** Texts that stand for a missing value, in lower case. */
const missing = new Set(['', 'na', 'n/a', 'nan', 'null', 'none', '?', '-']);
const numberPattern = /^[+-]?(?:(?:0|[1-9]\d*)(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/;
const infinityPattern = /^[+-]?inf(?:inity)?$/i;

/** The number that a text is; null where it is none. `007` is a text: such numbers are names. */
export function numberOf(text: string): number | null {
  if (numberPattern.test(text)) return Number(text);
  if (infinityPattern.test(text)) return text.startsWith('-') ? -Infinity : Infinity;
  return null;
}

export function isMissing(text: string): boolean {
  return missing.has(text.toLowerCase());
}

export type ColumnType = 'number' | 'category';

export class ColumnStore {
  readonly name: string;
  /** Whether the column is used; one with too many texts is left out unless it is the target. */
  leftOut: string | null = null;
  readonly #context: ImportContext;
  readonly #file: string;
  readonly #categoryLimit: number;
  readonly #forced: ColumnType | null;
  #values: Float64Array;
  #count = 0;
  /** Null while the column holds numbers. */
  #texts: Map<string, number> | null = null;
  readonly #spellings: Spellings;

  /** @param isTarget a target may have as many classes as `limits.classes` */
  constructor(
    name: string,
    file: string,
    isTarget: boolean,
    forced: ColumnType | null,
    context: ImportContext,
  ) {
    this.name = name;
    this.#file = file;
    this.#context = context;
    this.#categoryLimit = isTarget ? context.limits.classes : context.limits.categories;
    this.#forced = forced;
    this.#values = new Float64Array(64);
    this.#spellings = new Spellings(this.#categoryLimit);
    if (forced === 'category') this.#texts = new Map();
  }

  get count(): number {
    return this.#count;
  }

  get type(): ColumnType {
    return this.#texts === null ? 'number' : 'category';
  }

  /** Missing cells are NaN. */
  add(cell: Cell): void {
    if (this.leftOut !== null) {
      this.#count += 1;
      return;
    }
    if (this.#count === this.#values.length) this.#grow();
    this.#values[this.#count] = this.#code(cell);
    this.#count += 1;
  }

  /** The numbers, NaN where missing; of a category the index into `texts`. */
  values(): Float64Array {
    return this.#values.subarray(0, this.#count);
  }

  /** The different texts in the order of their first rows; empty for numbers. */
  texts(): string[] {
    return this.#texts === null ? [] : [...this.#texts.keys()];
  }

  #code(cell: Cell): number {
    if (cell === null) return NaN;
    if (typeof cell === 'number' && this.#texts === null) return cell;
    const text = String(cell).trim();
    if (isMissing(text)) return NaN;
    if (this.#texts === null) {
      const number = numberOf(text);
      // Not a number where one is demanded: the row cannot be used, like one whose cell is empty.
      if (number !== null || this.#forced === 'number') {
        if (this.#forced === null) this.#spellings.add(this.#count, text, number!);
        return number ?? NaN;
      }
      this.#becomeCategory();
    }
    return this.leftOut === null ? this.#textCode(text) : NaN;
  }

  #textCode(text: string): number {
    const texts = this.#texts!;
    const known = texts.get(text);
    if (known !== undefined) return known;
    if (texts.size >= this.#categoryLimit) {
      this.#leaveOut();
      return NaN;
    }
    texts.set(text, texts.size);
    return texts.size - 1;
  }

  #becomeCategory(): void {
    this.#texts = new Map();
    if (this.#spellings.areTooMany) this.#leaveOut();
    for (let i = 0; i < this.#count && this.leftOut === null; i += 1) {
      const value = this.#values[i]!;
      if (!Number.isNaN(value)) this.#values[i] = this.#textCode(this.#spellings.of(i) ?? String(value));
    }
    this.#spellings.clear();
  }

  #leaveOut(): void {
    this.leftOut = `has more than ${this.#categoryLimit} different texts`;
    this.#values = new Float64Array(0);
    this.#texts?.clear();
  }

  #grow(): void {
    const length = 2 * this.#values.length;
    checkLimit(this.#file, `column "${this.name}"`, 8 * length, this.#context.limits.bytes, 'bytes');
    const grown = new Float64Array(length);
    grown.set(this.#values);
    this.#values = grown;
  }
}

/** Texts of numbers that are written otherwise than the lab writes them, by row; no more different ones than a limit. */
class Spellings {
  /** Whether there were more than the limit: the column can be no category any more. */
  areTooMany = false;
  readonly #limit: number;
  #texts: string[] = [];
  readonly #places = new Map<string, number>();
  /** By row the place among the texts plus one, 0 where the number gives its text back. */
  #codes = new Uint32Array(0);

  constructor(limit: number) {
    this.#limit = limit;
  }

  add(row: number, text: string, value: number): void {
    if (this.areTooMany || text === String(value)) return;
    let code = this.#places.get(text);
    if (code === undefined) {
      if (this.#texts.length === this.#limit) {
        this.areTooMany = true;
        this.clear();
        return;
      }
      code = this.#texts.push(text);
      this.#places.set(text, code);
    }
    if (row >= this.#codes.length) {
      const grown = new Uint32Array(Math.max(64, 2 * row));
      grown.set(this.#codes);
      this.#codes = grown;
    }
    this.#codes[row] = code;
  }

  /** The text of a row; undefined where its number gives it back. */
  of(row: number): string | undefined {
    const code = this.#codes[row] ?? 0;
    return code === 0 ? undefined : this.#texts[code - 1];
  }

  clear(): void {
    this.#texts = [];
    this.#places.clear();
    this.#codes = new Uint32Array(0);
  }
}
