import { parquetWriteBuffer } from 'hyparquet-writer';
import { encode } from 'fast-png';
import { describe, expect, it } from 'vitest';
import { indexTensor, valueTensor } from '../tensor-dataset.ts';
import type { ByteSource } from './byte-source.ts';
import { blobSource } from './byte-source.ts';
import { joinBytes } from './byte-stream.ts';
import { encodeSafetensors } from './formats/safetensors.ts';
import { importDataset, type ImportOptions } from './import.ts';
import { npyBytes, zipBytes } from './test-arrays.ts';
import { failure, idxBytes, source, testContext } from './test-files.ts';

const run = (sources: ByteSource | ByteSource[], options: ImportOptions = {}) =>
  importDataset([sources].flat(), options, testContext());

// Three grey images of 2 x 2 and their classes, in every format that can hold them.
const pixels = [0, 1, 2, 3, 10, 11, 12, 13, 200, 201, 202, 255];
const classes = [2, 5, 2];
const x = npyBytes('|u1', [3, 2, 2], Uint8Array.from(pixels));
const y = npyBytes('|u1', [3], Uint8Array.from(classes));
const row = (i: number) => pixels.slice(4 * i, 4 * i + 4);
const csv = `a,b,c,d,label\n${classes.map((label, i) => [...row(i), label].join(',')).join('\n')}\n`;
const lines = classes.map((label, i) => JSON.stringify({ x: row(i), y: label })).join('\n');
const imageShape = [1, 2, 2] as const;

const sameImages: [string, ByteSource[], ImportOptions, string][] = [
  [
    'an IDX folder',
    [
      source('m/images-idx3-ubyte', idxBytes([3, 2, 2], pixels)),
      source('m/labels-idx1-ubyte', idxBytes([3], classes)),
    ],
    {},
    'idx',
  ],
  [
    'an IDX pair',
    [source('a', idxBytes([3, 2, 2], pixels))],
    { labels: source('b', idxBytes([3], classes)) },
    'idx',
  ],
  ['an NPY pair', [source('x.npy', x)], { labels: source('b.npy', y) }, 'npy'],
  ['an NPY folder', [source('m/x.npy', x), source('m/y.npy', y)], {}, 'npy'],
  [
    'NPZ',
    [
      source(
        'm.npz',
        zipBytes([
          { name: 'images.npy', data: x },
          { name: 'labels.npy', data: y },
        ]),
      ),
    ],
    {},
    'npz',
  ],
  ['CSV', [source('m.csv', csv)], { imageShape }, 'csv'],
  ['TSV', [source('m.tsv', csv.replaceAll(',', '\t'))], { imageShape }, 'csv'],
  ['JSON lines', [source('m.jsonl', lines)], { imageShape }, 'json-lines'],
  [
    'Parquet',
    [
      source(
        'm.parquet',
        new Uint8Array(
          parquetWriteBuffer({
            columnData: [0, 1, 2, 3]
              .map((i) => ({
                name: `p${i}`,
                data: classes.map((_, j) => row(j)[i]!),
                type: 'INT32' as const,
              }))
              .concat({ name: 'label', data: classes, type: 'INT32' }),
          }),
        ),
      ),
    ],
    { imageShape },
    'parquet',
  ],
  [
    'safetensors',
    [
      source(
        'm.safetensors',
        joinBytes(
          encodeSafetensors({
            inputs: valueTensor([3, 1, 2, 2], Uint8Array.from(pixels)),
            labels: indexTensor([3], Uint32Array.from(classes)),
          }),
        ),
      ),
    ],
    {},
    'safetensors',
  ],
];

