import { describe, expect, it } from 'vitest';
import { ColumnStore, type Cell } from './columns.ts';
import { testContext } from './test-files.ts';

/** The categories that a column of these cells is, in its rows; or why it is left out. */
function categories(cells: readonly Cell[], limit = 256): (string | null)[] | string {
  const column = new ColumnStore('a', 'a.csv', false, null, testContext({ categories: limit }));
  for (const cell of cells) column.add(cell);
  if (column.leftOut !== null) return column.leftOut;
  const texts = column.texts();
  return Array.from(column.values(), (code) => (Number.isNaN(code) ? null : texts[code]!));
}

describe('ColumnStore', () => {
  it('keeps the texts of numbers as they are written, wherever the first word comes', () => {
    const labels = ['1.1', '1.10', 'beta', '1.10', '1.1'];
    expect(categories(labels)).toEqual(labels);
    expect(categories(labels.toReversed())).toEqual(labels.toReversed());
    expect(categories(['1.0', '', 'x', '1.0', '1'])).toEqual(['1.0', null, 'x', '1.0', '1']);
    const many = Array.from({ length: 200 }, (_, i) => (i % 2 === 0 ? String(i % 6) : '+1e2'));
    expect(categories([...many, 'x'])).toEqual([...many, 'x']);
    // JSON has numbers and no spelling of them.
    expect(categories([1.5, 2, 'x'])).toEqual(['1.5', '2', 'x']);
  });

  it('keeps no more of them than a column of categories may have', () => {
    const written = ['0.0', '1.0', '2.0'];
    expect(categories([...written, 'x'], 4)).toEqual([...written, 'x']);
    expect(categories([...written, 'x'], 3)).toBe('has more than 3 different texts');
    expect(categories([...written, 'x'], 2)).toBe('has more than 2 different texts');
    const column = new ColumnStore('a', 'a.csv', false, null, testContext({ categories: 2 }));
    for (const text of written) column.add(text);
    expect([column.type, ...column.values()]).toEqual(['number', 0, 1, 2]);
  });
});
