/**
 * Files that went wrong in every way a generator thinks of: whatever they hold, an import ends in a data set or in an
 * error for people, soon, and never asks for memory beyond its limits. `KRONLAB_FUZZ=10000` is the long form.
 */
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { encode } from 'fast-png';
import jpeg from 'jpeg-js';
import { Molecule } from 'openchemlib';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { KronlabError } from '../../contract/errors.ts';
import { indexTensor, valueTensor } from '../tensor-dataset.ts';
import { joinBytes } from './byte-stream.ts';
import type { ImportFormat } from '../../contract/datasets.ts';
import { encodeSafetensors } from './formats/safetensors.ts';
import { importDataset, type ImportOptions } from './import.ts';
import type { ImportLimits } from './limits.ts';
import { npyBytes, zipBytes } from './test-arrays.ts';
import { idxBytes, source, testContext } from './test-files.ts';

const runs = Number(process.env['KRONLAB_FUZZ'] ?? 500);
const longestMs = 1000;
/** The short form tries the same files every time; the long form looks for new ones. */
const seed = runs > 500 ? {} : { seed: 20231101 };

const limits: ImportLimits = {
  bytes: 1 << 20,
  examples: 5000,
  side: 64,
  columns: 500,
  classes: 100,
  categories: 20,
  cell: 1 << 14,
  header: 1 << 14,
  files: 50,
  graph: 500,
  document: 1 << 14,
};
/** A decompressed piece and a buffer that doubles may stand beside what is kept. */
const mostMemory = 2 * limits.bytes;

const text = (value: string) => new TextEncoder().encode(value);
const images = idxBytes(
  [6, 4, 4],
  Array.from({ length: 96 }, (_, i) => i),
);
const labels = idxBytes([6], [0, 1, 2, 0, 1, 2]);
const npy = npyBytes(
  '|u1',
  [6, 4],
  Uint8Array.from({ length: 24 }, (_, i) => i),
);
const answers = npyBytes('<i4', [6], new Uint8Array(24));
const csv = `a,b,c,y\n${Array.from({ length: 20 }, (_, i) => `${i},"t ${i % 3}",${i / 7},${i % 2}`).join('\n')}\n`;
const png = encode({ width: 8, height: 8, channels: 3, depth: 8, data: new Uint8Array(192).fill(7) });
const photo = jpeg.encode({ width: 16, height: 16, data: new Uint8Array(1024).fill(90) }, 80).data;
const molfile = Molecule.fromSmiles('CC(=O)Oc1ccccc1C(=O)O').toMolfile();
const graph = {
  graph: { y: 1 },
  nodes: [
    { id: 1, z: 2 },
    { id: 2, z: 3 },
  ],
  links: [{ source: 1, target: 2, w: 0.5 }],
};

/** Numbers, texts, booleans and missing values, so that all kinds of pages are there. */
const parquet = (codec: 'SNAPPY' | 'UNCOMPRESSED') => {
  const rows = Array.from({ length: 40 }, (_, i) => i);
  return new Uint8Array(
    parquetWriteBuffer({
      codec,
      columnData: [
        { name: 'a', data: rows, type: 'INT32' },
        { name: 'b', data: rows.map((i) => (i % 5 === 0 ? null : i / 7)), type: 'DOUBLE' },
        { name: 'c', data: rows.map((i) => `text ${i % 3}`), type: 'STRING' },
        { name: 'd', data: rows.map((i) => i % 4 < 2), type: 'BOOLEAN' },
        { name: 'e', data: rows.map((i) => i * 3), type: 'INT32', encoding: 'DELTA_BINARY_PACKED' },
        { name: 'f', data: rows.map((i) => `item ${i % 7}`), type: 'STRING', encoding: 'DELTA_BYTE_ARRAY' },
        { name: 'y', data: rows.map((i) => i % 2), type: 'INT32' },
      ],
    }),
  );
};

