import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { importDataset } from '../import/import.ts';
import { failure, idxBytes, source, testContext } from '../import/test-files.ts';
import { openSources } from './sources.ts';
import { DatasetStore } from './store.ts';

let folder: string;
let store: DatasetStore;
let now = 0;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kronlab-store-'));
  store = new DatasetStore(join(folder, 'datasets'), () => (now += 1));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const imported = (text: string, name = 'a.csv') => importDataset([source(name, text)], {}, testContext());

describe('DatasetStore', () => {
  it('gives back what was kept, of every kind', async () => {
    const results = [
      await imported('a,b,y\n1.5,u,p\n2,v,q\n'),
      await imported('smiles,y\nCC(=O)O,0.5\nC,1.5\n'),
      await imported('Call me Ishmael.', 'a.txt'),
      await importDataset(
        [source('i', idxBytes([2, 2, 2], [1, 2, 3, 4, 5, 6, 7, 8]))],
        { labels: source('l', idxBytes([2], [0, 1])) },
        testContext(),
      ),
    ];
    for (const result of results) {
      const { record: stored } = await store.save(result, ['a']);
      expect(stored.id).toBe(result.hash.slice(0, 16));
      expect(await store.read(stored.id)).toEqual(result.dataset);
    }
    expect((await store.list()).map(({ name }) => name)).toEqual(['i', 'a', 'a', 'a']);
  });

  it('keeps the same data once, and tells what the second import left out', async () => {
    const first = await store.save(await imported('a,y\n1,0\n'), ['a']);
    expect(first).toMatchObject({ outcome: 'new', record: { name: 'a', skipped: { total: 0 } } });
    const second = await imported('b,y\n1,0\n,1\n', 'other.csv');
    const skipped = { total: 1, reasons: [{ first: 'other.csv, row 3' }] };
    const again = await store.save(second, ['b']);
    expect(again).toMatchObject({ outcome: 'known', record: { name: 'a', skipped } });
    expect(await store.list()).toEqual([first.record]);
    await store.remove(first.record.id);
    const back = await store.save(second, ['b']);
    expect(back).toMatchObject({ outcome: 'restored', record: { name: 'a', skipped } });
    expect([await store.list(), await store.listTrash()]).toEqual([[first.record], []]);
  });

  it('repairs a damaged one when its files are imported again', async () => {
    const result = await imported('a,y\n1,0\n2,1\n');
    const { id } = (await store.save(result, ['a'])).record;
    await store.rename(id, 'mine');
    const tensors = join(store.folder, id, 'tensors.safetensors');
    for (const damage of [
      (bytes: Buffer) => bytes.subarray(0, 10),
      (bytes: Buffer) => Buffer.from(bytes).fill(7, bytes.length - 1),
      (bytes: Buffer) => Buffer.concat([bytes, Buffer.of(0)]),
    ]) {
      await writeFile(tensors, damage(await readFile(tensors)));
      expect(await store.save(result, ['a'])).toMatchObject({
        outcome: 'repaired',
        record: { name: 'mine' },
      });
      expect(await store.read(id)).toEqual({ ...result.dataset, name: 'mine' });
    }
    await writeFile(join(store.folder, id, 'dataset.json'), '{}');
    expect(await store.save(result, ['a'])).toMatchObject({ outcome: 'repaired', record: { name: 'a' } });
    await rm(tensors);
    await store.remove(id);
    expect(await store.save(result, ['a'])).toMatchObject({ outcome: 'new' });
    expect(await store.read(id)).toEqual(result.dataset);
    expect((await readdir(store.folder)).sort()).toEqual(['.trash', id]);
    expect(await readdir(join(store.folder, '.trash'))).toEqual([]);
  });

  it('empties the trash of the sets that are named, and of what cannot be read when nothing else is left', async () => {
    const ids: string[] = [];
    for (const text of ['a,y\n1,0\n', 'a,y\n2,0\n']) {
      const { id } = (await store.save(await imported(text), ['a'])).record;
      await store.remove(id);
      ids.push(id);
    }
    const trash = join(store.folder, '.trash');
    await mkdir(join(trash, '0000000000000000'));
    const [first, second] = ids as [string, string];
    expect((await store.emptyTrash([first, 'nowhere'])).map(({ id }) => id)).toEqual([first]);
    expect((await store.listTrash()).map(({ id }) => id)).toEqual([second]);
    expect((await readdir(trash)).sort()).toEqual(['0000000000000000', second].sort());
    await store.emptyTrash([second]);
    expect(await readdir(store.folder)).not.toContain('.trash');
    expect(await store.emptyTrash([second])).toEqual([]);
  });

  it('renames, tags, deletes and undoes', async () => {
    const { id } = (await store.save(await imported('a,y\n1,0\n'), ['a'])).record;
    await store.rename(id, 'mine');
    await store.tag(id, ['small']);
    expect(await store.get(id)).toMatchObject({ name: 'mine', tags: ['small'] });
    await store.remove(id);
    expect(await store.list()).toEqual([]);
    expect((await store.restore(id)).name).toBe('mine');
    await store.remove(id);
    await store.emptyTrash([id]);
    expect(await failure(store.restore(id))).toContain('in the trash');
    expect(await failure(store.get('../../etc'))).toContain('an id has 16 hexadecimal digits');
  });

  it('leaves nothing behind when cancelled or when it cannot write', async () => {
    const result = await imported('a,y\n1,0\n');
    expect(await failure(store.save(result, ['a'], AbortSignal.abort()))).toMatch(/^AbortError/);
    expect(await readdir(store.folder)).toEqual([]);
    await writeFile(join(folder, 'file'), '');
    const blocked = new DatasetStore(join(folder, 'file'));
    expect(await failure(blocked.save(result, ['a']))).toContain('cannot keep the data set "a"');
  });

  it('removes what a dead process left half-written', async () => {
    await mkdir(join(store.folder, '.part-999999999-0123456789abcdef'), { recursive: true });
    await mkdir(join(store.folder, `.part-${process.pid}-0123456789abcdef`));
    await store.save(await imported('a,y\n1,0\n'), ['a']);
    expect((await readdir(store.folder)).filter((name) => name.startsWith('.part'))).toEqual([
      `.part-${process.pid}-0123456789abcdef`,
    ]);
  });

  it('sees damage', async () => {
    const { id } = (await store.save(await imported('a,y\n1,0\n2,1\n'), ['a'])).record;
    const path = join(store.folder, id, 'tensors.safetensors');
    const bytes = await readFile(path);
    await writeFile(path, bytes.fill(7, bytes.length - 1));
    expect(await failure(store.read(id))).toContain('its content is not what was imported');
    await writeFile(join(store.folder, id, 'dataset.json'), '{}');
    expect(await failure(store.get(id))).toContain('is damaged; import its files again, which replaces it');
    expect(await store.list()).toEqual([]);
  });
});

