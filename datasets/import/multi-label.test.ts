/** Data sets of several labels, from every kind of file that can hold them. */
import { parquetWriteBuffer } from 'hyparquet-writer';
import { Molecule } from 'openchemlib';
import { describe, expect, it } from 'vitest';
import { prepareDataset } from '../prepare.ts';
import { partTensor } from '../dataset.ts';
import { sampleDataset } from '../sample.ts';
import { datasetStatistics } from '../statistics.ts';
import { memoryReader, missingLabel, tensorOf, type TensorDataset } from '../tensor-dataset.ts';
import { encodeSafetensors } from './formats/safetensors.ts';
import { joinBytes } from './byte-stream.ts';
import { importDataset, type ImportOptions } from './import.ts';
import { previewImport } from './preview.ts';
import { bytesOf, npyBytes, zipBytes } from './test-arrays.ts';
import { failure, source, testContext } from './test-files.ts';

type Content = string | Uint8Array;
const read = (name: string, content: Content, options: ImportOptions = {}) =>
  importDataset([source(name, content)], options, testContext());

const inputs = [1.5, 2, -3, 4.25];
const gap = null;
/** Of each of the four rows two labels. */
const labels: (number | null)[][] = [
  [1, gap],
  [0, 1],
  [gap, 0],
  [1, 1],
];
const marks = labels.flat().map((label) => label ?? missingLabel);
const both = { target: 'p,q' };

const table = (separator: string, empty: string) =>
  [
    ['x', 'p', 'q'],
    ...inputs.map((x, i) => [String(x), ...labels[i]!.map((label) => String(label ?? empty))]),
  ]
    .map((cells) => cells.join(separator))
    .join('\n');
const words = ['false', 'true'];
const objects = inputs.map((x, i) => ({ x, p: labels[i]![0], q: labels[i]![1] }));
const parquet = new Uint8Array(
  parquetWriteBuffer({
    columnData: [
      { name: 'x', data: inputs, type: 'DOUBLE' },
      { name: 'p', data: labels.map(([p]) => (p === null ? null : p === 1)), type: 'BOOLEAN' },
      { name: 'q', data: labels.map(([, q]) => q), type: 'INT32' },
    ],
  }),
);
const floats = (values: readonly number[]) => bytesOf(Float32Array.from(values));
const matrix = (missing: number) => labels.flat().map((label) => label ?? missing);
const npz = (y: Uint8Array) =>
  zipBytes([
    { name: 'x.npy', data: npyBytes('<f4', [4, 1], floats(inputs)) },
    { name: 'y.npy', data: y },
  ]);

const files: [string, string, Content, ImportOptions][] = [
  ['CSV', 'a.csv', table(',', ''), both],
  ['CSV with names in a list', 'a.csv', table(',', 'NA'), { target: ['p', 'q'] }],
  ['TSV', 'a.tsv', table('\t', '?'), { target: 'P, Q', task: 'multi-label' }],
  ['JSON lines', 'a.jsonl', objects.map((object) => JSON.stringify(object)).join('\n'), both],
  [
    'JSON lines of booleans',
    'a.jsonl',
    objects.map(({ x, p, q }) => `{"x":${x},"p":${words[p ?? -1] ?? null},"q":${q}}`).join('\n'),
    both,
  ],
  ['Parquet', 'a.parquet', parquet, both],
  ['NPZ with NaN', 'a.npz', npz(npyBytes('<f4', [4, 2], floats(matrix(Number.NaN)))), {}],
  [
    'NPZ with -1',
    'a.npz',
    npz(npyBytes('<i8', [4, 2], bytesOf(BigInt64Array.from(matrix(-1), BigInt)))),
    { task: 'multi-label' },
  ],
  [
    'safetensors',
    'a.safetensors',
    joinBytes(
      encodeSafetensors({
        inputs: { type: 'f32', shape: [4, 1], data: Float32Array.from(inputs) },
        labels: { type: 'f32', shape: [4, 2], data: Float32Array.from(matrix(Number.NaN)) },
      }),
    ),
    {},
  ],
];

