import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { digits } from '../digits.ts';
import { toImageDataset } from '../image-dataset.ts';
import { importDataset } from '../import/import.ts';
import { source, testContext } from '../import/test-files.ts';
import { readDataset } from '../read.ts';

describe('toImageDataset', () => {
  it('makes of the imported file what the reader of the bundled set makes of it', async () => {
    const path = fileURLToPath(new URL(`../bundled/${digits.file}`, import.meta.url));
    const bytes = new Uint8Array(await readFile(path));
    const { dataset } = await importDataset(
      [source('digits.csv.gz', bytes)],
      { imageShape: [1, 8, 8], name: digits.name },
      testContext(),
    );
    expect(toImageDataset('digits', dataset)).toEqual(await readDataset(digits, bytes));
  });

  it('refuses what are no images', async () => {
    const { dataset } = await importDataset([source('a.csv', 'a,y\n1,p\n')], {}, testContext());
    expect(() => toImageDataset('a', dataset)).toThrow(
      '"a" is table for classification; images with classes',
    );
  });
});
