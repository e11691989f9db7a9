/** Sound files of every format, for the fuzz tests to damage: as they are, or before they are packed. */
import { crc32, deflateSync } from 'node:zlib';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { encode } from 'fast-png';
import jpeg from 'jpeg-js';
import { Molecule } from 'openchemlib';
import type { ImportFormat } from '../../contract/datasets.ts';
import { indexTensor, valueTensor } from '../tensor-dataset.ts';
import { joinBytes } from './byte-stream.ts';
import { encodeSafetensors } from './formats/safetensors.ts';
import type { ImportOptions } from './options.ts';
import { npyBytes, zipBytes } from './test-arrays.ts';
import { idxBytes } from './test-files.ts';

export interface FuzzedFile {
  title: string;
  format: ImportFormat;
  /** What the damaged file is called. */
  name: string;
  /** What is damaged. */
  bytes: Uint8Array;
  /** Makes a file of it, with its checksums right, where it is not the file itself. */
  pack?: (bytes: Uint8Array) => Uint8Array;
  /** Whether the file may be compressed with gzip. */
  gzip?: boolean;
  beside?: [string, Uint8Array][];
  options?: ImportOptions;
}

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

/** A PNG file of 8 x 8 coloured pixels whose filtered rows are these bytes. */
function pngOfRows(rows: Uint8Array): Uint8Array {
  const header = Uint8Array.from([0, 0, 0, 8, 0, 0, 0, 8, 8, 2, 0, 0, 0]);
  const chunks = (
    [
      ['IHDR', header],
      ['IDAT', deflateSync(rows)],
      ['IEND', new Uint8Array(0)],
    ] as const
  ).map(([type, data]) => {
    const typed = Uint8Array.from([...text(type), ...data]);
    const numbers = new DataView(new ArrayBuffer(8));
    numbers.setUint32(0, data.length);
    numbers.setUint32(4, crc32(typed));
    const around = new Uint8Array(numbers.buffer);
    return joinBytes([around.slice(0, 4), typed, around.slice(4)]);
  });
  return joinBytes([Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10), ...chunks]);
}

const archive = (first: Uint8Array) =>
  zipBytes([
    { name: 'x.npy', data: first, deflated: true },
    { name: 'y.npy', data: answers },
  ]);

export const fuzzedFiles: readonly FuzzedFile[] = [
  {
    ...{ title: 'IDX images', format: 'idx', name: 'f/images-idx3-ubyte', bytes: images, gzip: true },
    beside: [['f/labels-idx1-ubyte', labels]],
  },
  {
    ...{ title: 'IDX labels', format: 'idx', name: 'f/labels-idx1-ubyte', bytes: labels, gzip: true },
    beside: [['f/images-idx3-ubyte', images]],
  },
  {
    ...{ title: 'CIFAR', format: 'cifar', name: 'data_batch_1.bin', gzip: true },
    bytes: new Uint8Array(2 * 3073).fill(3),
  },
  {
    ...{ title: 'NPY', format: 'npy', name: 'f/x.npy', bytes: npy, gzip: true },
    beside: [['f/y.npy', answers]],
  },
  { title: 'NPZ', format: 'npz', name: 'a.npz', bytes: archive(npy) },
  { title: 'arrays in NPZ', format: 'npz', name: 'a.npz', bytes: npy, pack: archive },
  { title: 'CSV', format: 'csv', name: 'a.csv', bytes: text(csv), gzip: true },
  {
    ...{ title: 'CSV of another dialect', format: 'csv', name: 'a.csv', gzip: true },
    bytes: text('a b  y\r1,5 x 0\r2 y 1\r'.repeat(4)),
    options: { separator: ' ', decimal: ',', header: true, types: { a: 'number' } },
  },
  {
    ...{ title: 'JSON lines', format: 'json-lines', name: 'a.jsonl', gzip: true },
    bytes: text('{"x": [1, 2], "t": "u", "y": 0}\n'.repeat(8)),
  },
  { title: 'Parquet', format: 'parquet', name: 'a.parquet', bytes: parquet('UNCOMPRESSED') },
  { title: 'Parquet, Snappy', format: 'parquet', name: 'a.parquet', bytes: parquet('SNAPPY') },
  {
    ...{ title: 'text', format: 'text', name: 'a.txt', gzip: true },
    bytes: text('Call me Ishmael. Ä€𝄞\n'.repeat(10)),
  },
  { title: 'PNG', format: 'images', name: 'f/a/1.png', bytes: png },
  {
    ...{ title: 'pixels in PNG', format: 'images', name: 'f/a/1.png', pack: pngOfRows },
    bytes: new Uint8Array(200).map((_, i) => (i % 25 === 0 ? (i / 25) % 5 : i)),
  },
  { title: 'JPEG', format: 'images', name: 'f/a/1.jpg', bytes: photo },
  {
    ...{ title: 'safetensors', format: 'safetensors', name: 'a.safetensors' },
    bytes: joinBytes(
      encodeSafetensors({
        inputs: valueTensor(
          [6, 2],
          Float32Array.from({ length: 12 }, (_, i) => i / 2),
        ),
        labels: indexTensor([6], new Uint32Array(6)),
      }),
    ),
  },
  {
    ...{ title: 'SMILES', format: 'smiles', name: 'a.csv', gzip: true },
    bytes: text('smiles,y\nCC(=O)O,1\nc1ccccc1[N+](=O)[O-],2\nC1CC1.[Na+],3\n'),
  },
  {
    ...{ title: 'SDF', format: 'sdf', name: 'a.sdf', gzip: true },
    bytes: text(`${molfile}\n> <y>\n1.5\n\n$$$$\n`.repeat(2)),
  },
  {
    ...{ title: 'graph JSON', format: 'graph-json', name: 'a.json', gzip: true },
    bytes: text(JSON.stringify([graph, graph])),
  },
  {
    ...{ title: 'lines of graph JSON', format: 'graph-json', name: 'a.json', gzip: true },
    bytes: text(`${JSON.stringify(graph)}\n`.repeat(3)),
  },
  {
    ...{ title: 'CSV of labels', format: 'csv', name: 'a.csv', gzip: true, options: { target: 'p,q' } },
    bytes: text(`x,p,q\n${'1,0,\n2,1,1\n'.repeat(9)}`),
  },
  {
    ...{ title: 'JSON lines of labels', format: 'json-lines', name: 'a.jsonl', gzip: true },
    bytes: text('{"x": 1, "p": true, "q": null}\n{"x": 2, "p": 0, "q": 1}\n'.repeat(5)),
    options: { target: ['p', 'q'] },
  },
  {
    ...{ title: 'NPZ of labels', format: 'npz', name: 'a.npz', options: { task: 'multi-label' } },
    bytes: zipBytes([
      { name: 'x.npy', data: npy },
      { name: 'y.npy', data: npyBytes('<f4', [6, 2], new Uint8Array(new Float32Array(12).fill(1).buffer)) },
    ]),
  },
  {
    ...{ title: 'SMILES of labels', format: 'smiles', name: 'a.csv', gzip: true, options: { target: 'p,q' } },
    bytes: text('smiles,p,q\nCC(=O)O,1,\nc1ccccc1,0,1\nC1CC1,,0\n'),
  },
  {
    ...{ title: 'SDF of labels', format: 'sdf', name: 'a.sdf', gzip: true, options: { target: 'p,q' } },
    bytes: text(`${molfile}\n> <p>\n1\n\n> <q>\n0\n\n$$$$\n`.repeat(2)),
  },
];