describe('a set of labels', () => {
  it.each(files)('is the same out of %s', async (_, name, content, options) => {
    const { dataset, hash } = await read(name, content, options);
    expect(dataset).toMatchObject({ kind: 'table', task: 'multi-label', examples: 4, classes: [] });
    expect(dataset.targets).toHaveLength(2);
    expect(tensorOf(dataset, 'targets')).toMatchObject({ type: 'u8', shape: [4, 2] });
    expect([...tensorOf(dataset, 'targets').data]).toEqual(marks);
    expect(hash).toBe((await read('a.csv', table(',', ''), both)).hash);
  });

  it('counts who has each label, and of whom nobody knows', async () => {
    const { dataset } = await read('a.csv', table(',', ''), both);
    const { labels: counts, targets } = datasetStatistics(dataset);
    expect(counts).toEqual(
      [0, 1].map((j) => ({
        positive: labels.filter((row) => row[j] === 1).length,
        negative: labels.filter((row) => row[j] === 0).length,
        missing: labels.filter((row) => row[j] === gap).length,
      })),
    );
    expect(targets).toBeNull();
  });

  it('is trained on with NaN for what is missing', async () => {
    const { dataset } = await read('a.csv', table(',', ''), both);
    const data = prepareDataset('a', dataset, { id: 'a', splitSeed: 0, validationFraction: 0.5 });
    expect(data).toMatchObject({ task: 'multi-label', outputs: 2, outputNames: ['p', 'q'] });
    const known = (part: typeof data.train) =>
      [...new Float32Array(partTensor(part, 'targets').data.buffer)].map((x) => (Number.isNaN(x) ? gap : x));
    const all = [...known(data.train), ...known(data.validation)];
    expect(all.toSorted()).toEqual(labels.flat().toSorted());
  });

  it('shows gaps as gaps', async () => {
    const { dataset } = await read('a.csv', table(',', ''), both);
    const sample = await sampleDataset(dataset, memoryReader(dataset), 4);
    expect(sample).toMatchObject({
      columns: ['x', 'p', 'q'],
      rows: inputs.map((x, i) => [String(x), ...labels[i]!.map((label) => String(label ?? ''))]),
    });
  });

  it('leaves out examples of which nobody knows anything, and says so', async () => {
    const { dataset } = await read('a.csv', 'x,p,q\n1,0,1\n2,,\n3,1,0\n', both);
    expect(dataset.examples).toBe(2);
    expect(dataset.skipped.reasons).toEqual([
      { reason: 'none of its labels is known', count: 1, first: 'a.csv, row 3' },
    ]);
    const array = npyBytes('<f4', [4, 2], floats([1, 0, Number.NaN, Number.NaN, 0, 1, 1, 1]));
    expect((await read('a.npz', npz(array))).dataset).toMatchObject({
      examples: 3,
      skipped: { reasons: [{ reason: 'none of its labels is known', count: 1 }] },
    });
  });

  it('is named by a preview, with what else could be predicted', async () => {
    const preview = await previewImport([source('a.csv', table(',', ''))], both, testContext());
    expect(preview).toMatchObject({
      ...{ task: 'multi-label', targets: ['p', 'q'], candidates: ['x', 'p', 'q'], examples: 4 },
      table: { task: 'multi-label' },
    });
    const many = `x,p,q\n${'1,0,\n2,1,1\n'.repeat(40_000)}`;
    expect(await previewImport([source('a.csv', many)], both, testContext())).toMatchObject({
      ...{ task: 'multi-label', examples: null, shape: [1], targets: ['p', 'q'] },
    });
  });
});

describe('several columns of numbers', () => {
  it('are regressed where that is asked for', async () => {
    const { dataset } = await read('a.csv', 'x,p,q\n1,0.5,7\n2,3,-1\n3,,1\n', {
      ...both,
      task: 'regression',
    });
    expect(dataset).toMatchObject({ task: 'regression', examples: 2, targets: ['p', 'q'] });
    expect([...tensorOf(dataset, 'targets').data]).toEqual([0.5, 7, 3, -1]);
    expect(dataset.skipped.reasons[0]?.reason).toBe('column "p" is empty or no number');
  });

  it('of an array are regressed where they are no labels, or that is asked for', async () => {
    const numbers = npyBytes('<f4', [4, 2], floats([1, 0, 0.5, 0, 0, 1, 1, 1]));
    expect((await read('a.npz', npz(numbers))).dataset.task).toBe('regression');
    const signs = npyBytes('<f4', [4, 2], floats([1, -1, 1, 1, -1, 1, 1, 1]));
    expect((await read('a.npz', npz(signs))).dataset.task).toBe('regression');
    const bits = npyBytes('<f4', [4, 2], floats([1, 0, 1, 1, 0, 1, 1, 1]));
    expect((await read('a.npz', npz(bits), { task: 'regression' })).dataset.task).toBe('regression');
  });
});

