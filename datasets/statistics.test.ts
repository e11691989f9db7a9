import { describe, expect, it } from 'vitest';
import { importDataset } from './import/import.ts';
import { idxBytes, source, testContext } from './import/test-files.ts';
import { datasetStatistics } from './statistics.ts';

const of = async (name: string, content: string) =>
  datasetStatistics((await importDataset([source(name, content)], {}, testContext())).dataset);

describe('datasetStatistics', () => {
  it('gives ranges of columns and counts of classes', async () => {
    const statistics = await of('a.csv', 'a,b,y\n1,10,p\n3,10,q\n5,10,p\n');
    expect(statistics.classCounts).toEqual([2, 1]);
    expect(statistics.columns).toEqual([
      { min: 1, max: 5, mean: 3, std: expect.closeTo(Math.sqrt(8 / 3), 12) },
      { min: 10, max: 10, mean: 10, std: 0 },
    ]);
    // All six values together: 1 3 5 10 10 10.
    expect(statistics.inputs).toEqual({
      min: 1,
      max: 10,
      mean: 6.5,
      std: expect.closeTo(Math.sqrt(163 / 12), 12),
    });
    expect(statistics.bytes).toBe(6 + 12);
  });

  it('gives the mean image', async () => {
    const labels = source('l', idxBytes([2], [0, 1]));
    const images = source('i', idxBytes([2, 1, 2], [0, 10, 4, 20]));
    const { dataset } = await importDataset([images], { labels }, testContext());
    expect(datasetStatistics(dataset)).toMatchObject({ meanImage: [2, 15], columns: null });
  });

  it('gives sizes of graphs and counts of characters', async () => {
    const { graphs, targets } = await of('a.csv', 'smiles,y\nCCC,0.5\nC,1.5\n');
    expect(graphs).toMatchObject({ nodes: { min: 1, max: 3, mean: 2 }, edges: { min: 0, max: 4, mean: 2 } });
    expect(targets).toEqual([{ min: 0.5, max: 1.5, mean: 1, std: 0.5 }]);
    expect((await of('a.txt', 'abba!')).classCounts).toEqual([1, 2, 2]);
  });
});