describe('importDataset', () => {
  it('gives the same data the same hash in every format, and finds out the format', async () => {
    const results = await Promise.all(sameImages.map(([, sources, options]) => run(sources, options)));
    expect(results.map((result) => result.format)).toEqual(sameImages.map(([, , , format]) => format));
    expect(new Set(results.map((result) => result.hash)).size).toBe(1);
    expect(results[0]).toMatchObject({ hash: /^[0-9a-f]{64}$/.exec(results[0]!.hash)?.[0] });
    expect(results[0]!.dataset).toMatchObject({ examples: 3, kind: 'images', classes: ['2', '5'] });
    // Images by class come in the order of their folders: other examples first, another data set.
    const image = (i: number) =>
      encode({ width: 2, height: 2, channels: 1, depth: 8, data: Uint8Array.from(row(i)) });
    const folder = classes.map((label, i) => source(`m/${label}/${i}.png`, image(i)));
    const result = await run(folder);
    expect([result.format, result.dataset.name]).toEqual(['images', 'm']);
    expect([...result.dataset.tensors['labels']!.data]).toEqual([0, 0, 1]);
    // One image of a folder is still the folder's.
    expect((await run(folder[0]!)).dataset.name).toBe('m');
  });

  it('reads a blob as it reads bytes', async () => {
    const { hash } = await run(source('m.csv', csv));
    expect((await run(blobSource(new Blob([csv]), 'm.csv'))).hash).toBe(hash);
  });

  it('finds molecules, graphs, texts and CIFAR', async () => {
    const found = async (name: string, content: string | Uint8Array) =>
      (await run(source(name, content))).format;
    expect(await found('a.csv', 'id,SMILES,y\n1,CC,0\n')).toBe('smiles');
    expect(await found('a.smi', 'CC 1\n')).toBe('smiles');
    expect(await found('a.json', '{"y": 1, "nodes": [{"id": 1}], "links": []}')).toBe('graph-json');
    expect(await found('a.txt', 'words')).toBe('text');
    expect(await found('batch.bin', new Uint8Array(3073))).toBe('cifar');
    const texts = await run([source('t/train.txt', 'ab'), source('t/valid.txt', 'b')]);
    expect(texts.dataset.splits.map((split) => split.name)).toEqual(['train', 'validation']);
  });

  it('says what it cannot make out', async () => {
    expect(await failure(run(source('x.dat', 'abc')))).toContain('name the format (--format): idx, cifar');
    expect(await failure(run([]))).toContain('the folder: holds no files');
    expect(await failure(run([source('a/b.csv', csv), source('a/c.csv', csv)]))).toContain(
      'is one of 2 files that are no data set together',
    );
    expect(await failure(run(source('a', idxBytes([3], classes))))).toContain(
      'has no file of labels beside it',
    );
    expect(await failure(run(source('a.csv', csv), { labels: source('b', '') }))).toContain(
      'does not go with csv',
    );
    expect(await failure(run([source('a/b.txt', 'x'), source('a/c.txt', 'y')]))).toContain('call them train');
  });

  it('refuses a choice that the format does not know, and names those that it knows', async () => {
    const idx = [
      source('m/images-idx3-ubyte', idxBytes([3, 2, 2], pixels)),
      source('m/labels-idx1-ubyte', idxBytes([3], classes)),
    ];
    const npz = source('m.npz', zipBytes([{ name: 'x.npy', data: x }]));
    const refused: [ByteSource | ByteSource[], ImportOptions, string][] = [
      [
        idx,
        { target: 'nope' },
        'm/images-idx3-ubyte: a target (--target) does not go with idx; idx takes a file of',
      ],
      [idx, { imageShape: [1, 1, 1] }, 'a shape of images (--image) does not go with idx'],
      [idx, { task: 'regression' }, 'a task (--task) does not go with idx'],
      [
        npz,
        { imageShape: [1, 2, 2] },
        'a shape of images (--image) does not go with npz; npz takes a target',
      ],
      [
        source('a.txt', 'x'),
        { target: 'y' },
        'does not go with text; text takes no such choice; leave the other out',
      ],
      [source('a.jsonl', lines), { header: true }, 'a header (--header) does not go with json-lines'],
      [source('a.sdf', ''), { types: { a: 'category' } }, 'types of columns (--types) does not go with sdf'],
    ];
    for (const [sources, options, message] of refused)
      expect(await failure(run(sources, options))).toContain(message);
    // To ask a set of classes for its classes is no mistake.
    expect((await run(idx, { task: 'classification', types: {} })).dataset.examples).toBe(3);
  });

  it('takes a label of CIFAR that is there, and no other', async () => {
    const hundred = source('train.bin', new Uint8Array(3074));
    expect(await failure(run(hundred, { target: 'corase' }))).toContain(
      'train.bin: CIFAR-100 has no label "corase"; the target is fine or coarse',
    );
    expect((await run(hundred, { target: 'coarse' })).dataset.classes).toEqual(['0']);
    const ten = source('data_batch_1.bin', new Uint8Array(3073));
    expect(await failure(run(ten, { target: 'coarse' }))).toContain('CIFAR-10 has no label "coarse"');
  });

  it('refuses arrays that are there twice', async () => {
    const twice = [source('m/x.npy', x), source('m/x.npy.gz', x), source('m/y.npy', y)];
    expect(await failure(run(twice))).toContain('m/x.npy.gz: is the same part of a data set as m/x.npy');
  });

  it('finds IDX files of any name, in either byte order', async () => {
    const files = [source('m/a', idxBytes([3, 2, 2], pixels)), source('m/b', idxBytes([3], classes))];
    const error: unknown = await run(files).catch((reason: unknown) => reason);
    expect(error).toMatchObject({
      message: expect.stringContaining('has no file of labels beside it') as unknown,
      data: { files: ['m/a', 'm/b'] },
    });
    const swapped = source('a', [3, 8, 0, 0, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, ...pixels]);
    expect(await failure(run(swapped, { labels: files[1]! }))).toContain('is written in little-endian order');
  });

  it('takes names for names, also those that every object has', async () => {
    expect(await failure(run(source('data.constructor', 'abc')))).toContain('is of no format that its name');
    expect(await failure(run([source('a/x.toString', 'abc'), source('a/y.toString', 'abc')]))).toContain(
      'is one of 2 files that are no data set together',
    );
    const arrays = zipBytes([
      { name: 'constructor_x.npy', data: x },
      { name: 'y.npy', data: y },
    ]);
    expect((await run(source('m.npz', arrays))).dataset.splits).toEqual([]);
    const header = { x: { dtype: 'constructor', shape: [1], data_offsets: [0, 1] } };
    const text = new TextEncoder().encode(JSON.stringify(header));
    const tensors = Uint8Array.from([text.length, 0, 0, 0, 0, 0, 0, 0, ...text, 7]);
    expect(await failure(run(source('m.safetensors', tensors)))).toContain('its type "constructor" is none');
    expect(await failure(run(source('m.npy', npyBytes('constructor', [1], Uint8Array.of(1)))))).toContain(
      "the type 'constructor' is none the lab reads",
    );
  });

  it('ends when cancelled in the middle of a file', async () => {
    const abort = new AbortController();
    const long = source('a.csv', `a,b\n${'1,2\n'.repeat(1_000_000)}`);
    const context = { ...testContext(), signal: abort.signal, onProgress: () => abort.abort() };
    expect(await failure(importDataset([long], {}, context))).toMatch(/^AbortError/);
  });
});
