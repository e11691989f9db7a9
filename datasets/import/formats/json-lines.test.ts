import { describe, expect, it } from 'vitest';
import { contentHash } from '../../content-hash.ts';
import { failure, source, testContext } from '../test-files.ts';
import { readCsv } from './csv.ts';
import { readJsonLines } from './json-lines.ts';

const read = (text: string) => readJsonLines(source('a.jsonl', text), {}, 'a', testContext());

describe('readJsonLines', () => {
  it('is the data set the same table as CSV is', async () => {
    const lines = await read(
      '{"a": 1.5, "b": "u", "ok": true, "y": "p"}\n\n{"b": "v", "a": 2, "ok": false, "y": "q"}',
    );
    const csv = await readCsv(
      source('a.csv', 'a,b,ok,y\n1.5,u,true,p\n2,v,false,q\n'),
      {},
      'b',
      testContext(),
    );
    expect(await contentHash(lines)).toBe(await contentHash(csv));
    expect(lines.columns).toEqual(csv.columns);
  });

  it('numbers the columns of lists', async () => {
    const set = await read('{"x": [1, 2, [3]], "y": 0}\n{"x": [4, 5, [6]], "y": 1}');
    expect(set.columns.map((column) => column.name)).toEqual(['x0', 'x1', 'x20']);
    expect([...set.tensors['inputs']!.data]).toEqual([1, 2, 3, 4, 5, 6]);
    expect((await read('[1, 2]\n[3, 4]')).targets).toEqual(['x1']);
  });

  it('reports lines it cannot use', async () => {
    const set = await read(
      '{"a": 1, "y": 0}\n{"a": 1, "y"\n{"a": null, "y": 0}\n{"a": 1, "y": 0, "z": 1}\n7',
    );
    expect(set.examples).toBe(1);
    expect(set.skipped.reasons.map(({ reason, first }) => `${first}: ${reason}`)).toEqual([
      'a.jsonl, row 2: is no JSON',
      'a.jsonl, row 4: has a field "z" that the first row has not',
      'a.jsonl, row 5: is no object or list',
      'a.jsonl, row 3: column "a" is empty or no number',
    ]);
  });

  it('refuses what is another format', async () => {
    expect(await failure(read('a,b\n1,2'))).toContain('a.jsonl, row 1: is no JSON');
    expect(await failure(read(''))).toContain('a.jsonl: holds no rows');
    expect(await failure(read('{}'))).toContain('row 1: has no fields');
    expect(await failure(read(`${'['.repeat(100)}1${']'.repeat(100)}`))).toContain('nested more than 8 deep');
    expect(await failure(read('['.repeat(500_000)))).toContain('is no JSON');
  });
});
