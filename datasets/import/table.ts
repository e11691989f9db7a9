/** Rows of cells, from whatever format, to a data set: types by column, one column per category, a target, a report. */
import type { TargetTask } from '../../contract/data-kinds.ts';
import { type Column, type TensorDataset } from '../tensor-dataset.ts';
import { Answers, cellProblem } from './answers.ts';
import { assemble } from './assemble.ts';
import { ColumnStore, type Cell, type ColumnType } from './columns.ts';
import { checkLimit, fault, type ImportContext } from './limits.ts';
import { Skips } from './skips.ts';
import { chooseTargets, type AskedTarget } from './targets.ts';

export interface TableOptions {
  /** The columns to predict; default: one called target, label, class or y, else the last. */
  target?: AskedTarget | undefined;
  /** Default: texts and small whole numbers are classes, other numbers are regressed; several columns are labels. */
  task?: TargetTask | undefined;
  /** Types of columns that are not to be guessed; `ignore` leaves one out. */
  types?: Readonly<Record<string, ColumnType | 'ignore'>> | undefined;
  /** Reads the inputs as images `[C, H, W]`. */
  imageShape?: readonly [number, number, number] | undefined;
}

export class TableBuilder {
  readonly skips = new Skips();
  readonly #file: string;
  readonly #options: TableOptions;
  readonly #context: ImportContext;
  readonly #columns: ColumnStore[];
  readonly #used: boolean[];
  readonly #answers: Answers;
  /** Places of the targets among the columns. */
  readonly #targets: readonly number[];
  #places = new Uint32Array(64);
  #rows = 0;

  /** Throws `KronlabError` (`invalid`) where a column is there twice or the target is none of them. */
  constructor(file: string, columns: readonly string[], options: TableOptions, context: ImportContext) {
    checkLimit(file, null, columns.length, context.limits.columns, 'columns');
    const twice = firstRepeat(columns);
    if (twice !== -1) {
      throw fault(
        file,
        `column ${twice + 1}`,
        `"${columns[twice]!}" is there twice, first as column ${columns.indexOf(columns[twice]!) + 1}`,
        'rename or remove one of the two',
      );
    }
    const unknown = Object.keys(options.types ?? {}).find((name) => !columns.includes(name));
    if (unknown !== undefined)
      throw fault(
        file,
        null,
        `has no column "${unknown}"`,
        `its columns are ${columns.slice(0, 30).join(', ')}`,
      );
    this.#file = file;
    this.#options = options;
    this.#context = context;
    const types = new Map(Object.entries(options.types ?? {}));
    const isKept = (name: string) => types.get(name) !== 'ignore';
    const targets = chooseTargets(
      file,
      options.target === undefined ? columns.filter(isKept) : columns,
      options.target,
    );
    context.observer?.columns(columns, targets);
    const ignored = targets.find((name) => !isKept(name));
    if (ignored !== undefined)
      throw fault(
        file,
        `column "${ignored}"`,
        'is to be predicted and to be ignored',
        'choose another target or another type',
      );
    this.#targets = targets.map((name) => columns.indexOf(name));
    const typeOf = (name: string): ColumnType | null => {
      const forced = types.get(name);
      return forced === 'ignore' ? null : (forced ?? null);
    };
    this.#answers = new Answers(file, targets, options.task, context, typeOf);
    this.#used = columns.map((name, i) => !this.#targets.includes(i) && isKept(name));
    this.#columns = columns.map((name) => new ColumnStore(name, file, false, typeOf(name), context));
  }

