import { encode } from 'fast-png';
import { describe, expect, it } from 'vitest';
import type { ImportOptions } from './import.ts';
import { previewImport } from './preview.ts';
import { npyBytes, zipBytes } from './test-arrays.ts';
import { failure, idxBytes, source, testContext } from './test-files.ts';

const preview = (files: [string, string | Uint8Array][], options: ImportOptions = {}) =>
  previewImport(
    files.map(([name, content]) => source(name, content)),
    options,
    testContext(),
  );

describe('previewImport', () => {
  it('shows the columns of a short table, and what all of it makes', async () => {
    const seen = await preview([['m.csv', 'a,c,y\n1.5,red,0\n,blue,1\n3,red,0\n']]);
    expect(seen).toMatchObject({
      ...{ name: 'm', format: 'csv', files: 1, kind: 'table', task: 'classification', examples: 2 },
      classes: ['0'],
      skipped: { total: 1, reasons: [{ first: 'm.csv, row 3' }] },
    });
    expect(seen.table).toEqual({
      columns: [
        { name: 'a', type: 'number', different: 0, missing: 1, min: 1.5, max: 3 },
        { name: 'c', type: 'category', different: 2, missing: 0, min: null, max: null },
        { name: 'y', type: 'number', different: 0, missing: 0, min: 0, max: 1 },
      ],
      rows: [
        ['1.5', 'red', '0'],
        ['', 'blue', '1'],
        ['3', 'red', '0'],
      ],
      ...{ read: 3, task: 'classification' },
    });
    expect(seen).toMatchObject({ candidates: ['a', 'c', 'y'], chosen: ['y'] });
  });

  it('reads no more than the beginning of a long one, whatever follows', async () => {
    const rows = Array.from({ length: 200_000 }, (_, i) => `${i},t${i % 3},${i / 2}`).join('\n');
    const seen = await preview([['m.csv', `a,b,y\n${rows}\nx,y`]], { types: { a: 'ignore' } });
    expect(seen).toMatchObject({ examples: null, task: 'regression', shape: [3], kind: 'table' });
    expect(seen).toMatchObject({ table: { read: 500 }, targets: ['y'] });
    expect(seen.table!.rows).toHaveLength(12);
  });

  it('follows the choices, and refuses those that do not fit', async () => {
    const file: [string, string][] = [['m.csv', 'a,c,y\n1,red,2\n3,blue,4\n']];
    expect(await preview(file, { target: 'c' })).toMatchObject({
      targets: ['c'],
      table: { task: 'classification' },
    });
    expect(await failure(preview(file, { target: 'nothing' }))).toContain('has no column "nothing"');
    expect(await failure(preview(file, { target: 'c', task: 'regression' }))).toContain('holds texts');
  });

  it('draws the first graphs of many', async () => {
    const rows = Array.from({ length: 90_000 }, (_, i) => `CC${'C'.repeat(i % 5)} ${i}`).join('\n');
    const seen = await preview([['m.smi', rows]]);
    expect(seen).toMatchObject({ kind: 'graphs', examples: null, table: null, task: 'classification' });
    expect(seen.sample?.kind === 'graphs' && seen.sample.graphs).toHaveLength(24);
    expect(seen.shape[0]).toBeGreaterThan(10);
  });

  it('decodes some images of each folder and names all classes', async () => {
    const png = encode({ width: 2, height: 2, channels: 1, depth: 8, data: new Uint8Array(4).fill(9) });
    const files = ['a', 'b', 'c'].flatMap((label) =>
      Array.from({ length: 6 }, (_, i): [string, Uint8Array] => [`set/${label}/${i}.png`, png]),
    );
    expect(await preview(files)).toMatchObject({ name: 'set', examples: null, classes: ['a', 'b', 'c'] });
    const few = await preview(files.filter(([name]) => name.endsWith('0.png')));
    expect(few).toMatchObject({ examples: 3, kind: 'images', shape: [1, 2, 2] });
  });

  it('reads arrays whole, with their splits', async () => {
    const part = (split: string, n: number): [string, Uint8Array][] => [
      [`f/${split}-images-idx3-ubyte`, idxBytes([n, 1, 1], Array<number>(n).fill(3))],
      [`f/${split}-labels-idx1-ubyte`, idxBytes([n], Array<number>(n).fill(1))],
    ];
    expect(await preview([...part('train', 3), ...part('t10k', 2)])).toMatchObject({
      examples: 5,
      splits: [
        { name: 'train', start: 0, count: 3 },
        { name: 'test', start: 3, count: 2 },
      ],
    });
  });

  it('says what of arrays and of CIFAR-100 could be predicted', async () => {
    const array = (name: string, shape: number[]) => ({
      name: `${name}.npy`,
      data: npyBytes(
        '<f4',
        shape,
        new Uint8Array(new Float32Array(shape.reduce((a, b) => a * b)).fill(0.5).buffer),
      ),
    });
    const archive = zipBytes([
      array('x_train', [2, 3]),
      array('score_train', [2, 2]),
      array('kind_train', [2]),
    ]);
    const chosen = await preview([['a.npz', archive]], { target: 'score' });
    expect(chosen).toMatchObject({
      candidates: ['score', 'kind'],
      chosen: ['score'],
      targets: ['score0', 'score1'],
    });
    const error: unknown = await preview([['a.npz', archive]]).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ data: { format: 'npz', targets: ['score', 'kind'] } });
    const cifar = new Uint8Array(2 * 3074);
    expect(await preview([['train.bin', cifar]])).toMatchObject({
      candidates: ['fine', 'coarse'],
      chosen: ['fine'],
    });
    expect(await preview([['train.bin', cifar]], { target: 'coarse' })).toMatchObject({ chosen: ['coarse'] });
  });

  it('takes columns for what they are called, also as what every object has', async () => {
    const seen = await preview([['m.csv', 'constructor,y\n1,2\n3,4\n']], { types: {} });
    expect(seen).toMatchObject({
      shape: [1],
      table: { columns: [{ name: 'constructor', type: 'number' }, {}] },
    });
  });

  it('ends when it is cancelled', async () => {
    const context = { ...testContext(), signal: AbortSignal.abort() };
    expect(await failure(previewImport([source('a.csv', 'a,y\n1,2\n')], {}, context))).toMatch(/^AbortError/);
  });
});
