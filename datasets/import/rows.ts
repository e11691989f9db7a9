/** Objects (a line of JSON, a row of Parquet) as cells of flat columns: lists of numbers become numbered columns. */
import type { Cell } from './columns.ts';
import { checkLimit, fault, type ImportContext } from './limits.ts';
import { TableBuilder, type TableOptions } from './table.ts';
import type { TensorDataset } from '../tensor-dataset.ts';

/** Collects objects into a table whose columns are those of the first. */
export class ObjectRows {
  readonly #file: string;
  readonly #options: TableOptions;
  readonly #context: ImportContext;
  #columns = new Set<string>();
  #table: TableBuilder | null = null;

  constructor(file: string, options: TableOptions, context: ImportContext) {
    this.#file = file;
    this.#options = options;
    this.#context = context;
  }

  /** @param place number of the line or row, from 1 */
  add(row: unknown, place: number): void {
    const cells = new Map<string, Cell>();
    const wrong = flatten(row, '', cells, this.#context.limits.columns, 0);
    if (this.#table === null) {
      if (wrong !== null)
        throw fault(this.#file, `row ${place}`, wrong, 'use numbers, texts and lists of numbers');
      if (cells.size === 0)
        throw fault(this.#file, `row ${place}`, 'has no fields', 'give each row its inputs and a target');
      this.#columns = new Set(cells.keys());
      this.#table = new TableBuilder(this.#file, [...this.#columns], this.#options, this.#context);
    }
    const strange = [...cells.keys()].find((name) => !this.#columns.has(name));
    const reason =
      wrong ?? (strange === undefined ? null : `has a field "${strange}" that the first row has not`);
    if (reason !== null) this.skip(reason, place);
    else
      this.#table.add(
        Array.from(this.#columns, (name) => cells.get(name) ?? null),
        place,
      );
  }

  /** Notes a row that could not be read at all. Throws where it is the first. */
  skip(reason: string, place: number): void {
    if (this.#table === null)
      throw fault(this.#file, `row ${place}`, reason, 'choose another format or mend it');
    checkLimit(this.#file, `row ${place}`, place, this.#context.limits.examples, 'rows');
    this.#table.skips.add(reason, `${this.#file}, row ${place}`);
  }

  /** Throws `KronlabError` (`invalid`) where there was no row. */
  finish(name: string): TensorDataset {
    if (this.#table === null)
      throw fault(this.#file, null, 'holds no rows', 'choose a file with at least one');
    return this.#table.finish(name);
  }
}

const deepest = 8;

/** Fills `cells`; answers what is wrong with the row, or null. */
function flatten(
  value: unknown,
  name: string,
  cells: Map<string, Cell>,
  most: number,
  depth: number,
): string | null {
  if (depth > deepest) return `is nested more than ${deepest} deep`;
  if (cells.size > most) return `has more than ${most} fields`;
  if (typeof value === 'object' && value !== null && !(value instanceof Date)) {
    if (ArrayBuffer.isView(value) && !(value instanceof Uint8Array || value instanceof Float32Array))
      return `field "${name}" holds bytes`;
    const isList = Array.isArray(value) || ArrayBuffer.isView(value);
    const entries = isList ? Array.from(value as ArrayLike<unknown>).entries() : Object.entries(value);
    for (const [key, inner] of entries) {
      const below =
        name === '' ? (isList ? `x${key}` : String(key)) : isList ? `${name}${key}` : `${name}.${key}`;
      const wrong = flatten(inner, below, cells, most, depth + 1);
      if (wrong !== null) return wrong;
    }
    return null;
  }
  if (name === '') return 'is no object or list';
  if (cells.has(name)) return `has the field "${name}" twice`;
  cells.set(name, cellOf(value));
  return null;
}

function cellOf(value: unknown): Cell {
  if (value === null || value === undefined) return null;
  if (typeof value === 'number') return value;
  if (typeof value === 'bigint') return Number(value);
  if (value instanceof Date) return value.getTime();
  return typeof value === 'string' || typeof value === 'boolean' ? String(value) : null;
}
