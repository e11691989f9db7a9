import { describe, expect, it } from 'vitest';
import { importDataset } from './import/import.ts';
import { idxBytes, source, testContext } from './import/test-files.ts';
import { sampleDataset } from './sample.ts';
import { memoryReader, type TensorDataset } from './tensor-dataset.ts';

const sample = (dataset: TensorDataset, count: number) =>
  sampleDataset(dataset, memoryReader(dataset), count);
const imported = async (...files: [string, string | Uint8Array][]) =>
  (
    await importDataset(
      files.map(([name, content]) => source(name, content)),
      {},
      testContext(),
    )
  ).dataset;

describe('sampleDataset', () => {
  it('draws images spread over the set, over the range of all', async () => {
    const dataset = await imported(
      ['f/images-idx3-ubyte', idxBytes([4, 1, 2], [0, 1, 2, 3, 4, 5, 6, 9])],
      ['f/labels-idx1-ubyte', idxBytes([4], [7, 8, 7, 8])],
    );
    const shown = await sample(dataset, 2);
    expect(shown).toEqual({
      kind: 'images',
      images: [
        { width: 2, height: 1, channels: 1, pixels: btoa('\u0000\u0033'), label: '7' },
        { width: 2, height: 1, channels: 1, pixels: btoa('\u00cc\u00ff'), label: '7' },
      ],
    });
  });

  it('thins out a large image', async () => {
    const dataset = await imported(
      ['f/images-idx3-ubyte', idxBytes([1, 130, 100], Array<number>(13000).fill(3))],
      ['f/labels-idx1-ubyte', idxBytes([1], [1])],
    );
    expect(await sample(dataset, 5)).toMatchObject({ images: [{ height: 44, width: 34 }] });
  });

  it('gives categories their texts again, and the answer last', async () => {
    const dataset = await imported(['a.csv', 'size,colour,y\n1.5,red,2.25\n2,blue,3.5\n']);
    expect(await sample(dataset, 2)).toEqual({
      kind: 'table',
      columns: ['size', 'colour', 'y'],
      rows: [
        ['1.5', 'red', '2.25'],
        ['2', 'blue', '3.5'],
      ],
    });
  });

  it('shows the beginning of a text, and graphs with their edges', async () => {
    expect(await sample(await imported(['a.txt', 'Call me Ishmael.']), 3)).toEqual({
      kind: 'text',
      text: 'Call me Ishmael.',
    });
    expect(await sample(await imported(['a.smi', 'CCO 1.5\nC 2.5\n']), 2)).toEqual({
      kind: 'graphs',
      graphs: [
        {
          nodes: 3,
          edges: [
            [0, 1],
            [1, 0],
            [1, 2],
            [2, 1],
          ],
          label: '1.5',
        },
        { nodes: 1, edges: [], label: '2.5' },
      ],
    });
  });
});
