import { describe, expect, it } from 'vitest';
import { contentHash } from '../../content-hash.ts';
import { openStream } from '../byte-stream.ts';
import { fromNamedArrays } from '../named-arrays.ts';
import { bytesOf, npyBytes, zipBytes } from '../test-arrays.ts';
import { failure, idxBytes, source, testContext } from '../test-files.ts';
import { readIdx } from './idx.ts';
import { readNpy } from './npy.ts';
import { readNpz } from './npz.ts';

const read = async (bytes: Uint8Array, limits = {}) => {
  const context = testContext(limits);
  return readNpy(await openStream(source('a.npy', bytes), context), 'a', context);
};
const archive = async (bytes: Uint8Array, target?: string, limits = {}) => {
  const context = testContext(limits);
  return fromNamedArrays('a.npz', await readNpz(source('a.npz', bytes), context), 'a', { target }, context);
};
const pixels = Uint8Array.of(0, 1, 2, 3, 10, 11, 12, 13);
const images = npyBytes('|u1', [2, 2, 2], pixels);
const labels = npyBytes('<i8', [2], bytesOf(BigInt64Array.of(7n, 3n)));

describe('readNpy', () => {
  it('reads numbers of either byte order and text', async () => {
    const floats = bytesOf(Float32Array.of(1.5, -2));
    expect((await read(npyBytes('<f4', [2], floats))).values).toEqual(Float64Array.of(1.5, -2));
    const swapped = Uint8Array.from([...floats.slice(0, 4).reverse(), ...floats.slice(4).reverse()]);
    expect((await read(npyBytes('>f4', [2], swapped))).values).toEqual(Float64Array.of(1.5, -2));
    // Half precision: 0x3e00 is 1.5, 0x0001 the smallest subnormal, 2^-24.
    expect((await read(npyBytes('<f2', [2], Uint8Array.of(0, 0x3e, 1, 0)))).values).toEqual(
      Float64Array.of(1.5, 2 ** -24),
    );
    expect((await read(npyBytes('|S2', [2], Uint8Array.of(0x61, 0, 0x62, 0x63)))).values).toEqual([
      'a',
      'bc',
    ]);
    const unicode = bytesOf(Uint32Array.of(0xe9, 0));
    expect((await read(npyBytes('<U2', [1], unicode))).values).toEqual(['é']);
  });

  it('turns column-major arrays', async () => {
    const columns = npyBytes('|u1', [2, 3], Uint8Array.of(1, 4, 2, 5, 3, 6), true);
    expect((await read(columns)).values).toEqual(Uint8Array.of(1, 2, 3, 4, 5, 6));
  });

  it.each([
    ['another format', Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8), 'a.npy, byte 0: is not an NPY file'],
    ['a truncated array', images.slice(0, -1), 'the array of shape (2, 2, 2) needs 8 bytes'],
    ['a tail', Uint8Array.from([...images, 1]), 'goes on after the 8 values'],
    [
      'a bomb of a header',
      npyBytes('<f8', [900_000, 800_000], new Uint8Array(8)),
      'bytes of data, which is more than',
    ],
    [
      'pickled objects',
      npyBytes('|O', [2], new Uint8Array(8)),
      'holds pickled Python objects, which can run code',
    ],
    ['unknown types', npyBytes('<c8', [1], new Uint8Array(8)), "the type '<c8' is none the lab reads"],
    ['sizes that are none', npyBytes('<f4', [2 ** 60], new Uint8Array(8)), 'is no list of sizes'],
    ['code in the header', npyBytes("|u1', 'x': exit(), 'y': '", [1], pixels), 'does not give descr'],
  ])('refuses %s', async (_, bytes, message) => {
    expect(await failure(read(bytes))).toContain(message);
  });
});