const answer = (dataset: TensorDataset) => [...tensorOf(dataset, 'targets').data];

describe('labels of molecules', () => {
  const smiles = ['CC(=O)O', 'c1ccncc1', 'CCN', 'C1CC1'];
  const csv = `smiles,id,p,q\n${smiles.map((text, i) => `${text},m${i},${labels[i]!.join(',')}`).join('\n')}\n`;

  it('are read of a table of SMILES with gaps', async () => {
    const { dataset } = await read('a.csv', csv, both);
    expect(dataset).toMatchObject({ kind: 'graphs', task: 'multi-label', examples: 4, targets: ['p', 'q'] });
    expect(answer(dataset)).toEqual(marks);
    const sample = await sampleDataset(dataset, memoryReader(dataset), 4);
    expect(sample.kind === 'graphs' && sample.graphs.map(({ label }) => label)).toEqual([
      'p',
      'q',
      'no label',
      'p, q',
    ]);
    expect(await previewImport([source('a.csv', csv)], both, testContext())).toMatchObject({
      ...{ task: 'multi-label', targets: ['p', 'q'], candidates: ['id', 'p', 'q'] },
    });
  });

  it('are read of an SDF file whose records leave out what is not known', async () => {
    const records = smiles.map((text, i) => {
      const fields = labels[i]!.map((label, j) => (label === gap ? '' : `> <${'pq'[j]}>\n${label}\n\n`));
      return `${Molecule.fromSmiles(text).toMolfile()}\n${fields.join('')}$$$$\n`;
    });
    const { dataset } = await read('a.sdf', records.join(''), both);
    expect(dataset).toMatchObject({ kind: 'graphs', task: 'multi-label', targets: ['p', 'q'] });
    expect(answer(dataset)).toEqual(marks);
    expect(await failure(read('a.sdf', records.join(''), { target: 'p,typo' }))).toContain(
      'a.sdf, column "typo": is empty in every example that can be used; choose columns of 0 and 1',
    );
  });
});

describe('what is no label', () => {
  it.each<[string, string, Content, ImportOptions, string]>([
    [
      'a 2',
      'a.csv',
      'x,p,q\n1,0,1\n2,1,2\n',
      both,
      'a.csv, row 3, column "q": "2" is no label; labels are 0 or 1',
    ],
    ['a text', 'a.jsonl', '{"x":1,"p":"yes","q":0}\n', both, 'a.jsonl, row 1, column "p": "yes" is no label'],
    ['a name of objects', 'a.csv', 'x,p,q\n1,constructor,1\n', both, 'column "p": "constructor" is no label'],
    [
      'a single column',
      'a.csv',
      'x,p\n1,0.5\n',
      { target: 'p', task: 'multi-label' },
      'column "p": "0.5" is no',
    ],
    [
      'a class of several columns',
      'a.csv',
      'x,p,q\n1,0,1\n',
      { ...both, task: 'classification' },
      'predicts one',
    ],
    ['a column twice', 'a.csv', 'x,p,q\n1,0,1\n', { target: 'p,P' }, 'column "p" is to be predicted twice'],
    [
      'an unknown column',
      'a.csv',
      'x,p,q\n1,0,1\n',
      { target: 'p,z' },
      'has no column "z"; its columns are x, p, q',
    ],
    [
      'a label that nobody knows',
      'a.csv',
      'x,p,q\n1,0,\n2,1,\n',
      both,
      'column "q": is empty in every example',
    ],
    [
      'a 3 in an array',
      'a.npz',
      npz(npyBytes('<f4', [4, 2], floats([1, 0, 1, 1, 0, 3, 1, 1]))),
      { task: 'multi-label' },
      'a.npz, array "y", row 3, column 2: 3 is no label',
    ],
    [
      'a sign',
      'a.npz',
      npz(npyBytes('<f4', [4, 2], floats([1, -1, 1, 1, -1, 1, 1, 1]))),
      { task: 'multi-label' },
      'holds -1 and 1 but no 0; write 0 for a label that an example has not',
    ],
  ])('is named with its place and a remedy: %s', async (_, name, content, options, message) => {
    expect(await failure(read(name, content, options))).toContain(message);
  });

  it('may stand in a column whose name has a comma', async () => {
    const { dataset } = await read('a.csv', 'x,"p,q"\n1,0.5\n2,7\n', both);
    expect(dataset).toMatchObject({ task: 'regression', targets: ['p,q'] });
  });
});
