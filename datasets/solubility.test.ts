import { readFile } from 'node:fs/promises';
import { gunzipSync, gzipSync } from 'node:zlib';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { datasetSpecSchema } from '../contract/run-spec.ts';
import { partTensor } from './dataset.ts';
import { prepareDataset } from './prepare.ts';
import { readDataset } from './read.ts';
import { solubility, solubilityClasses } from './solubility.ts';
import { tensorOf } from './tensor-dataset.ts';

const packed = (await Promise.all(
  solubility.files.map((file) => readFile(fileURLToPath(new URL(`./bundled/${file}`, import.meta.url)))),
)) as [Buffer<ArrayBuffer>, Buffer<ArrayBuffer>];
const numbers = await readDataset(solubility, packed);
const classes = await readDataset(solubilityClasses, packed);
const text = packed.map((bytes) => gunzipSync(bytes).toString());

/** The values of a field in both files, read without the reader under test. */
const fields = (name: string) =>
  text.flatMap((sdf) =>
    [...sdf.matchAll(new RegExp(`^> +<${name}>.*\\r?\\n(.*)\\r?$`, 'gm'))].map((m) => m[1]!.trim()),
  );

it('the numbers are those of the files, training part first', () => {
  const targets = tensorOf(numbers, 'targets').data;
  expect([...targets]).toEqual([...Float32Array.from(fields('SOL'), Number)]);
  expect([Math.min(...targets), Math.max(...targets)].map((value) => value.toFixed(2))).toEqual([
    '-11.62',
    '1.58',
  ]);
});

it('the classes are those of the files, as often as their origin has them', () => {
  const labels = [...tensorOf(classes, 'labels').data];
  expect(labels.map((label) => classes.classes[label])).toEqual(fields('SOL_classification'));
  const counts = (part: number[]) => [0, 1, 2].map((label) => part.filter((other) => other === label).length);
  expect([counts(labels.slice(0, 1025)), counts(labels.slice(1025))]).toEqual([
    [417, 402, 206],
    [102, 115, 40],
  ]);
});

it('has a node for every heavy atom and edges that stay within their molecule', () => {
  const [starts, edgeStarts, edges] = ['nodeOffsets', 'edgeOffsets', 'edges'].map(
    (name) => tensorOf(numbers, name).data,
  );
  const sizes = Array.from({ length: 1282 }, (_, i) => starts![i + 1]! - starts![i]!);
  // Atom lines: three coordinates, then the element; a few hydrogens are drawn where they say which side they are on.
  const heavy = text.flatMap((sdf) =>
    sdf
      .split('$$$$')
      .slice(0, -1)
      .map(
        (record) =>
          [...record.matchAll(/^(?: +-?\d+\.\d{4}){3} ([A-Z][a-z]?) /gm)].filter((m) => m[1] !== 'H').length,
      ),
  );
  expect(sizes.filter((nodes, i) => nodes !== heavy[i])).toEqual([]);
  for (let graph = 0; graph < 1282; graph += 1) {
    for (let at = 2 * edgeStarts![graph]!; at < 2 * edgeStarts![graph + 1]!; at += 1)
      expect(edges![at]!).toBeLessThan(sizes[graph]!);
  }
});

it('validates with the published test part, scaled as the training part', () => {
  const prepared = prepareDataset('solubility', numbers, datasetSpecSchema.parse({ id: 'solubility' }));
  expect([prepared.train.count, prepared.validation.count]).toEqual([1025, 257]);
  const { mean, std } = prepared.scaling['targets']!;
  const back = Array.from(partTensor(prepared.validation, 'targets').data, (y) => y * std[0]! + mean[0]!);
  fields('SOL')
    .slice(1025)
    .forEach((value, i) => expect(back[i]).toBeCloseTo(Number(value), 5));
});

it.each([
  [
    'a molecule is missing',
    (sdf: string) => sdf.replace(/^[^]*?\$\$\$\$\r?\n/, ''),
    'holds 256 molecules; expected 257',
  ],
  ['a molecule is damaged', (sdf: string) => sdf.replace('M  END', 'M  EN'), 'has no "M  END"'],
  [
    'a class is another',
    (sdf: string) => sdf.replaceAll('(C) high', '(D) odd'),
    'has the classes (A) low, (B) medium, (D) odd',
  ],
])('says so where %s', async (_, change, message) => {
  const changed = gzipSync(change(text[1]!));
  await expect(readDataset(solubilityClasses, [packed[0], changed])).rejects.toThrow(message);
  await expect(readDataset(solubilityClasses, [packed[0], changed])).rejects.toThrow(
    'solubility/solubility.test.sdf.gz',
  );
});
