/**
 * CSV and TSV: RFC 4180 with what files in the wild add to it (semicolons, tabs, bars, either line end, a byte order
 * mark, blank lines, no header). Read as a stream, so that a file need not fit into memory as text.
 */
import type { TensorDataset } from '../../tensor-dataset.ts';
import { isMissing, numberOf } from '../columns.ts';
import { openStream, type ByteStream } from '../byte-stream.ts';
import type { ByteSource } from '../byte-source.ts';
import { checkLimit, fault, type ImportContext, type ImportLimits } from '../limits.ts';
import { TableBuilder, type TableOptions } from '../table.ts';
import { textPieces } from '../text-stream.ts';

export interface CsvOptions extends TableOptions {
  /** Default: the one of `,` `;` tab and `|` that the first line holds most of. */
  separator?: string | undefined;
  /** Whether the first row holds names. Default: when none of its cells is a number. */
  header?: boolean | undefined;
}

export interface CsvRow {
  cells: string[];
  /** The line it begins on, from 1. */
  line: number;
}

/** Reads a table. Throws `KronlabError` (`invalid`) naming file, line and remedy. */
export async function readCsv(
  source: ByteSource,
  options: CsvOptions,
  name: string,
  context: ImportContext,
): Promise<TensorDataset> {
  const stream = await openStream(source, context);
  let table: TableBuilder | null = null;
  for await (const { cells, line } of csvRows(stream, options.separator, context.limits)) {
    if (table !== null) {
      table.add(cells, line);
      continue;
    }
    const header = options.header ?? isHeader(cells);
    const columns = header ? headerNames(cells) : cells.map((_, i) => `x${i}`);
    table = new TableBuilder(source.name, columns, options, context);
    if (!header) table.add(cells, line);
  }
  if (table === null) throw fault(source.name, null, 'is empty', 'choose a file with at least one row');
  return table.finish(name);
}

/** Whether the first row is one of names: none of its cells is a number. */
export function isHeader(cells: readonly string[]): boolean {
  return (
    cells.every((cell) => numberOf(cell.trim()) === null) && !cells.every((cell) => isMissing(cell.trim()))
  );
}

/** Names of columns; one without a name is called by its place. */
export function headerNames(cells: readonly string[]): string[] {
  return cells.map((cell, i) => cell.trim() || `column ${i + 1}`);
}

/** The rows in order, blank lines left out. Throws on a quote that never ends and on rows beyond the limits. */
export async function* csvRows(
  stream: ByteStream,
  separator: string | undefined,
  limits: ImportLimits,
): AsyncGenerator<CsvRow> {
  let parser: RowParser | null = null;
  let start = '';
  for await (const piece of textPieces(stream)) {
    if (parser === null) {
      start += piece;
      if (separator === undefined && !start.includes('\n') && start.length < limits.cell) continue;
      parser = new RowParser(stream.name, separator ?? guessSeparator(start), limits);
      yield* parser.push(start);
    } else yield* parser.push(piece);
  }
  if (parser === null) {
    parser = new RowParser(stream.name, separator ?? guessSeparator(start), limits);
    yield* parser.push(start);
  }
  yield* parser.end();
}

/** The likeliest separator by the first line, outside of quotes; a comma where there is none. */
export function guessSeparator(text: string): string {
  const end = text.search(/\r?\n/);
  const line = (end === -1 ? text : text.slice(0, end)).replace(/"[^"]*"/g, '');
  const counts = [',', ';', '\t', '|'].map((mark) => ({ mark, count: line.split(mark).length - 1 }));
  return counts.reduce((best, next) => (next.count > best.count ? next : best)).mark;
}

/** What the parser is in the middle of. */
type State = 'cell start' | 'bare cell' | 'quoted cell' | 'after quote';

class RowParser {
  readonly #file: string;
  readonly #separator: string;
  readonly #limits: ImportLimits;
  #state: State = 'cell start';
  #cell = '';
  #cells: string[] = [];
  #line = 1;
  #rowLine = 1;
  #quoteLine = 1;

  constructor(file: string, separator: string, limits: ImportLimits) {
    this.#file = file;
    this.#separator = separator;
    this.#limits = limits;
  }

  *push(text: string): Generator<CsvRow> {
    let from = 0;
    for (let at = 0; at < text.length; at += 1) {
      const mark = text[at]!;
      if (this.#state === 'quoted cell') {
        if (mark === '\n') this.#line += 1;
        if (mark !== '"') continue;
        this.#append(text.slice(from, at));
        this.#state = 'after quote';
        from = at + 1;
        continue;
      }
      if (mark === '"') {
        if (this.#state === 'bare cell') continue;
        // A second quote is one character of the cell: it goes on.
        if (this.#state === 'after quote') this.#append('"');
        else this.#quoteLine = this.#line;
        this.#state = 'quoted cell';
        from = at + 1;
      } else if (mark === this.#separator) {
        this.#endCell(text.slice(from, at));
        from = at + 1;
      } else if (mark === '\n') {
        this.#endCell(text.slice(from, at));
        from = at + 1;
        yield* this.#endRow();
        this.#line += 1;
        this.#rowLine = this.#line;
      } else if (this.#state === 'cell start') this.#state = 'bare cell';
      else if (this.#state === 'after quote' && mark !== '\r' && mark !== ' ') this.#strayAfterQuote();
    }
    this.#append(text.slice(from));
  }

  *end(): Generator<CsvRow> {
    if (this.#state === 'quoted cell') {
      throw fault(
        this.#file,
        `line ${this.#quoteLine}`,
        'a quote that begins here never ends',
        'close it, or double a quote that is part of the text',
      );
    }
    this.#endCell('');
    yield* this.#endRow();
  }

  #append(text: string): void {
    this.#cell += text;
    checkLimit(
      this.#file,
      `line ${this.#rowLine}`,
      this.#cell.length,
      this.#limits.cell,
      'characters in a cell',
    );
  }

  #endCell(text: string): void {
    this.#append(text);
    const cell = this.#cell;
    this.#cells.push(cell.endsWith('\r') ? cell.slice(0, -1) : cell);
    this.#cell = '';
    this.#state = 'cell start';
    if (this.#cells.length > this.#limits.columns)
      checkLimit(this.#file, `line ${this.#rowLine}`, this.#cells.length, this.#limits.columns, 'columns');
  }

  *#endRow(): Generator<CsvRow> {
    const cells = this.#cells;
    this.#cells = [];
    if (cells.length > 1 || cells[0]!.trim() !== '') yield { cells, line: this.#rowLine };
  }

  #strayAfterQuote(): never {
    throw fault(
      this.#file,
      `line ${this.#line}`,
      'text follows a closing quote',
      'double a quote that is part of the text, or set the right separator',
    );
  }
}
