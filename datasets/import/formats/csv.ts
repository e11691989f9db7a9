/**
 * CSV and TSV: RFC 4180 with what files in the wild add to it (semicolons, tabs, bars, blanks, any line end, a byte
 * order mark, blank lines, no header). Read as a stream, so that a file need not fit into memory as text.
 */
import type { TensorDataset } from '../../tensor-dataset.ts';
import type { CsvSeparator, DecimalMark } from '../../../contract/datasets.ts';
import { isMissing, numberOf } from '../columns.ts';
import { openStream, type ByteStream } from '../byte-stream.ts';
import type { ByteSource } from '../byte-source.ts';
import { checkLimit, fault, type ImportContext, type ImportLimits } from '../limits.ts';
import { TableBuilder, type TableOptions } from '../table.ts';
import { textPieces } from '../text-stream.ts';

export interface CsvOptions extends TableOptions {
  /** Default: the one of `,` `;` tab and `|` that the first line holds most of. Blanks in a row are one separator. */
  separator?: CsvSeparator | undefined;
  /** Whether the first row holds names. Default: `isHeader`. */
  header?: boolean | undefined;
  /** What stands before the fraction of a number. Default: a point. */
  decimal?: DecimalMark | undefined;
}

export interface CsvRow {
  cells: string[];
  /** The line it begins on, from 1. */
  line: number;
}

/** Rows by which a file is judged before its columns are made. */
const rowsJudged = 100;

/** Reads a table. Throws `KronlabError` (`invalid`) naming file, line and remedy. */
export async function readCsv(
  source: ByteSource,
  options: CsvOptions,
  name: string,
  context: ImportContext,
): Promise<TensorDataset> {
  const stream = await openStream(source, context);
  const beginning: CsvRow[] = [];
  let table: TableBuilder | null = null;
  for await (const row of csvRows(stream, options.separator, context.limits)) {
    if (options.decimal === ',') row.cells = row.cells.map(withPoint);
    if (table !== null) {
      table.add(row.cells, row.line);
      continue;
    }
    beginning.push(row);
    if (beginning.length === rowsJudged) table = beginTable(source.name, beginning, options, context);
  }
  table ??= beginTable(source.name, beginning, options, context);
  return table.finish(name);
}

/** The table of the first rows, which are in it. */
function beginTable(
  file: string,
  rows: readonly CsvRow[],
  options: CsvOptions,
  context: ImportContext,
): TableBuilder {
  const [first, ...below] = rows;
  if (first === undefined) throw fault(file, null, 'is empty', 'choose a file with at least one row');
  checkLayout(file, first, below);
  const cellsBelow = below.map(({ cells }) => cells).filter(({ length }) => length === first.cells.length);
  const header = options.header ?? isHeader(first.cells, cellsBelow);
  const columns = header ? headerNames(first.cells) : first.cells.map((_, i) => `x${i}`);
  const table = new TableBuilder(file, columns, options, context);
  checkDecimals(file, columns, header ? cellsBelow : [first.cells, ...cellsBelow], options);
  for (const { cells, line } of header ? below : rows) table.add(cells, line);
  return table;
}

/** Throws where the first row is none of this table: a comment, or cells that are not separated as they should be. */
function checkLayout(file: string, { cells, line }: CsvRow, below: readonly CsvRow[]): void {
  const next = below[0];
  if (cells[0]!.startsWith('#') && next !== undefined && next.cells.length !== cells.length) {
    throw fault(
      file,
      `line ${line}`,
      'is a comment and not the first row of the table',
      'remove the lines above the table',
    );
  }
  if (cells.length > 1) return;
  throw fault(
    file,
    `line ${line}`,
    'holds one column, and so no input beside the target',
    'name what separates the columns (--separator comma, semicolon, tab, bar or space), remove lines above the ' +
      'table, or choose another file',
  );
}

const commaPattern = /^\s*[+-]?(?:\d+,\d*|,\d+)(?:[eE][+-]?\d+)?\s*$/;

function withPoint(cell: string): string {
  return commaPattern.test(cell) ? cell.replace(',', '.') : cell;
}

/** Throws where a column is of numbers but for their commas: as texts they would be a category each. */
function checkDecimals(
  file: string,
  columns: readonly string[],
  rows: readonly (readonly string[])[],
  { types = {}, decimal }: CsvOptions,
): void {
  if (decimal !== undefined) return;
  for (const [i, column] of columns.entries()) {
    if (Object.hasOwn(types, column)) continue;
    const cells = rows.map((cells) => cells[i]!.trim()).filter((cell) => !isMissing(cell));
    const comma = cells.find((cell) => commaPattern.test(cell));
    if (comma === undefined || !cells.every((cell) => commaPattern.test(cell) || numberOf(cell) !== null))
      continue;
    throw fault(
      file,
      `column "${column}"`,
      `holds numbers with commas such as "${comma}"`,
      `say that the comma is the decimal mark (--decimal comma), write the numbers with points, or choose the type ` +
        `category for the column (--types ${column}=category)`,
    );
  }
}

