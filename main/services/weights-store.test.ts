/** Weights on disk: whole or not at all, by run and by content, and what is wrong said with the file and the place. */
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { encodeSafetensors } from '../../datasets/import/formats/safetensors.ts';
import { createApp } from './create-app.ts';
import { WeightsStore } from './weights-store.ts';

let folder: string;
let store: WeightsStore;
let file: Uint8Array;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kronlab-weights-'));
  store = new WeightsStore(join(folder, 'weights'));
  file = await new Blob(
    encodeSafetensors({ 'head.weight': { type: 'f32', shape: [2, 3], data: new Float32Array(6).fill(0.5) } }),
  ).bytes();
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const names = async () => (await readdir(join(folder, 'weights'), { recursive: true })).sort();
const piece = (start: number, end: number, run = 'run-1') => ({
  ...{ run, start, total: file.length },
  bytes: file.subarray(start, end),
});

it('is there with its last piece and not before, and may be written again', async () => {
  expect(await store.keep(piece(0, 40))).toBe(40);
  expect(await store.find({ run: 'run-1' })).toBeNull();
  expect(await store.keep(piece(40, file.length))).toBe(file.length);
  expect(await names()).toEqual(['run-1.safetensors', 'start']);
  expect(await readFile(join(folder, 'weights', 'run-1.safetensors'))).toEqual(Buffer.from(file));
  const source = await store.find({ run: 'run-1' });
  expect(source).toMatchObject({ name: 'weights of run-1', size: file.length });
  expect(await store.keep(piece(0, file.length))).toBe(file.length);
});

it.each<[string, () => Promise<unknown>, string]>([
  [
    'a piece that does not follow',
    async () => (await store.keep(piece(0, 8)), store.keep(piece(16, 20))),
    'start: 16 does not follow the 8 bytes',
  ],
  [
    'more than was announced',
    () => store.keep({ ...piece(0, 20), total: 10 }),
    'bytes: 20 are more than the 10',
  ],
  [
    'what is no safetensors file',
    () => store.keep({ run: 'run-1', start: 0, total: 9, bytes: new Uint8Array(9) }),
    'weights of run-1',
  ],
  [
    'a name that leads elsewhere',
    () => store.find({ run: '../../etc/passwd' }),
    'There are no weights called',
  ],
])('refuses %s, and leaves nothing of it', async (_, act, message) => {
  await expect(act()).rejects.toThrow(message);
  expect((await names().catch(() => [])).filter((name) => name !== 'start')).toEqual([]);
});

it('keeps a file to start from by its content, once, and says what is in it', async () => {
  const hash = createHash('sha256').update(file).digest('hex');
  for (const name of ['net.safetensors', 'same.safetensors']) {
    await writeFile(join(folder, name), file);
    expect(await store.take([join(folder, name)])).toEqual({
      ...{ hash, bytes: file.length },
      tensors: [{ name: 'head.weight', type: 'f32', shape: [2, 3] }],
    });
  }
  expect(await names()).toEqual(['start', join('start', `${hash}.safetensors`)]);
  expect(await store.find({ hash })).toMatchObject({ name: `start weights ${hash.slice(0, 12)}` });
  await expect(store.describe('ab'.repeat(32))).rejects.toMatchObject({ code: 'not-found' });
});

it('takes one safetensors file and nothing else', async () => {
  const [text, folderOfTwo] = [join(folder, 'a.txt'), join(folder, 'two')];
  await writeFile(text, 'no weights at all');
  await mkdir(folderOfTwo);
  for (const name of ['a', 'b']) await writeFile(join(folderOfTwo, name), file);
  await expect(store.take([text])).rejects.toThrow('a.txt');
  await expect(store.take([folderOfTwo])).rejects.toThrow('2 files were chosen; give one safetensors file');
  expect(await store.find({ run: 'a' })).toBeNull();
});

it('deletes what is kept of a run, and nothing where nothing is', async () => {
  await store.keep(piece(0, file.length));
  await store.keep(piece(0, file.length, 'run-2'));
  await store.remove('run-1');
  await store.remove('run-3');
  expect((await names()).filter((name) => name !== 'start')).toEqual(['run-2.safetensors']);
});

it('removes what a process that is no more left half-written', async () => {
  await mkdir(join(folder, 'weights'));
  await writeFile(join(folder, 'weights', '.part-999999999-run-9'), 'x');
  await store.keep(piece(0, 8));
  expect((await names()).filter((name) => name.startsWith('.part-'))).toEqual([`.part-${process.pid}-run-1`]);
});

it('takes the file of an inbox, which ends with it, and keeps nothing of a run that is unknown or has not begun', async () => {
  const app = createApp({ dataDir: folder, host: 'direct', checkOutputs: true });
  try {
    await writeFile(join(folder, 'net.safetensors'), file);
    const { id } = (await app.handle('imports.open', {}, 'me')) as { id: string };
    await app.inboxes.add(id, 'me', [join(folder, 'net.safetensors')]);
    await expect(app.handle('weights.take', { inbox: id }, 'another')).rejects.toMatchObject({
      code: 'not-found',
    });
    expect(await app.handle('weights.take', { inbox: id }, 'me')).toMatchObject({ bytes: file.length });
    expect(app.inboxes.of('me')).toEqual([]);
    const last = { start: 0, total: file.length, bytes: Buffer.from(file).toString('base64') };
    await expect(app.handle('weights.keep', { ...last, run: 'nowhere' })).rejects.toMatchObject({
      code: 'not-found',
    });
  } finally {
    app.close();
  }
});
