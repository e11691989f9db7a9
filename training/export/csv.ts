/**
 * Writing CSV that every reader agrees on: RFC 4180 with CRLF and UTF-8, shortest numbers that read back as the same
 * double, and text that no spreadsheet takes for a formula. What each column means is in `docs/csv.md`.
 */
import { stringify } from 'csv-stringify/browser/esm/sync';

/** null: not there (an empty cell), which is different from NaN. */
export type Cell = string | number | boolean | null;

/** Header and rows as CSV text. Every row must have as many cells as the header. */
export function writeCsv(header: readonly string[], rows: readonly (readonly Cell[])[]): string {
  return stringify([header.map(escapeFormula), ...rows.map((row) => row.map(writeCell))], {
    record_delimiter: '\r\n',
  });
}

/** A cell before quoting. */
export function writeCell(cell: Cell): string {
  if (cell === null) return '';
  if (typeof cell === 'number') return writeNumber(cell);
  if (typeof cell === 'boolean') return cell ? 'true' : 'false';
  return escapeFormula(cell);
}

/** The shortest decimal that reads back as the same double; `NaN`, `inf` and `-inf` as pandas and R read them. */
export function writeNumber(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
  return Object.is(value, -0) ? '-0' : String(value);
}

/**
 * A text that a spreadsheet would run as a formula gets a leading apostrophe (CWE-1236). Numbers never pass through
 * here: a leading minus is part of them. The full-width signs count because some spreadsheets normalise them.
 */
export function escapeFormula(text: string): string {
  return /^[=+\-@\t\r\n\0\uff1d\uff0b\uff0d\uff20]/.test(text) ? `'${text}` : text;
}

/** Milliseconds since the epoch as ISO 8601 in UTC. */
export function writeTime(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}
