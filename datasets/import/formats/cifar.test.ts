import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { failure, source, testContext } from '../test-files.ts';
import { cifarClasses, findCifar, readCifar } from './cifar.ts';

/** A record whose image counts up from its first label. */
function record(...labels: number[]): number[] {
  return [...labels, ...Array.from({ length: 3072 }, (_, i) => (i + labels[0]!) % 251)];
}

const read = (files: ReturnType<typeof findCifar>, level: 'fine' | 'coarse' = 'fine') =>
  readCifar(files!, level, 'cifar', testContext());

describe('readCifar', () => {
  it('reads a folder of CIFAR-10, with class names and splits in order', async () => {
    const names = Array.from({ length: 10 }, (_, i) => `class ${i}`).join('\n');
    const set = await read(
      findCifar([
        source('c/test_batch.bin', record(4)),
        source('c/data_batch_2.bin', record(9)),
        source('c/data_batch_1.bin', [...record(1), ...record(9)]),
        source('c/batches.meta.txt', `${names}\n\n`),
      ]),
    );
    expect(set.tensors['inputs']!.shape).toEqual([4, 3, 32, 32]);
    expect([...set.tensors['inputs']!.data.subarray(0, 3)]).toEqual([1, 2, 3]);
    expect([...set.tensors['labels']!.data]).toEqual([0, 2, 2, 1]);
    expect(set.classes).toEqual(['class 1', 'class 4', 'class 9']);
    expect(set.splits).toEqual([
      { name: 'train', start: 0, count: 3 },
      { name: 'test', start: 3, count: 1 },
    ]);
  });

  it('reads either label of CIFAR-100, and gzip', async () => {
    const files = findCifar([
      source('train.bin', [...record(3, 77), ...record(19, 5)]),
      source('test.bin.gz', new Uint8Array(gzipSync(Uint8Array.from(record(3, 77))))),
    ]);
    expect((await read(files)).classes).toEqual(['5', '77']);
    expect((await read(files, 'coarse')).classes).toEqual(['3', '19']);
    expect((await read(files)).splits.map((split) => split.count)).toEqual([2, 1]);
  });

  it('names the classes of either label of CIFAR-100', async () => {
    const list = (prefix: string, count: number) =>
      Array.from({ length: count }, (_, i) => `${prefix} ${i}`).join('\n');
    const files = findCifar([
      source('c/train.bin', [...record(3, 77), ...record(19, 5)]),
      source('c/fine_label_names.txt', list('fine', 100)),
      source('c/coarse_label_names.txt', list('coarse', 20)),
    ]);
    expect((await read(files)).classes).toEqual(['fine 5', 'fine 77']);
    expect((await read(files, 'coarse')).classes).toEqual(['coarse 3', 'coarse 19']);
  });

  it('refuses a part that is there twice', () => {
    const files = (...names: string[]) => names.map((name) => source(name, record(1)));
    expect(() => findCifar(files('c/data_batch_1.bin', 'c/data_batch_1.bin.gz'))).toThrow(
      'c/data_batch_1.bin.gz: is the same part of a data set as c/data_batch_1.bin',
    );
    expect(() => findCifar(files('a/train.bin', 'b/train.bin'))).toThrow('b/train.bin: is the same part');
  });

  it('refuses truncated files and labels out of range', async () => {
    const one = (content: number[]) => findCifar([source('test_batch.bin', content)]);
    expect(await failure(read(one(record(1).slice(0, -1))))).toBe(
      'KronlabError: test_batch.bin: holds 3072 bytes, which are not whole records of 3073; ' +
        'it is truncated, or not the binary version of CIFAR: download that one again',
    );
    expect(await failure(read(one([])))).toContain('holds 0 bytes');
    expect(await failure(read(one([...record(1), ...record(10)])))).toContain(
      'test_batch.bin, record 2: its label is 10; labels go from 0 to 9',
    );
  });

  it('tells the set of a single file by its size', () => {
    expect([3073 * 7, 3074 * 7, 3072, 0].map(cifarClasses)).toEqual([10, 100, null, null]);
  });
});
