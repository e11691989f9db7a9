import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Inboxes, safeSegments } from './inbox.ts';

let folder: string;
let inboxes: Inboxes;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kronlab-inbox-'));
  inboxes = new Inboxes(join(folder, 'uploads'), { bytes: 10, files: 3 });
});
afterEach(() => rm(folder, { recursive: true }));

const bytes = (text: string) => Readable.from([Buffer.from(text)]);
const everything = () => readdir(folder, { recursive: true });

describe('names of uploaded files', () => {
  it.each(['a.csv', 'set/train/cats/1.png', 'a b ü.txt', '.hidden', '..a'])('%s is one', (name) => {
    expect(safeSegments(name)).toEqual(name.split('/'));
  });

  it.each([
    '',
    '/etc/passwd',
    '../x',
    'a/../../x',
    'a/./b',
    'a//b',
    'a/',
    'C:x',
    'a\\..\\b',
    'a\0b',
    'a\nb',
    'x'.repeat(201),
    'a/'.repeat(40) + 'b',
  ])('%j is none', (name) => {
    expect(safeSegments(name)).toBeNull();
  });
});

describe('Inboxes', () => {
  it('keeps uploads in a folder of their own until the inbox ends', async () => {
    const id = inboxes.open('w');
    await inboxes.receive(id, 'w', 'set/a/1.txt', bytes('one'));
    await inboxes.receive(id, 'w', 'b.txt', bytes('two'));
    const paths = await inboxes.paths(id, 'w');
    expect(paths.map((path) => path.slice(path.lastIndexOf('/')))).toEqual(['/b.txt', '/set']);
    expect(await readFile(paths[0]!, 'utf8')).toBe('two');
    await inboxes.discard(id);
    expect(await everything()).toEqual(['uploads']);
  });

  it('refuses names that lead elsewhere, a name twice and what is beyond its limits', async () => {
    const id = inboxes.open('w');
    const receive = (name: string, text: string) => inboxes.receive(id, 'w', name, bytes(text));
    await expect(receive('../x', 'x')).rejects.toMatchObject({ code: 'invalid' });
    await receive('a', '12345');
    await expect(receive('a', 'x')).rejects.toMatchObject({ code: 'storage' });
    expect(await readFile((await inboxes.paths(id, 'w'))[0]!, 'utf8')).toBe('12345');
    await expect(receive('b', '678901')).rejects.toThrow('larger than 10 bytes');
    expect(await inboxes.paths(id, 'w')).toHaveLength(1);
    await expect(receive('c', '')).rejects.toThrow('more than 3 files');
  });

  it('keeps nothing of an upload that breaks off or whose inbox ends meanwhile', async () => {
    const id = inboxes.open('w');
    const broken = Readable.from(
      (async function* () {
        yield Buffer.from('x');
        await inboxes.discard(id);
        throw new Error('the line broke');
      })(),
    );
    await expect(inboxes.receive(id, 'w', 'a', broken)).rejects.toThrow('the line broke');
    expect(await everything()).toEqual(['uploads']);
  });

  it('is for its own window, and for a few imports at once', async () => {
    const id = inboxes.open('w');
    await expect(inboxes.receive(id, 'other', 'a', bytes('x'))).rejects.toMatchObject({ code: 'not-found' });
    await expect(inboxes.add(id, 'w', [join(folder, 'missing')])).rejects.toMatchObject({
      code: 'not-found',
    });
    for (let i = 1; i < 8; i += 1) inboxes.open('w');
    expect(() => inboxes.open('w')).toThrow('8 imports open');
    expect(inboxes.of('w')).toHaveLength(8);
    expect(inboxes.open('other')).toMatch(/^[0-9a-f]{24}$/);
  });

  it('removes what dead processes left, and everything of its own in the end', async () => {
    await mkdir(join(folder, 'uploads', '999999999-abc'), { recursive: true });
    await inboxes.receive(inboxes.open('w'), 'w', 'a', bytes('x'));
    expect(await readdir(join(folder, 'uploads'))).toEqual([expect.stringContaining(`${process.pid}-`)]);
    inboxes.close();
    expect(await readdir(join(folder, 'uploads'))).toEqual([]);
  });
});
