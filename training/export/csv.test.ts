import fc from 'fast-check';
import Papa from 'papaparse';
import { describe, expect, it } from 'vitest';
import { trials } from '../../contract/test-trials.ts';
import { escapeFormula, writeCsv, writeNumber, type Cell } from './csv.ts';

function parse(text: string): string[][] {
  const { data, errors } = Papa.parse<string[]>(text, { delimiter: ',', newline: '\r\n' });
  expect(errors).toEqual([]);
  // A final CRLF ends the last record; the parser shows what follows it as one more, empty, row.
  expect(data.pop()).toEqual(['']);
  return data;
}

const text = fc.oneof(
  fc.string(),
  fc.string({ unit: 'binary' }),
  fc.array(fc.constantFrom(',', '"', '\r', '\n', '=', '-', "'", 'é', ' ', 'a')).map((list) => list.join('')),
);
const numeric = fc.oneof(fc.double(), fc.integer(), fc.constantFrom(0.1 + 0.2, 5e-324, -0, 1e400, -0.5));
const cell: fc.Arbitrary<Cell> = fc.oneof(text, numeric, fc.boolean(), fc.constant(null));

describe('writeCsv', () => {
  it('reads back as what was written, cell by cell', () => {
    const table = fc
      .integer({ min: 2, max: 5 })
      .chain((width) =>
        fc.array(fc.array(cell, { minLength: width, maxLength: width }), { minLength: 1, maxLength: 8 }),
      );
    fc.assert(
      fc.property(table, (rows) => {
        const header = rows[0]!.map((_, i) => `column_${i}`);
        const parsed = parse(writeCsv(header, rows));
        expect(parsed[0]).toEqual(header);
        rows.forEach((row, r) => {
          row.forEach((value, c) => {
            const read = parsed[r + 1]![c]!;
            if (value === null) expect(read).toBe('');
            else if (typeof value === 'number') expect(readNumber(read)).toBe(value);
            else if (typeof value === 'string') expect(read).toBe(escapeFormula(value));
            else expect(read).toBe(String(value));
          });
        });
      }),
      trials(300),
    );
  });

  it('ends every record with CRLF and quotes only what needs it', () => {
    expect(
      writeCsv(
        ['a', 'b'],
        [
          ['x', 1],
          ['y, "z"', null],
        ],
      ),
    ).toBe('a,b\r\nx,1\r\n"y, ""z""",\r\n');
  });

  it('tells missing from NaN and infinities', () => {
    expect(writeCsv(['a', 'b', 'c', 'd'], [[null, NaN, Infinity, -Infinity]])).toBe(
      'a,b,c,d\r\n,NaN,inf,-inf\r\n',
    );
  });

  it('disarms formulas in text and leaves numbers alone', () => {
    expect(
      writeCsv(
        ['a', 'b'],
        [
          ['=1+1', -0.5],
          ['-1.5', 2],
          ['+x', 0],
          ['@sum', 0],
          ['\tx', 0],
        ],
      ),
    ).toBe("a,b\r\n'=1+1,-0.5\r\n'-1.5,2\r\n'+x,0\r\n'@sum,0\r\n'\tx,0\r\n");
  });
});

describe('writeNumber', () => {
  it('is the shortest text that reads back as the same double', () => {
    fc.assert(
      fc.property(fc.double(), (value) => {
        expect(readNumber(writeNumber(value))).toBe(value);
      }),
      trials(),
    );
    expect(writeNumber(0.1)).toBe('0.1');
  });
});

/** As pandas and R read it; `toBe` compares with Object.is, so -0 and NaN must survive too. */
function readNumber(cell: string): number {
  if (cell === 'inf') return Infinity;
  if (cell === '-inf') return -Infinity;
  return Number(cell);
}
