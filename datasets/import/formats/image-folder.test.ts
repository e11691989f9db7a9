import { deflateSync, crc32 } from 'node:zlib';
import { encode, type ImageData as PngImage } from 'fast-png';
import jpeg from 'jpeg-js';
import { describe, expect, it } from 'vitest';
import { contentHash } from '../../content-hash.ts';
import { failure, idxBytes, source, testContext } from '../test-files.ts';
import { readIdx } from './idx.ts';
import { decodeImage, readImageFolder } from './image-folder.ts';

const grey = (...data: number[]) =>
  encode({ width: 2, height: 2, channels: 1, depth: 8, data: Uint8Array.from(data) });
const png = (image: Omit<PngImage, 'width' | 'height'>) => encode({ width: 2, height: 1, ...image });
const decode = (bytes: Uint8Array, limits = {}) => decodeImage(source('a.png', bytes), testContext(limits));
const read = (files: readonly ReturnType<typeof source>[]) => readImageFolder(files, 'folder', testContext());

/** A PNG file of these chunks. */
function chunks(...parts: [string, Uint8Array][]): Uint8Array {
  const u32 = (value: number) => [value >>> 24, (value >> 16) & 255, (value >> 8) & 255, value & 255];
  const body = parts.flatMap(([type, data]) => {
    const typed = Uint8Array.from([...new TextEncoder().encode(type), ...data]);
    return [...u32(data.length), ...typed, ...u32(crc32(typed))];
  });
  return Uint8Array.from([0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10, ...body]);
}
const header = (width: number, height: number, depth: number, type: number) =>
  Uint8Array.from([
    ...[width, height].flatMap((v) => [v >>> 24, (v >> 16) & 255, (v >> 8) & 255, v & 255]),
    depth,
    type,
    0,
    0,
    0,
  ]);

describe('decodeImage', () => {
  it('reads the kinds of PNG', async () => {
    expect(
      (await decode(png({ channels: 3, depth: 8, data: Uint8Array.of(1, 2, 3, 4, 5, 6) }))).pixels,
    ).toEqual(Uint8Array.of(1, 2, 3, 4, 5, 6));
    expect(
      (await decode(png({ channels: 4, depth: 8, data: Uint8Array.of(1, 2, 3, 9, 4, 5, 6, 0) }))).pixels,
    ).toEqual(Uint8Array.of(1, 2, 3, 4, 5, 6));
    expect(
      (await decode(png({ channels: 1, depth: 16, data: Uint16Array.of(0x1234, 0xff00) }))).pixels,
    ).toEqual(Uint8Array.of(0x12, 0x12, 0x12, 0xff, 0xff, 0xff));
    // Two rows of three pixels, 2 bits each into a palette: a filter byte, then 0b00_01_10_00.
    const rows = deflateSync(Uint8Array.of(0, 0b00011000, 0, 0b10010000));
    const palette = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9);
    const indexed = chunks(
      ['IHDR', header(3, 2, 2, 3)],
      ['iCCP', Uint8Array.of(1, 2, 3)],
      ['PLTE', palette],
      ['IDAT', rows],
      ['IEND', new Uint8Array(0)],
    );
    expect([...(await decode(indexed)).pixels]).toEqual([
      1, 2, 3, 4, 5, 6, 7, 8, 9, 7, 8, 9, 4, 5, 6, 1, 2, 3,
    ]);
  });

  it('reads JPEG', async () => {
    const data = new Uint8Array(16 * 16 * 4)
      .fill(255)
      .map((_, i) => (i % 4 === 0 ? 200 : i % 4 === 1 ? 100 : 50));
    const { width, height, pixels } = await decode(jpeg.encode({ width: 16, height: 16, data }, 95).data);
    expect([width, height, pixels.length]).toEqual([16, 16, 768]);
    expect(Math.abs(pixels[0]! - 200) + Math.abs(pixels[1]! - 100) + Math.abs(pixels[2]! - 50)).toBeLessThan(
      12,
    );
  });

  it('stops bombs and damaged files', async () => {
    const bomb = chunks(
      ['IHDR', header(2, 2, 8, 0)],
      ['IDAT', deflateSync(new Uint8Array(1_000_000))],
      ['IEND', new Uint8Array(0)],
    );
    expect(await failure(decode(bomb))).toContain('a.png: decompresses to more than the');
    const huge = chunks(['IHDR', header(70_000, 70_000, 8, 0)], ['IEND', new Uint8Array(0)]);
    expect(await failure(decode(huge))).toContain('70000 pixels along a side, which is more than the 1024');
    expect(await failure(decode(grey(1, 2, 3, 4).slice(0, -5)))).toContain('a.png: is truncated');
    expect(await failure(decode(Uint8Array.of(71, 73, 70)))).toContain('is neither PNG nor JPEG');
    const photo = jpeg.encode({ width: 16, height: 16, data: new Uint8Array(1024) }, 50).data;
    expect(await failure(decode(photo, { side: 8 }))).toContain('16 pixels along a side');
    expect(await failure(decode(photo.subarray(0, 60)))).toContain('a.png: has 0 frames instead of one');
  });
});

