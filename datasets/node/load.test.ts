/** The bundled file through both doors: from the disk and by fetch. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync, gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { datasetSpecSchema, type DatasetSpec } from '../../contract/run-spec.ts';
import { partTensor, type DatasetPart } from '../dataset.ts';
import { digits } from '../digits.ts';
import { importDataset } from '../import/import.ts';
import { source, testContext } from '../import/test-files.ts';
import { prepareDataset } from '../prepare.ts';
import { loadDataset } from './load.ts';
import { readDataset } from '../read.ts';
import { datasets } from '../registry.ts';
import { makeSpirals } from '../synthetic.ts';
import { datasetBytes, tensorOf } from '../tensor-dataset.ts';
import { loadDataset as fetchDataset } from '../web.ts';

const spec = datasetSpecSchema.parse({ id: 'digits' });
const bundled = (file: string) => readFile(fileURLToPath(new URL(`../bundled/${file}`, import.meta.url)));
const digitsFile = digits.files[0]!;
const packed = await bundled(digitsFile);

const imagesOf = (part: DatasetPart) => partTensor(part, 'inputs').data as Float32Array;
const labelsOf = (part: DatasetPart) => partTensor(part, 'labels').data;

function classCounts(labels: ArrayLike<number> & Iterable<number>): number[] {
  const counts = Array<number>(10).fill(0);
  for (const label of labels) counts[label] = (counts[label] ?? 0) + 1;
  return counts;
}

function moments(images: Float32Array): { mean: number; std: number } {
  const mean = images.reduce((sum, value) => sum + value, 0) / images.length;
  return {
    mean,
    std: Math.sqrt(images.reduce((sum, value) => sum + (value - mean) ** 2, 0) / images.length),
  };
}

describe('the bundled digits', () => {
  it('are 1,797 examples of ten classes of 174 to 183', async () => {
    const raw = await readDataset(digits, [packed]);
    const images = tensorOf(raw, 'inputs').data;
    expect(raw.examples).toBe(1797);
    expect(images).toHaveLength(1797 * 64);
    // The counts of the test part as the repository of origin gives them.
    expect(classCounts(tensorOf(raw, 'labels').data)).toEqual([
      178, 182, 177, 183, 181, 182, 181, 179, 174, 180,
    ]);
    expect(Math.max(...images)).toBe(16);
  });

  it('agree with what the registry says of them', async () => {
    for (const entry of datasets) {
      const raw = await readDataset(entry, await Promise.all(entry.files.map(bundled)));
      const { id, name, kind, task, examples, example, outputs, classes, splits } = entry;
      expect(raw).toMatchObject({ name, kind, task, examples, splits: [...splits] });
      expect(raw.targets).toEqual([...entry.targets]);
      expect(datasetBytes(raw.tensors)).toBe(entry.bytes);
      if (classes.length > 0) expect(raw.classes).toEqual(classes);
      const prepared = prepareDataset(id, raw, { ...spec, id });
      expect(prepared).toMatchObject({ id, name, kind, task, example: [...example], outputs });
    }
  });

  it('are refused when lines are missing', async () => {
    const text = gunzipSync(packed).toString().split('\n').slice(0, 1000).join('\n');
    await expect(readDataset(digits, [new Uint8Array(gzipSync(text))])).rejects.toThrow(
      'digits/digits.csv.gz: holds 1000 examples; expected 1797',
    );
  });
});

describe('imported digits', () => {
  it('are what the reader of the bundled set makes of the file', async () => {
    const { dataset } = await importDataset(
      [source('digits.csv.gz', new Uint8Array(packed))],
      { imageShape: [1, 8, 8], name: digits.name },
      testContext(),
    );
    const { tensors, kind, task, classes } = await readDataset(digits, [packed]);
    expect(dataset).toMatchObject({ tensors, kind, task, classes });
  });
});

describe('loadDataset', () => {
  it('splits by class and standardises both parts with the statistics of the training part', async () => {
    const raw = await readDataset(digits, [packed]);
    const { train, validation, scaling, splitDescription } = await loadDataset(spec);
    const { mean, std } = scaling['inputs']!;
    expect([train.count, validation.count]).toEqual([1438, 359]);
    expect([imagesOf(train).length, imagesOf(validation).length]).toEqual([1438 * 64, 359 * 64]);
    expect(splitDescription).toBe(
      '1438 training and 359 validation examples, stratified by class, split seed 0',
    );
    const perClass = classCounts(tensorOf(raw, 'labels').data);
    classCounts(labelsOf(validation)).forEach((n, label) =>
      expect(Math.abs(n - (perClass[label] ?? 0) * 0.2)).toBeLessThan(1),
    );

    const trainMoments = moments(imagesOf(train));
    expect(trainMoments.mean).toBeCloseTo(0, 6);
    expect(trainMoments.std).toBeCloseTo(1, 6);
    const validationMoments = moments(imagesOf(validation));
    // Not exactly standardised itself: its own mean shows that the training part's statistics were used.
    expect(Math.abs(validationMoments.mean)).toBeGreaterThan(1e-4);
    expect(Math.abs(validationMoments.mean)).toBeLessThan(0.1);

    // Undone, all examples are the file's again, whatever part they are in.
    const undo = (part: DatasetPart) =>
      imagesOf(part).map((v) => Math.round(v * (std[0] ?? NaN) + (mean[0] ?? NaN)));
    const sum = (values: ArrayLike<number>) => Array.from(values).reduce((a, b) => a + b, 0);
    expect(sum(undo(train)) + sum(undo(validation))).toBe(sum(tensorOf(raw, 'inputs').data));
  });

  it('keeps labels with their images', async () => {
    const raw = await readDataset(digits, [packed]);
    const { validation, scaling } = await loadDataset({ ...spec, splitSeed: 5 });
    const { mean, std } = scaling['inputs']!;
    const key = (images: ArrayLike<number>) => Array.from(images).join();
    const labelOf = new Map<string, number>();
    const images = tensorOf(raw, 'inputs').data;
    tensorOf(raw, 'labels').data.forEach((label, i) =>
      labelOf.set(key(images.subarray(i * 64, (i + 1) * 64)), label),
    );
    labelsOf(validation).forEach((label, i) => {
      const image = imagesOf(validation).subarray(i * 64, (i + 1) * 64);
      const pixels = Array.from(image, (v) => Math.round(v * (std[0] ?? NaN) + (mean[0] ?? NaN)));
      expect(labelOf.get(key(pixels))).toBe(label);
    });
  });

  it('names an unknown data set and a missing file', async () => {
    await expect(loadDataset({ ...spec, id: 'mnist' })).rejects.toThrow('known data sets: digits');
    await expect(loadDataset(spec, '/nowhere')).rejects.toThrow(
      'cannot read the data set "digits" at /nowhere/digits/digits.csv.gz',
    );
  });

  it('names the place of a fault in a damaged file', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'kronlab-datasets-'));
    try {
      await mkdir(join(directory, 'digits'));
      const text = gunzipSync(packed).toString().replace('\n0,', '\n99,');
      await writeFile(join(directory, digitsFile), gzipSync(text));
      await expect(loadDataset(spec, directory)).rejects.toThrow(
        'digits/digits.csv.gz, line 2, column 1: "99" is out of range',
      );
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});

describe('loadDataset in the browser', () => {
  const answer =
    (body: Uint8Array<ArrayBuffer>, status = 200) =>
    () =>
      Promise.resolve(new Response(body, { status }));

  it('gives what the disk gives, whether or not the server decompressed the file', async () => {
    const fromDisk = await loadDataset(spec);
    expect(await fetchDataset(spec, answer(packed))).toEqual(fromDisk);
    expect(await fetchDataset(spec, answer(new Uint8Array(gunzipSync(packed))))).toEqual(fromDisk);
  });

  it('asks for a file that is part of the project, for every data set', async () => {
    for (const entry of datasets) {
      const asked: URL[] = [];
      await fetchDataset({ ...spec, id: entry.id }, async (url) => {
        asked.push(url);
        return new Response(await readFile(fileURLToPath(url)));
      });
      expect(asked.map((url) => url.pathname)).toEqual(
        entry.files.map((file): unknown => expect.stringMatching(`/datasets/bundled/${file}$`)),
      );
    }
  });

  it('says what the server answered', async () => {
    await expect(fetchDataset(spec, answer(new Uint8Array(0), 404))).rejects.toThrow(
      'cannot fetch digits/digits.csv.gz: the server answered 404',
    );
  });
});

describe.each([
  ['command line', (spec: DatasetSpec) => loadDataset(spec)],
  ['window', (spec: DatasetSpec) => fetchDataset(spec)],
])('the seed of a run, on the way of the %s', (_, load) => {
  const specOf = (changes: object) => datasetSpecSchema.parse({ id: 'spirals', ...changes });
  const first = async (changes: object) => (await load(specOf(changes))).train.tensors['inputs'];

  it('draws other data; without one they are those of seed 1, as they ever were', async () => {
    const usual = await first({});
    expect(await first({ seed: 1 })).toEqual(usual);
    expect(await first({ seed: 2 })).not.toEqual(usual);
    const made = prepareDataset('spirals', makeSpirals(2), specOf({}));
    expect(await first({ seed: 2 })).toEqual(made.train.tensors['inputs']);
  });
});

it('a seed of what is not computed is refused', async () => {
  const seeded = datasetSpecSchema.parse({ id: 'digits', seed: 2 });
  await expect(loadDataset(seeded)).rejects.toThrow(
    'dataset.seed: only computed data sets are drawn from a seed; "Handwritten digits" is not one, leave it out',
  );
});
