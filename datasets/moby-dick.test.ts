import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { datasetSpecSchema } from '../contract/run-spec.ts';
import { partTensor } from './dataset.ts';
import { mobyDick } from './moby-dick.ts';
import { prepareDataset } from './prepare.ts';
import { readDataset } from './read.ts';
import { tensorOf } from './tensor-dataset.ts';

const packed = await readFile(fileURLToPath(new URL(`./bundled/${mobyDick.files[0]}`, import.meta.url)));
const dataset = await readDataset(mobyDick, [packed]);
const text = gunzipSync(packed).toString();

it('gives the book back from its tokens', () => {
  const tokens = tensorOf(dataset, 'tokens').data;
  expect(Array.from(tokens, (token) => dataset.classes[token]).join('') === text).toBe(true);
  expect(text).toMatch(/^CHAPTER 1\. Loomings\.\s+Call me Ishmael\./);
});

it('has 4.47 bits of entropy a character', () => {
  const counts = Array<number>(dataset.classes.length).fill(0);
  for (const token of tensorOf(dataset, 'tokens').data) counts[token]! += 1;
  const bits = -counts.reduce((sum, n) => sum + (n / text.length) * Math.log2(n / text.length), 0);
  // Of UTF-16 units there are as many as of characters: the book has none beyond the first plane.
  expect(text).toHaveLength(1_190_317);
  expect(bits).toBeCloseTo(4.473, 3);
});

it('trains on the first nine tenths and validates with the end', () => {
  const prepared = prepareDataset('moby-dick', dataset, datasetSpecSchema.parse({ id: 'moby-dick' }));
  expect([prepared.train.count, prepared.validation.count]).toEqual([1_071_285, 119_032]);
  const end = Array.from(partTensor(prepared.validation, 'tokens').data, (token) => dataset.classes[token]);
  expect(end.join('') === text.slice(-119_032)).toBe(true);
});