/** The file that is mutated, and sound files beside it. */
const formats: [string, ImportFormat, string, Uint8Array, [string, Uint8Array][]?, ImportOptions?][] = [
  ['IDX images', 'idx', 'f/images-idx3-ubyte', images, [['f/labels-idx1-ubyte', labels]]],
  ['IDX labels', 'idx', 'f/labels-idx1-ubyte', labels, [['f/images-idx3-ubyte', images]]],
  ['IDX, gzip', 'idx', 'f/images-idx3-ubyte.gz', gzipSync(images), [['f/labels-idx1-ubyte', labels]]],
  ['CIFAR', 'cifar', 'data_batch_1.bin', new Uint8Array(2 * 3073).fill(3)],
  ['NPY', 'npy', 'f/x.npy', npy, [['f/y.npy', answers]]],
  [
    'NPZ',
    'npz',
    'a.npz',
    zipBytes([
      { name: 'x.npy', data: npy, deflated: true },
      { name: 'y.npy', data: answers },
    ]),
  ],
  ['CSV', 'csv', 'a.csv', text(csv)],
  ['JSON lines', 'json-lines', 'a.jsonl', text('{"x": [1, 2], "t": "u", "y": 0}\n'.repeat(8))],
  ['Parquet', 'parquet', 'a.parquet', parquet('UNCOMPRESSED')],
  ['Parquet, Snappy', 'parquet', 'a.parquet', parquet('SNAPPY')],
  ['text', 'text', 'a.txt', text('Call me Ishmael. Ä€𝄞\n'.repeat(10))],
  ['PNG', 'images', 'f/a/1.png', png],
  ['JPEG', 'images', 'f/a/1.jpg', photo],
  [
    'safetensors',
    'safetensors',
    'a.safetensors',
    joinBytes(
      encodeSafetensors({
        inputs: valueTensor(
          [6, 2],
          Float32Array.from({ length: 12 }, (_, i) => i / 2),
        ),
        labels: indexTensor([6], new Uint32Array(6)),
      }),
    ),
  ],
  ['SMILES', 'smiles', 'a.csv', text('smiles,y\nCC(=O)O,1\nc1ccccc1[N+](=O)[O-],2\nC1CC1.[Na+],3\n')],
  ['SDF', 'sdf', 'a.sdf', text(`${molfile}\n> <y>\n1.5\n\n$$$$\n`.repeat(2))],
  ['graph JSON', 'graph-json', 'a.json', text(JSON.stringify([graph, graph]))],
  ['CSV of labels', 'csv', 'a.csv', text(`x,p,q\n${'1,0,\n2,1,1\n'.repeat(9)}`), [], { target: 'p,q' }],
  [
    'JSON lines of labels',
    'json-lines',
    'a.jsonl',
    text('{"x": 1, "p": true, "q": null}\n{"x": 2, "p": 0, "q": 1}\n'.repeat(5)),
    [],
    { target: ['p', 'q'] },
  ],
  [
    'NPZ of labels',
    'npz',
    'a.npz',
    zipBytes([
      { name: 'x.npy', data: npy },
      { name: 'y.npy', data: npyBytes('<f4', [6, 2], new Uint8Array(new Float32Array(12).fill(1).buffer)) },
    ]),
    [],
    { task: 'multi-label' },
  ],
  [
    'SMILES of labels',
    'smiles',
    'a.csv',
    text('smiles,p,q\nCC(=O)O,1,\nc1ccccc1,0,1\nC1CC1,,0\n'),
    [],
    { target: 'p,q' },
  ],
  [
    'SDF of labels',
    'sdf',
    'a.sdf',
    text(`${molfile}\n> <p>\n1\n\n> <q>\n0\n\n$$$$\n`.repeat(2)),
    [],
    { target: 'p,q' },
  ],
];

/** Anywhere in the file alike: left to itself, the generator likes its beginning. */
const place = fc.noBias(fc.nat(999_999)).map((millionth) => millionth / 1e6);
const mutation = fc.oneof(
  fc.record({
    kind: fc.constant('set' as const),
    place,
    bytes: fc.uint8Array({ minLength: 1, maxLength: 4 }),
  }),
  fc.record({
    kind: fc.constant('extreme' as const),
    place,
    count: fc.constantFrom(1, 2, 4, 8),
    value: fc.constantFrom(0, 0xff, 0x7f, 0x80),
  }),
  fc.record({
    kind: fc.constant('insert' as const),
    place,
    bytes: fc.uint8Array({ minLength: 1, maxLength: 40 }),
  }),
  fc.record({
    kind: fc.constant('mark' as const),
    place,
    mark: fc.constantFrom(...Array.from('",;\n\r\t[]{}\'()\\.-+eE0:$<>#%=@')),
  }),
  fc.record({ kind: fc.constant('cut' as const), place }),
  fc.record({
    kind: fc.constant('repeat' as const),
    place,
    to: place,
    times: fc.integer({ min: 2, max: 20 }),
  }),
  fc.record({ kind: fc.constant('remove' as const), place, to: place }),
);
type Mutation = typeof mutation extends fc.Arbitrary<infer T> ? T : never;