describe('NPZ', () => {
  it('holds splits by name, and is the data set the IDX files are', async () => {
    const set = await archive(
      zipBytes([
        { name: 'x_test.npy', data: npyBytes('|u1', [1, 2, 2], Uint8Array.of(9, 9, 9, 9)) },
        { name: 'y_test.npy', data: npyBytes('|u1', [1], Uint8Array.of(3)) },
        { name: 'x_train.npy', data: images, deflated: true },
        { name: 'y_train.npy', data: labels, deflated: true },
      ]),
    );
    expect(set.splits.map(({ name, count }) => [name, count])).toEqual([
      ['train', 2],
      ['test', 1],
    ]);
    const pair = (split: string, inputs: Uint8Array, answers: Uint8Array) => ({
      split,
      inputs: source('i', inputs),
      labels: source('l', answers),
    });
    const idx = await readIdx(
      [
        pair('train', idxBytes([2, 2, 2], [...pixels]), idxBytes([2], [7, 3])),
        pair('test', idxBytes([1, 2, 2], [9, 9, 9, 9]), idxBytes([1], [3])),
      ],
      'b',
      testContext(),
    );
    expect(await contentHash(set)).toBe(await contentHash(idx));
  });

  it('takes images with channels last, and floats of whole numbers as what they are', async () => {
    const last = npyBytes(
      '<f4',
      [1, 2, 2, 3],
      bytesOf(Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)),
    );
    const set = await archive(
      zipBytes([
        { name: 'data.npy', data: last },
        { name: 'score.npy', data: npyBytes('<f8', [1], bytesOf(Float64Array.of(0.5))) },
      ]),
      'score',
    );
    expect(set.tensors['inputs']).toEqual({
      type: 'u8',
      shape: [1, 3, 2, 2],
      data: Uint8Array.of(1, 4, 7, 10, 2, 5, 8, 11, 3, 6, 9, 12),
    });
    expect(set).toMatchObject({ task: 'regression', targets: ['score'] });
    expect(set.tensors['targets']!.data).toEqual(Float32Array.of(0.5));
  });

  it('leaves out rows that are not finite and says so', async () => {
    const rows = npyBytes('<f4', [3, 2], bytesOf(Float32Array.of(1, 2, NaN, 3, 4, 5)));
    const set = await archive(
      zipBytes([
        { name: 'x.npy', data: rows },
        { name: 'y.npy', data: npyBytes('|u1', [3], Uint8Array.of(0, 1, 1)) },
      ]),
    );
    expect(set.tensors['inputs']!.data).toEqual(Uint8Array.of(1, 2, 4, 5));
    expect([...set.tensors['labels']!.data]).toEqual([0, 1]);
    expect(set.skipped).toEqual({
      total: 1,
      reasons: [
        { reason: 'an input is not a finite number', count: 1, first: 'a.npz, array "x", example 2' },
      ],
    });
  });

  const array = (name: string, shape: number[], first = 0) => ({
    name: `${name}.npy`,
    data: npyBytes(
      '|u1',
      shape,
      Uint8Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => first + i),
    ),
  });

  it('takes arrays of any name once the labels are chosen', async () => {
    const arrays = zipBytes([array('arr_0', [2, 3]), array('arr_1', [2], 5), array('arr_2', [4])]);
    const error: unknown = await archive(arrays).catch((reason: unknown) => reason);
    expect(error).toMatchObject({
      message: expect.stringContaining('choose the labels as the target (--target)') as unknown,
      data: { targets: ['arr_0', 'arr_1', 'arr_2'] },
    });
    const set = await archive(arrays, 'arr_1');
    expect(set).toMatchObject({ examples: 2, classes: ['5', '6'], targets: ['arr_1'] });
    expect([...set.tensors['inputs']!.data]).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it('reports inputs without labels', async () => {
    const arrays = [array('x_train', [2, 1]), array('y_train', [2]), array('x_test', [3, 1])];
    expect(await archive(zipBytes(arrays))).toMatchObject({
      examples: 2,
      skipped: {
        total: 3,
        reasons: [{ reason: 'there are no labels for it', count: 3, first: 'a.npz, array "x_test"' }],
      },
    });
    const unnamed = await archive(zipBytes([array('x', [2, 1]), array('other', [2])]));
    expect(unnamed).toMatchObject({ targets: ['other'], skipped: { total: 0 } });
  });

  it('says which arrays are two of one kind', async () => {
    const twice = zipBytes([array('x', [2, 1]), array('images', [2, 1]), array('y', [2])]);
    expect(await failure(archive(twice))).toContain(
      'a.npz, array "images": holds inputs, as a.npz, array "x" does',
    );
    const labels = [array('x', [2, 1]), array('y', [2]), array('label', [2])];
    const error: unknown = await archive(zipBytes(labels)).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ data: { targets: ['y', 'label'] } });
    expect(await archive(zipBytes(labels), 'label')).toMatchObject({ targets: ['label'] });
    // Names of classes are no labels of examples.
    const names = [array('x', [2, 1]), array('classes', [9]), array('y', [2])];
    expect(await archive(zipBytes(names))).toMatchObject({ targets: ['y'] });
  });

  it('refuses what is unsound', async () => {
    const good = { name: 'x.npy', data: images };
    const whole = zipBytes([good, { name: 'y.npy', data: labels }]);
    expect(await failure(archive(whole.slice(0, -10)))).toContain('is no ZIP archive, or its end is missing');
    for (const name of ['../x.npy', '/x.npy', 'a\\x.npy', 'C:x.npy'])
      expect(await failure(archive(zipBytes([{ name, data: images }])))).toContain(
        'points outside of the archive',
      );
    expect(await failure(archive(zipBytes([good, good])))).toContain('"x.npy" is there twice');
    const broken = whole.slice();
    broken[200] = broken[200]! ^ 1;
    expect(await failure(archive(broken))).toMatch(/checksum is wrong|KronlabError/);
    const bomb = zipBytes([{ name: 'x.npy', data: new Uint8Array(1_000_000), deflated: true }]);
    expect(await failure(archive(bomb, undefined, { bytes: 10_000 }))).toContain(
      '1000000 bytes decompressed',
    );
    expect(await failure(archive(zipBytes([{ name: 'a.txt', data: images }])))).toContain(
      'a.npz, member "a.txt": is no NPY array, and of ZIP archives those of arrays alone are read; unpack it',
    );
    const workbook = ['[Content_Types].xml', 'xl/workbook.xml'].map((name) => ({ name, data: images }));
    expect(await failure(archive(zipBytes(workbook)))).toContain(
      'a.npz: is a spreadsheet or another office file; save its table as CSV',
    );
    expect(
      await failure(
        archive(zipBytes([good, { name: 'z.npy', data: images }, { name: 'q.npy', data: labels }])),
      ),
    ).toContain('x [2, 2, 2], z [2, 2, 2], q [2], and their names do not say');
    expect(
      await failure(
        archive(zipBytes([good, { name: 'y.npy', data: npyBytes('|u1', [1], Uint8Array.of(1)) }])),
      ),
    ).toContain('array "y": holds 1 labels, but a.npz, array "x" holds 2 examples');
  });
});