  /** @param place number of the line or row, from 1 */
  add(cells: readonly Cell[], place: number): void {
    this.#context.observer?.row(cells);
    if (cells.length !== this.#columns.length) {
      checkLimit(this.#file, `row ${place}`, place, this.#context.limits.examples, 'rows');
      this.skips.add(
        `has ${cells.length} cells where there are ${this.#columns.length} columns`,
        `${this.#file}, row ${place}`,
      );
      return;
    }
    if (this.#rows === this.#places.length) {
      checkLimit(this.#file, `row ${place}`, this.#rows + 1, this.#context.limits.examples, 'rows');
      // Eight bytes a number, and four for the way it is written; buffers double.
      const bytes = 12 * 2 * this.#rows * this.#columns.filter((column) => column.leftOut === null).length;
      checkLimit(this.#file, `row ${place}`, bytes, this.#context.limits.bytes, 'bytes of cells');
      const grown = new Uint32Array(2 * this.#places.length);
      grown.set(this.#places);
      this.#places = grown;
    }
    this.#places[this.#rows] = place;
    this.#rows += 1;
    for (let i = 0; i < cells.length; i += 1) if (this.#used[i]) this.#columns[i]!.add(cells[i]!);
    this.#answers.add(
      this.#targets.map((i) => cells[i]!),
      place,
    );
  }

  /** The data set. Throws `KronlabError` (`invalid`) where no row or no input is left. */
  finish(name: string): TensorDataset {
    const inputs = this.#columns.filter((column, i) => this.#used[i] && column.leftOut === null);
    this.#answers.decide();
    const rows = this.#usableRows(inputs);
    const { columns, values } = this.#encode(inputs, rows);
    if (columns.length === 0)
      throw fault(this.#file, null, 'has no input column beside the target', 'choose another target');
    const size = columns.length;
    const shape = this.#options.imageShape ?? [size];
    if (shape.reduce((a, b) => a * b) !== size) {
      throw fault(
        this.#file,
        null,
        `has ${size} input columns; images of ${shape.join(' x ')} need ${shape.reduce((a, b) => a * b)}`,
        'give another shape, or none',
      );
    }
    const isTable = this.#options.imageShape === undefined;
    const dataset = assemble(
      {
        name,
        kind: isTable ? 'table' : 'images',
        shape,
        parts: [
          {
            split: null,
            file: this.#file,
            count: rows.length,
            inputs: values,
            ...this.#answers.of(rows),
          },
        ],
        columns: isTable ? columns : [],
        targetNames: this.#answers.names,
        skips: this.skips,
      },
      this.#context.limits,
    );
    const leftOut = this.#columns.flatMap((column, i) => {
      if (!this.#used[i] && !this.#targets.includes(i))
        return [{ name: column.name, reason: 'was to be ignored' }];
      return column.leftOut === null ? [] : [{ name: column.name, reason: column.leftOut }];
    });
    return leftOut.length === 0 ? dataset : { ...dataset, skipped: { ...dataset.skipped, columns: leftOut } };
  }

  /** Rows whose used cells are all there and finite; the others are reported. */
  #usableRows(inputs: readonly ColumnStore[]): number[] {
    const values = inputs.map((column) => column.values());
    const rows: number[] = [];
    for (let row = 0; row < this.#rows; row += 1) {
      const bad = values.findIndex((column) => !Number.isFinite(Math.fround(column[row]!)));
      const problem =
        bad === -1 ? this.#answers.problem(row) : cellProblem(inputs[bad]!.name, values[bad]![row]!);
      if (problem === null) rows.push(row);
      else this.skips.add(problem, `${this.#file}, row ${this.#places[row]!}`);
    }
    return rows;
  }

  /** `[rows, D]`: a number column as it is, a category as one column of 0 and 1 for each of its texts, in order. */
  #encode(inputs: readonly ColumnStore[], rows: readonly number[]) {
    const columns: Column[] = [];
    const starts: number[] = [];
    const places: (Map<number, number> | null)[] = [];
    for (const column of inputs) {
      starts.push(columns.length);
      if (column.type === 'number') {
        columns.push({ name: column.name, type: 'number' });
        places.push(null);
        continue;
      }
      const texts = column.texts();
      const sorted = texts.toSorted();
      places.push(new Map(texts.map((text, code) => [code, sorted.indexOf(text)])));
      for (const value of sorted) columns.push({ name: column.name, type: 'category', value });
    }
    const size = columns.length;
    checkLimit(this.#file, null, size, this.#context.limits.columns, 'input columns');
    checkLimit(this.#file, null, 4 * size * rows.length, this.#context.limits.bytes, 'bytes of inputs');
    const values = new Float32Array(rows.length * size);
    inputs.forEach((column, index) => {
      const cells = column.values();
      const place = places[index];
      const start = starts[index]!;
      rows.forEach((row, at) => {
        const cell = cells[row]!;
        if (place === null || place === undefined) values[at * size + start] = cell;
        else values[at * size + start + place.get(cell)!] = 1;
      });
    });
    return { columns, values };
  }
}

/** Where a name comes for the second time, or -1. */
function firstRepeat(names: readonly string[]): number {
  const seen = new Set<string>();
  return names.findIndex((name) => seen.size === seen.add(name).size);
}
