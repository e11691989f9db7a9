import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { failure, idxBytes, source, testContext } from '../test-files.ts';
import { findIdxPairs, readIdx, readIdxArray } from './idx.ts';

const images = idxBytes([3, 2, 2], [0, 1, 2, 3, 10, 11, 12, 13, 255, 254, 253, 252]);
const labels = idxBytes([3], [7, 3, 7]);
const pair = (inputs: Uint8Array, answers: Uint8Array) => [
  { split: null, inputs: source('images.idx', inputs), labels: source('labels.idx', answers) },
];

describe('readIdx', () => {
  it('reads images and labels, compressed or not', async () => {
    for (const pack of [(b: Uint8Array) => b, (b: Uint8Array) => new Uint8Array(gzipSync(b))]) {
      const set = await readIdx(pair(pack(images), pack(labels)), 'mine', testContext());
      expect(set).toMatchObject({ name: 'mine', kind: 'images', task: 'classification', examples: 3 });
      expect(set.tensors['inputs']).toEqual({
        type: 'u8',
        shape: [3, 1, 2, 2],
        data: images.slice(16),
      });
      expect([...set.tensors['labels']!.data]).toEqual([1, 0, 1]);
      expect(set.classes).toEqual(['3', '7']);
    }
  });

  it('finds the pairs of a folder and keeps its split', async () => {
    const folder = [
      source('a/t10k-images-idx3-ubyte', idxBytes([1, 2, 2], [9, 9, 9, 9])),
      source('a/t10k-labels-idx1-ubyte.gz', new Uint8Array(gzipSync(idxBytes([1], [3])))),
      source('a/train-images-idx3-ubyte', images),
      source('a/train-labels-idx1-ubyte', labels),
    ];
    const set = await readIdx(findIdxPairs(folder), 'a', testContext());
    expect(set.splits).toEqual([
      { name: 'train', start: 0, count: 3 },
      { name: 'test', start: 3, count: 1 },
    ]);
    expect([...set.tensors['inputs']!.data.slice(-4)]).toEqual([9, 9, 9, 9]);
    expect(() => findIdxPairs(folder.slice(0, 1))).toThrow(
      'a/t10k-images-idx3-ubyte: has no label file beside it; put t10k-labels-idx1-ubyte beside it',
    );
  });

  it('takes labels from the same folder only, and refuses several data sets at once', async () => {
    const nested = ['fashion', 'mnist'].flatMap((set) => [
      source(`n/${set}/train-images-idx3-ubyte`, images),
      source(`n/${set}/train-labels-idx1-ubyte`, labels),
    ]);
    expect(() => findIdxPairs(nested)).toThrow(
      'n/mnist/train-images-idx3-ubyte: is the same part of a data set as n/fashion/train-images-idx3-ubyte',
    );
    expect(() => findIdxPairs([nested[0]!, source('n/train-labels-idx1-ubyte', labels)])).toThrow(
      'n/fashion/train-images-idx3-ubyte: has no label file beside it',
    );
    const both = [
      source('a/train-images-idx3-ubyte', images),
      source('a/train-labels-idx1-ubyte', labels),
      source('a/train-images.idx3-ubyte', images),
      source('a/train-labels.idx1-ubyte', labels),
    ];
    expect(() => findIdxPairs(both)).toThrow(
      'a/train-images.idx3-ubyte: is the split train, as a/train-images-idx3-ubyte is; import one data set',
    );
  });

  it('refuses a file beside its own compressed form', () => {
    for (const part of ['images-idx3', 'labels-idx1']) {
      const files = [
        source('a/train-images-idx3-ubyte', images),
        source('a/train-labels-idx1-ubyte', labels),
        source(`a/train-${part}-ubyte.gz`, new Uint8Array(gzipSync(images))),
      ];
      expect(() => findIdxPairs(files)).toThrow(
        `a/train-${part}-ubyte.gz: is the same part of a data set as a/train-${part}-ubyte; import one`,
      );
    }
  });

  it('says that the dimensions are in the wrong order', async () => {
    const swapped = [0, 0, 8, 3, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, ...images.slice(16)];
    for (const bytes of [Uint8Array.from(swapped), new Uint8Array(gzipSync(Uint8Array.from(swapped)))]) {
      expect(await failure(readIdx(pair(bytes, labels), 'x', testContext()))).toContain(
        'images.idx, byte 4: its dimensions are 3 x 2 x 2 in little-endian order; IDX is big-endian',
      );
    }
  });

  it('reads the other element types in big-endian order', async () => {
    const header = [0, 0, 0x0b, 1, 0, 0, 0, 2];
    expect((await readIdxArray(source('x', [...header, 1, 2, 0xff, 0xff]), testContext())).values).toEqual(
      Float32Array.of(258, -1),
    );
  });

  it.each([
    ['a truncated file', images.slice(0, -1), 'byte 16: the images needs 12 bytes, but 11 are there at most'],
    ['a bomb of a header', idxBytes([999_999, 28, 28], []), 'bytes, but 0 are there at most'],
    [
      'more examples than allowed',
      idxBytes([2 ** 31, 28, 28], []),
      '2147483648 examples, which is more than',
    ],
    [
      'sides beyond the cap',
      idxBytes([1, 4096, 1], []),
      '4096 pixels along a side, which is more than the 1024',
    ],
    ['a tail', Uint8Array.from([...images, 0]), 'byte 28: goes on after the 12 values its header names'],
    ['little-endian order', Uint8Array.of(3, 8, 0, 0, 3, 0, 0, 0), 'is written in little-endian order'],
    ['another format', Uint8Array.of(80, 75, 3, 4), 'byte 0: is not an IDX file'],
    ['no examples', idxBytes([0, 2, 2], []), 'byte 4: holds no values'],
    ['an empty file', new Uint8Array(0), 'byte 0: the magic number needs 4 bytes'],
  ])('refuses %s', async (_, bytes, message) => {
    expect(await failure(readIdx(pair(bytes, labels), 'x', testContext()))).toContain(message);
    expect(await failure(readIdx(pair(bytes, labels), 'x', testContext()))).toMatch(
      /^KronlabError: images.idx/,
    );
  });

  it('refuses labels of another number and swapped files', async () => {
    const fewer = pair(images, idxBytes([2], [1, 2]));
    expect(await failure(readIdx(fewer, 'x', testContext()))).toContain(
      'labels.idx: holds 2 labels, but images.idx holds 3 examples',
    );
    expect(await failure(readIdx(pair(labels, images), 'x', testContext()))).toContain(
      'has 3 dimensions; labels have 1',
    );
  });

  it('stops a gzip bomb and damaged gzip data', async () => {
    const bomb = new Uint8Array(gzipSync(new Uint8Array(1_000_000)));
    expect(await failure(readIdx(pair(bomb, labels), 'x', testContext({ bytes: 1000 })))).toContain(
      'decompresses to more than the 1000 bytes',
    );
    const packed = new Uint8Array(gzipSync(images));
    expect(await failure(readIdx(pair(packed.slice(0, -9), labels), 'x', testContext()))).toContain(
      'images.idx: its compressed data is truncated or damaged',
    );
  });

  it('ends when cancelled, and says how far it is', async () => {
    const seen: number[] = [];
    await readIdxArray(source('x', images), {
      ...testContext(),
      onProgress: ({ done, total }) => seen.push(done / total),
    });
    expect(seen).toEqual([1]);
    const signal = AbortSignal.abort();
    expect(await failure(readIdxArray(source('x', images), { ...testContext(), signal }))).toMatch(
      /AbortError/,
    );
  });
});
