import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { idxBytes } from '../../datasets/import/test-files.ts';
import { runCli } from '../run-cli.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kronlab-import-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function kronlab(args: readonly string[], interruptAtOnce = false) {
  const written = { out: '', err: '' };
  const code = await runCli(['import', ...args, '--db', join(folder, 'lab.sqlite3')], {
    createTrainer: () => Promise.reject(new Error('importing needs no GPU')),
    now: () => 0,
    terminal: {
      out: (text) => void (written.out += text),
      err: (text) => void (written.err += text),
      live: false,
      columns: 100,
      onInterrupt(listener) {
        if (interruptAtOnce) listener();
        return () => undefined;
      },
    },
  });
  return { code, ...written };
}

async function file(name: string, content: string | Uint8Array): Promise<string> {
  await mkdir(join(folder, 'in'), { recursive: true });
  await writeFile(join(folder, 'in', name), content);
  return join(folder, 'in', name);
}

describe('kronlab import', () => {
  it('prints the same hash for the same data in two formats, and keeps it once', async () => {
    await file('train-images-idx3-ubyte', idxBytes([2, 1, 2], [1, 2, 3, 4]));
    await file('train-labels-idx1-ubyte', idxBytes([2], [7, 3]));
    const images = await kronlab([join(folder, 'in'), '--json']);
    expect(images).toMatchObject({ code: 0, err: '' });
    expect(JSON.parse(images.out)).toEqual({
      id: expect.stringMatching(/^[0-9a-f]{16}$/),
      name: 'in',
      hash: expect.stringMatching(/^[0-9a-f]{64}$/),
      examples: 2,
      shape: [1, 1, 2],
      classes: ['3', '7'],
      splits: [{ name: 'train', start: 0, count: 2 }],
      skipped: { total: 0, reasons: [] },
    });
    expect(Object.keys(JSON.parse(images.out) as object)).toEqual(
      'id name hash examples shape classes splits skipped'.split(' '),
    );
    const csv = await kronlab([await file('a.csv', 'a,b,y\n1,2,p\n3,4,q\n'), '--json']);
    const lines = await kronlab([
      await file('a.jsonl', '{"a":1,"b":2,"y":"p"}\n{"a":3,"b":4,"y":"q"}'),
      '--json',
    ]);
    const hashOf = ({ out }: { out: string }) => (JSON.parse(out) as { hash: string }).hash;
    expect(hashOf(csv)).toBe(hashOf(lines));
    expect(await readdir(join(folder, 'datasets'))).toHaveLength(2);
  });

  it('takes labels, target, task and shape, and tells people what was left out', async () => {
    const images = await file('a.idx', idxBytes([1, 1, 2], [1, 2]));
    const labels = await file('b.idx', idxBytes([1], [9]));
    expect((await kronlab([images, '--labels', labels])).out).toMatch(
      /^Imported a as [0-9a-f]{16}: 1 examples of 1 x 1 x 2, 1 classes\n$/,
    );
    const table = await file('t.csv', 'y,a,b\n1,2,3\n2,,4\n');
    const args = [table, '--target', 'y', '--task', 'regression', '--image', '1x1x2', '--name', 'mine'];
    expect((await kronlab(args)).out).toMatch(
      /^Imported mine as \w+: 1 examples of 1 x 1 x 2\nLeft out 1:\n {2}1: column "a" is empty or no number \(first: t.csv, row 3\)\n$/,
    );
  });

  it('names labels where it names classes', async () => {
    const table = await file('l.csv', 'x,p,q\n1,0,1\n2,1,\n');
    const { out } = await kronlab([table, '--target', 'p,q', '--json']);
    expect(JSON.parse(out)).toMatchObject({ examples: 2, classes: ['p', 'q'] });
    expect(Object.keys(JSON.parse(out) as object)).toHaveLength(8);
  });

  it('says what it left out and where the data is, when it is there already', async () => {
    expect((await kronlab([await file('skipA.csv', 'a,y\n1,0\n2,1\n')])).out).toMatch(/^Imported skipA as/);
    const second = await file('skipB.csv', 'a,y\n1,0\n,1\n2,1\n,0\n');
    const json = await kronlab([second, '--name', 'mine', '--json']);
    expect(JSON.parse(json.out)).toMatchObject({ name: 'skipA', skipped: { total: 2 } });
    expect(json.err).toMatch(/^Already kept as skipA \([0-9a-f]{16}\); it keeps its name\n$/);
    expect((await kronlab([second])).out).toMatch(/^Already kept as skipA .*: 2 examples.*\nLeft out 2:\n/);
    const { id } = JSON.parse(json.out) as { id: string };
    await writeFile(join(folder, 'datasets', id, 'tensors.safetensors'), 'cut');
    expect((await kronlab([second])).out).toMatch(
      /^Already kept as skipA .*, which was damaged and is whole again/,
    );
  });

  it('takes types of columns and the dialect of a CSV file', async () => {
    const table = await file('t.csv', 'a=b,c;d x\n1,5;2 3\n2,5;4 5\n');
    const args = [table, '--separator', 'space', '--header', 'yes', '--decimal', 'point', '--json'];
    const { out, err } = await kronlab([...args, '--types', 'a=b,c;d=category,x=number']);
    expect(err).toBe('');
    expect(JSON.parse(out)).toMatchObject({ shape: [2], examples: 2 });
    const other = await kronlab([await file('u.csv', 'a;y\n1,5;2\n'), '--decimal', 'comma', '--json']);
    expect(JSON.parse(other.out)).toMatchObject({ shape: [1], examples: 1 });
  });

  it('takes one file of labels, and no folder without one', async () => {
    const images = await file('a.idx', idxBytes([1, 1, 2], [1, 2]));
    await mkdir(join(folder, 'empty'));
    expect(await kronlab([images, '--labels', join(folder, 'empty')])).toMatchObject({
      code: 2,
      err: expect.stringContaining('holds no files; give the one file of the labels') as unknown,
    });
    await file('b.idx', idxBytes([1], [9]));
    expect((await kronlab([images, '--labels', join(folder, 'in')])).err).toContain('holds several files');
  });

  it.each([
    [[], 'say what to import'],
    [['/no/such/file'], 'cannot read /no/such/file'],
    [['x', '--format', 'xls'], '--format: unknown format "xls"; known formats: idx, cifar'],
    [['x', '--task', 'guess'], '--task: unknown task "guess"'],
    [['x', '--image', '28'], '--image: "28" is no shape'],
    [['x', '--types', 'a=category,b=text'], '--types: "b=text" is no type of a column'],
    [['x', '--header', 'maybe'], '--header: "maybe" is none of yes, no'],
    [['x', '--separator', ','], '--separator: "," is none of comma, semicolon, tab, bar, space'],
    [['x', '--name', ' '], '--name: a name has 1 to 200 characters, this one 0'],
  ])('refuses %j', async (args, message) => {
    const { code, err } = await kronlab(args);
    expect(code).not.toBe(0);
    expect(err).toContain(message);
  });

  it('leaves nothing behind when a file is bad or the person gives up', async () => {
    const bad = await file('a.csv', 'a,a,y\n1,2,3\n');
    expect(await kronlab([bad])).toMatchObject({ code: 2 });
    const good = await file('b.csv', 'a,y\n1,2\n');
    expect(await kronlab([good], true)).toMatchObject({ code: 130, err: 'Cancelled; nothing was kept.\n' });
    expect(await readdir(folder)).toEqual(['in']);
  });
});