describe('openSources', () => {
  it('takes links to files for files, and says where there are links to folders alone', async () => {
    await mkdir(join(folder, 'links'));
    await writeFile(join(folder, 'real.txt'), 'real');
    await symlink(folder, join(folder, 'links', 'away'));
    const { limits } = testContext();
    expect(await failure(openSources(join(folder, 'links'), limits))).toContain(
      'links/away: is a link to a folder, which is not followed, and no file lies beside it; give the folder',
    );
    await symlink(join(folder, 'real.txt'), join(folder, 'links', 'one.txt'));
    const [source] = await openSources(join(folder, 'links'), limits);
    expect([source!.name, source!.size]).toEqual(['links/one.txt', 4]);
    await symlink(join(folder, 'gone'), join(folder, 'links', 'two.txt'));
    expect(await failure(openSources(join(folder, 'links'), limits))).toContain('two.txt: ENOENT');
  });

  it('lists a folder in order, without hidden files and links to folders', async () => {
    await mkdir(join(folder, 'set', 'b'), { recursive: true });
    for (const name of ['b/2.txt', 'a.txt', '.hidden']) await writeFile(join(folder, 'set', name), name);
    await symlink(folder, join(folder, 'set', 'round'));
    const sources = await openSources(join(folder, 'set'), testContext().limits);
    expect(sources.map(({ name, size }) => [name, size])).toEqual([
      ['set/a.txt', 5],
      ['set/b/2.txt', 7],
    ]);
    expect(new TextDecoder().decode(await sources[1]!.read(2, 100))).toBe('2.txt');
    expect(await failure(openSources(join(folder, 'no'), testContext().limits))).toContain('cannot read');
    expect(await failure(openSources(folder, testContext({ files: 1 }).limits))).toContain(
      '2 files, which is more',
    );
  });
});
