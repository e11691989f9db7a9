/** Columns of text for a terminal. */

export interface Column {
  head: string;
  align: 'left' | 'right';
}

/** Lines without trailing spaces: the heads, a rule, the rows. Every row must have as many cells as there are columns. */
export function textTable(columns: readonly Column[], rows: readonly (readonly string[])[]): string[] {
  const widths = columns.map((column, i) =>
    Math.max(width(column.head), ...rows.map((row) => width(row[i] ?? ''))),
  );
  const line = (cells: readonly string[]) =>
    columns
      .map((column, i) => {
        const cell = cells[i] ?? '';
        const space = ' '.repeat(widths[i]! - width(cell));
        return column.align === 'right' ? space + cell : cell + space;
      })
      .join('  ')
      .trimEnd();
  return [
    line(columns.map((column) => column.head)),
    widths.map((w) => '─'.repeat(w)).join('  '),
    ...rows.map(line),
  ];
}

/** Columns a text takes, one for each character. */
function width(text: string): number {
  return Array.from(text).length;
}