/**
 * Whether the first row is one of names. It is where a word stands over a column of numbers, and where numbers 0, 1, 2,
 * ... (names that pandas gives) come before a last text that does not come again. Else it is one where none of its cells
 * is a number, and none comes again in its column: categories come again.
 */
export function isHeader(first: readonly string[], below: readonly (readonly string[])[]): boolean {
  const texts = first.map((cell) => cell.trim());
  const isText = (cell: string) => !isMissing(cell) && numberOf(cell) === null;
  const cellsBelow = (column: number) =>
    below.map((cells) => cells[column]!.trim()).filter((cell) => !isMissing(cell));
  const standsOverNumbers = texts.some((text, i) => {
    if (!isText(text) || !/\p{L}/u.test(text)) return false;
    const cells = cellsBelow(i);
    return cells.length > 0 && cells.every((cell) => numberOf(cell) !== null);
  });
  if (standsOverNumbers) return true;
  const comesAgain = (text: string, i: number) => isText(text) && cellsBelow(i).includes(text);
  if (texts.some((text) => numberOf(text) !== null)) {
    const last = texts.length - 1;
    const counted = texts.slice(texts[0] === '' ? 1 : 0, -1);
    return (
      counted.length > 0 &&
      counted.every((text, i) => text === String(i)) &&
      isText(texts[last]!) &&
      !comesAgain(texts[last]!, last)
    );
  }
  return texts.some(isText) && !texts.some(comesAgain);
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
      if (separator === undefined && !/[\r\n]/.test(start) && start.length < limits.cell) continue;
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

/**
 * The likeliest separator by the first line, outside of quotes; a comma where there is none, a semicolon where it leaves
 * numbers with decimal commas.
 */
export function guessSeparator(text: string): string {
  const end = text.search(/[\r\n]/);
  const line = (end === -1 ? text : text.slice(0, end)).replace(/"[^"]*"/g, '');
  const numbers = line.split(';');
  if (
    numbers.length > 1 &&
    numbers.every((cell) => commaPattern.test(cell) || numberOf(cell.trim()) !== null)
  )
    return ';';
  const counts = [',', ';', '\t', '|'].map((mark) => ({ mark, count: line.split(mark).length - 1 }));
  return counts.reduce((best, next) => (next.count > best.count ? next : best)).mark;
}

/** What the parser is in the middle of. */
type State = 'cell start' | 'bare cell' | 'quoted cell' | 'after quote';

/** Blanks that follow one another are one separator, and none at the ends of a line. */
const blank = ' ';

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
  /** Whether the character before was `\r`, which a `\n` belongs to. */
  #isAfterReturn = false;

  constructor(file: string, separator: string, limits: ImportLimits) {
    this.#file = file;
    this.#separator = separator;
    this.#limits = limits;
  }

  *push(text: string): Generator<CsvRow> {
    let from = 0;
    for (let at = 0; at < text.length; at += 1) {
      const mark = text[at]!;
      if (this.#isAfterReturn) {
        this.#isAfterReturn = false;
        if (mark === '\n') {
          from = at + 1;
          continue;
        }
      }
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
        if (mark !== blank || this.#state !== 'cell start') this.#endCell(text.slice(from, at));
        from = at + 1;
      } else if (mark === '\n' || mark === '\r') {
        this.#endLastCell(text.slice(from, at));
        from = at + 1;
        yield* this.#endRow();
        this.#line += 1;
        this.#rowLine = this.#line;
        this.#isAfterReturn = mark === '\r';
      } else if (this.#state === 'cell start') this.#state = 'bare cell';
      else if (this.#state === 'after quote' && mark !== ' ') this.#strayAfterQuote();
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
    this.#endLastCell('');
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
    this.#cells.push(this.#cell);
    this.#cell = '';
    this.#state = 'cell start';
    if (this.#cells.length > this.#limits.columns)
      checkLimit(this.#file, `line ${this.#rowLine}`, this.#cells.length, this.#limits.columns, 'columns');
  }

  #endLastCell(text: string): void {
    const isNone = this.#separator === blank && this.#state === 'cell start' && this.#cells.length > 0;
    if (!isNone) this.#endCell(text);
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