function mutate(bytes: Uint8Array, change: Mutation): Uint8Array {
  const at = Math.floor(change.place * bytes.length);
  const splice = (end: number, ...parts: Uint8Array[]) =>
    joinBytes([bytes.subarray(0, at), ...parts, bytes.subarray(end)].map((part) => Uint8Array.from(part)));
  switch (change.kind) {
    case 'set':
      return splice(at + change.bytes.length, change.bytes);
    case 'extreme':
      return splice(at + change.count, new Uint8Array(change.count).fill(change.value));
    case 'insert':
      return splice(at, change.bytes);
    case 'mark':
      return splice(at + 1, text(change.mark));
    case 'cut':
      return bytes.slice(0, at);
    case 'repeat': {
      const part = bytes.subarray(at, Math.max(at, Math.floor(change.to * bytes.length)));
      return splice(at, ...Array<Uint8Array>(change.times).fill(part));
    }
    case 'remove':
      return splice(Math.max(at, Math.floor(change.to * bytes.length)));
  }
}

/** The most bytes that anybody asked for at once. */
let largest = 0;

/** Counts what constructors of memory are asked for, without anybody noticing. */
function watch(
  name:
    | 'ArrayBuffer'
    | 'Uint8Array'
    | 'Uint16Array'
    | 'Uint32Array'
    | 'Int32Array'
    | 'Float32Array'
    | 'Float64Array',
) {
  const original: { new (length: number): object; BYTES_PER_ELEMENT?: number } = globalThis[name];
  const watched: typeof original = new Proxy(original, {
    construct(target, args: [number], newTarget): object {
      // A length that is no number makes an empty array.
      if (typeof args[0] === 'number' && !Number.isNaN(args[0]))
        largest = Math.max(largest, args[0] * (original.BYTES_PER_ELEMENT ?? 1));
      return Reflect.construct(target, args, newTarget === watched ? target : newTarget) as object;
    },
  });
  vi.stubGlobal(name, watched);
}

describe('a damaged file', () => {
  beforeAll(() => {
    for (const name of [
      'ArrayBuffer',
      'Uint8Array',
      'Uint16Array',
      'Uint32Array',
      'Int32Array',
      'Float32Array',
      'Float64Array',
    ] as const)
      watch(name);
  });
  afterAll(() => vi.unstubAllGlobals());

  const attempt = async (
    format: ImportFormat,
    name: string,
    bytes: Uint8Array,
    beside: [string, Uint8Array][],
    options: ImportOptions,
  ) => {
    const sources = [source(name, bytes), ...beside.map(([other, content]) => source(other, content))];
    return importDataset(sources, { ...options, format }, testContext(limits));
  };

  it.each(formats)(
    'of %s ends in a data set or an error for people',
    async (_, format, name, bytes, beside = [], options = {}) => {
      // Sound as it is: the mutations start from something.
      largest = 0;
      expect((await attempt(format, name, bytes, beside, options)).dataset.examples).toBeGreaterThan(0);
      expect(largest).toBeGreaterThan(0);
      await fc.assert(
        fc.asyncProperty(fc.array(mutation, { minLength: 1, maxLength: 4 }), async (changes) => {
          const damaged = changes.reduce(mutate, bytes);
          largest = 0;
          const start = process.cpuUsage();
          const outcome = await attempt(format, name, damaged, beside, options).catch(
            (error: unknown) => error,
          );
          const { user, system } = process.cpuUsage(start);
          if (outcome instanceof Error && !(outcome instanceof KronlabError)) throw outcome;
          if (outcome instanceof KronlabError) expect(outcome.code).toBe('invalid');
          // Time of the processor: a busy machine must not fail this.
          expect((user + system) / 1000).toBeLessThan(longestMs);
          expect(largest).toBeLessThanOrEqual(mostMemory);
        }),
        { numRuns: runs, ...seed },
      );
    },
  );
});