describe('readImageFolder', () => {
  it('takes folders as classes, and is the data set the same images as IDX are', async () => {
    const set = await read([
      source('set/7/b.png', grey(0, 1, 2, 3)),
      source('set/3/a.PNG', grey(9, 8, 7, 6)),
      source('set/notes.txt', 'not an image'),
    ]);
    const pair = {
      split: null,
      inputs: source('i', idxBytes([2, 2, 2], [9, 8, 7, 6, 0, 1, 2, 3])),
      labels: source('l', idxBytes([2], [3, 7])),
    };
    expect(set.classes).toEqual(['3', '7']);
    expect(await contentHash(set)).toBe(await contentHash(await readIdx([pair], 'x', testContext())));
  });

  it('keeps the split of the folders and all channels where one image has colour', async () => {
    const colour = encode({
      width: 2,
      height: 2,
      channels: 3,
      depth: 8,
      data: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12),
    });
    const set = await read([
      source('s/test/cat/1.png', grey(5, 5, 5, 5)),
      source('s/train/cat/1.png', colour),
      source('s/train/dog/2.png', grey(0, 0, 0, 0)),
    ]);
    expect(set.tensors['inputs']!.shape).toEqual([3, 3, 2, 2]);
    expect([...set.tensors['inputs']!.data.slice(0, 12)]).toEqual([1, 4, 7, 10, 2, 5, 8, 11, 3, 6, 9, 12]);
    expect(set.splits.map(({ name, count }) => [name, count])).toEqual([
      ['train', 2],
      ['test', 1],
    ]);
  });

  it('reports what it leaves out, and refuses when nothing is left', async () => {
    const other = encode({ width: 1, height: 1, channels: 1, depth: 8, data: Uint8Array.of(1) });
    const set = await read([
      source('a/1.png', grey(1, 2, 3, 4)),
      source('a/0.png', other),
      source('b/2.png', grey(1, 2, 3, 4)),
      source('b/3.png', grey(1, 2, 3, 4).slice(0, 40)),
    ]);
    expect(set.examples).toBe(2);
    expect(set.skipped).toEqual({
      total: 2,
      reasons: [
        { reason: 'is truncated', count: 1, first: 'b/3.png' },
        { reason: 'is not 2 x 2 as most images are', count: 1, first: 'a/0.png, 1 x 1' },
      ],
    });
    expect(await failure(read([source('a/b/3.png', [1, 2])]))).toContain(
      'folder: holds no image that can be read (a/b/3.png: byte 0: is neither PNG nor JPEG)',
    );
  });

  it('refuses images outside of folders of classes, and shows where they should be', async () => {
    const at = (...names: string[]) => failure(read(names.map((name) => source(name, grey(1, 2, 3, 4)))));
    const layout = 'put the images of each class into a folder of its own: cats/1.png, dogs/2.png';
    expect(await at('3.png')).toContain('3.png: lies in no folder of a class; put the images');
    expect(await at('flat/1.png', 'flat/2.png')).toContain(
      `flat/1.png: lies in no folder of a class, as do the others; ${layout}`,
    );
    expect(await at('set/stray.png', 'set/cat/1.png', 'set/dog/2.png')).toContain(
      `set/stray.png: lies in no folder of a class; ${layout}, or remove it`,
    );
    expect(await at('set/train/1.png', 'set/test/2.png')).toContain(
      'in the folder of a split and of no class',
    );
    const two = [source('cat/1.png', grey(1, 2, 3, 4)), source('dog/1.png', grey(1, 2, 3, 4))];
    expect((await read(two)).classes).toEqual(['cat', 'dog']);
  });

  it('takes any name of a folder for what it is', async () => {
    const files = ['s/constructor/toString/1.png', 's/constructor/cat/2.png'];
    const set = await read(files.map((name) => source(name, grey(1, 2, 3, 4))));
    expect(set).toMatchObject({ splits: [], classes: ['cat', 'toString'] });
  });
});
