import fc from 'fast-check';
import Papa from 'papaparse';
import { describe, expect, it } from 'vitest';
import { trials } from '../../../contract/test-trials.ts';
import { openStream } from '../byte-stream.ts';
import { failure, source, testContext } from '../test-files.ts';
import { csvRows, readCsv, type CsvOptions } from './csv.ts';

const read = (text: string, options: CsvOptions = {}, limits = {}) =>
  readCsv(source('a.csv', text), options, 'a', testContext(limits));

async function rows(text: string, separator?: string): Promise<string[][]> {
  const all: string[][] = [];
  for await (const { cells } of csvRows(
    await openStream(source('a', text), testContext()),
    separator,
    testContext().limits,
  ))
    all.push(cells);
  return all;
}

describe('csvRows', () => {
  it('agrees with an established parser on everything it can write', async () => {
    const cell = fc.stringMatching(/^[a-z0-9",;\n |\t.]{0,6}$/);
    const table = fc.array(fc.array(cell, { minLength: 2, maxLength: 4 }), { minLength: 1, maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(
        table,
        fc.constantFrom(',', ';', '\t'),
        fc.constantFrom('\n', '\r\n'),
        async (cells, delimiter, newline) => {
          const text = Papa.unparse(cells, { delimiter, newline });
          const expected = cells.filter((row) => row.length > 1);
          expect(await rows(text, delimiter)).toEqual(expected);
        },
      ),
      trials(200),
    );
  });

  it('finds the separator', async () => {
    expect(await rows('a;b\n1,5;2')).toEqual([
      ['a', 'b'],
      ['1,5', '2'],
    ]);
    expect(await rows('"a,b,c"\td\n1\t2')).toEqual([
      ['a,b,c', 'd'],
      ['1', '2'],
    ]);
  });
});

describe('readCsv', () => {
  it('types columns, spreads categories and takes the last column as target', async () => {
    const set = await read('\ufeffsize,colour,grade\n1.5,red,b\n2,blue,a\n\n-3,red,b\n');
    expect(set.columns).toEqual([
      { name: 'size', type: 'number' },
      { name: 'colour', type: 'category', value: 'blue' },
      { name: 'colour', type: 'category', value: 'red' },
    ]);
    expect([...set.tensors['inputs']!.data]).toEqual([1.5, 0, 1, 2, 1, 0, -3, 0, 1]);
    expect([...set.tensors['labels']!.data]).toEqual([1, 0, 1]);
    expect(set).toMatchObject({
      kind: 'table',
      task: 'classification',
      classes: ['a', 'b'],
      targets: ['grade'],
    });
  });

  it('regresses numbers, and does what it is told', async () => {
    expect((await read('a,y\n1,0.5\n2,0.25\n')).task).toBe('regression');
    expect((await read('y,a\n3,0.5\n1,0.25\n')).classes).toEqual(['1', '3']);
    expect((await read('y,a\n3,0.5\n1,0.25\n', { task: 'regression' })).tensors['targets']!.shape).toEqual([
      2, 1,
    ]);
    const forced = await read('zip,n,y\n10,1,0\n20,2,1\n', { types: { zip: 'category', n: 'ignore' } });
    expect(forced.columns.map((column) => column.value)).toEqual(['10', '20']);
    expect(forced.skipped.columns).toEqual([{ name: 'n', reason: 'was to be ignored' }]);
    const image = await read('1,2,3,4,0\n', { imageShape: [1, 2, 2] });
    expect([image.kind, image.tensors['inputs']!.shape]).toEqual(['images', [1, 1, 2, 2]]);
  });

  it('reads files without a header, and keeps numbers with leading zeros as names', async () => {
    const set = await read('1,007,0\n2,7,1\n');
    expect(set.columns.map(({ name, value }) => [name, value])).toEqual([
      ['x0', undefined],
      ['x1', '007'],
      ['x1', '7'],
    ]);
  });

  it.each([
    ['a text over numbers', '0,1,2,label\n5,6,7,1\n8,9,1,0\n', ['0', '1', '2']],
    ['the names that pandas gives, over texts', '0,1,label\n5,6,cat\n8,9,dog\n', ['0', '1']],
    ['those names after an index', ',0,1,label\n0,5,6,cat\n1,8,9,dog\n', ['column 1', '0', '1']],
    ['texts over texts that come again', 'colour,fruit\nred,apple\nred,cherry\n', ['colour']],
    ['a row of texts that are data', 'red,round,apple\ngreen,long,pear\nred,round,apple\n', ['x0', 'x1']],
    ['numbers and a class that comes again', '0,1,cat\n5,6,cat\n8,9,dog\n', ['x0', 'x1']],
    ['numbers that do not count, and a class', '7,1,cow\n5,6,cat\n', ['x0', 'x1']],
    ['numbers', '1,2,3\n4,5,6\n', ['x0', 'x1']],
  ])('takes %s for what it is in the first row', async (_, text, names) => {
    const set = await read(text);
    expect([...new Set(set.columns.map(({ name }) => name))]).toEqual(names);
    const rowsInFile = text.trim().split('\n').length;
    expect(set.examples).toBe(names[0] === 'x0' ? rowsInFile : rowsInFile - 1);
  });

  it('does what it is told of the first row, the separator and the decimal mark', async () => {
    expect((await read('1,2\n3,4\n', { header: true })).columns[0]!.name).toBe('1');
    expect((await read('a,b\nc,d\n', { header: false })).examples).toBe(2);
    const blanks = await read(' a   b y \n 1.5 2  0\n3 4 1\n', { separator: ' ' });
    expect(blanks.columns.map(({ name }) => name)).toEqual(['a', 'b']);
    expect([...blanks.tensors['inputs']!.data]).toEqual([1.5, 2, 3, 4]);
    const commas = await read('a;b;y\n1,5;x;-0,25\n2;y;,5\n', { decimal: ',' });
    expect(commas.task).toBe('regression');
    expect([...commas.tensors['inputs']!.data]).toEqual([1.5, 1, 0, 2, 0, 1]);
    expect([...commas.tensors['targets']!.data]).toEqual([-0.25, 0.5]);
    const categories = await read('a;y\n1,5;0\n2,5;1\n', { types: { a: 'category' } });
    expect(categories.columns.map(({ value }) => value)).toEqual(['1,5', '2,5']);
    // More commas than semicolons, and yet these separate.
    expect((await read('1,5;2,5;0,5\n2,5;1,5;1,5\n', { decimal: ',' })).columns).toHaveLength(2);
  });

  it('predicts no column that is to be ignored', async () => {
    const text = 'a,y,id\n1,0,7\n2,1,8\n';
    expect((await read('a,b,id\n1,0,7\n2,1,8\n', { types: { id: 'ignore' } })).targets).toEqual(['b']);
    expect(await failure(read(text, { target: 'id', types: { id: 'ignore' } }))).toContain(
      'a.csv, column "id": is to be predicted and to be ignored; choose another target',
    );
  });

  it('reads the lines of old systems, which end in a return', async () => {
    const set = await read('a,b,y\r1,2,0\r3,4,1\r');
    expect([...set.tensors['inputs']!.data]).toEqual([1, 2, 3, 4]);
    expect(await failure(read('a,y\r1,"2\r3,4\r'))).toContain('a.csv, line 2: a quote that begins here');
  });

  it('reports the rows and columns it leaves out', async () => {
    const set = await read(
      'a,name,y\n1,ann,0\n,bob,1\nnan,cy,0\n1,2\ninf,dan,0\n1e300,eve,1\n2,fay,1\n3,gus,\n',
      {},
      { categories: 2 },
    );
    expect(set.examples).toBe(2);
    expect(set.skipped).toEqual({
      total: 6,
      reasons: [
        { reason: 'column "a" is empty or no number', count: 2, first: 'a.csv, row 3' },
        { reason: 'column "a" is beyond the range of float32', count: 2, first: 'a.csv, row 6' },
        { reason: 'has 2 cells where there are 3 columns', count: 1, first: 'a.csv, row 5' },
        { reason: 'column "y" is empty or no number', count: 1, first: 'a.csv, row 9' },
      ],
      columns: [{ name: 'name', reason: 'has more than 2 different texts' }],
    });
  });

  it.each([
    ['an empty file', '', {}, 'a.csv: is empty'],
    ['a header alone', 'a,b\n', {}, 'a.csv: holds no usable example'],
    ['duplicate columns', 'a,b,a\n1,2,3\n', {}, 'a.csv, column 3: "a" is there twice, first as column 1'],
    ['a missing target', 'a,b\n1,2\n', { target: 'c' }, 'a.csv: has no column "c"; its columns are a, b'],
    ['an open quote', 'a,b\n1,"2\n3,4\n', {}, 'a.csv, line 2: a quote that begins here never ends'],
    ['text after a quote', 'a,b\n"1"x,2\n', {}, 'a.csv, line 2: text follows a closing quote'],
    ['a target alone', 'a\n1\n', {}, 'a.csv, line 1: holds one column, and so no input beside the target'],
    ['blanks between cells', 'a b y\n1 2 3\n', {}, 'name what separates the columns (--separator comma,'],
    [
      'a comment above the table',
      '# made by A, B\na,b,y\n1,2,3\n',
      {},
      'a.csv, line 1: is a comment and not',
    ],
    ['a title above the table', 'flowers\na,b,y\n1,2,3\n', {}, 'remove lines above the table'],
    [
      'decimal commas',
      'a;b;y\n1,5;2;p\n2;;q\n',
      {},
      'a.csv, column "a": holds numbers with commas such as "1,5"; say that the comma is the decimal mark (--decimal',
    ],
    ['texts to regress', 'a,b\n1,x\n', { task: 'regression' as const }, 'holds texts such as "x"'],
    [
      'nothing but gaps',
      'a,b\n,1\n',
      {},
      'holds no usable example (column "a" is empty or no number, a.csv, row 2)',
    ],
    [
      'a shape that does not fit',
      'a,b\n1,1\n',
      { imageShape: [1, 2, 2] as const },
      'images of 1 x 2 x 2 need 4',
    ],
    ['a type of no column', 'a,b\n1,1\n', { types: { c: 'number' as const } }, 'has no column "c"'],
  ])('refuses %s', async (_, text, options, message) => {
    expect(await failure(read(text, options))).toContain(message);
  });

  it('keeps to its caps', async () => {
    expect(await failure(read('a,b\n1,2\n', {}, { columns: 1 }))).toContain(
      '2 columns, which is more than the 1',
    );
    expect(await failure(read(`a,b\n${'x'.repeat(50)},1\n`, {}, { cell: 20 }))).toContain(
      'characters in a cell',
    );
    expect(await failure(read(`a,b\n${'1,2\n'.repeat(500)}`, {}, { examples: 100 }))).toContain(
      'rows, which is more than',
    );
    expect(await failure(read(`a,b\n${'1,2\n'.repeat(500)}`, {}, { bytes: 2000 }))).toContain(
      'bytes of cells',
    );
  });
});
