import { describe, expect, it } from 'vitest';
import { datasetSpecSchema } from '../../contract/run-spec.ts';
import { batchOrder } from './feeding.ts';
import { epochExamples } from '../../datasets/epoch-length.ts';
import { prepareDataset } from '../../datasets/prepare.ts';
import { madeUpGraphs, madeUpTable, madeUpText } from '../../datasets/test-made-up.ts';
import type { GivenSplit, TensorDataset } from '../../datasets/tensor-dataset.ts';

const parts = (...counts: [string, number][]): GivenSplit[] =>
  counts.map(([name, count], i) => ({
    ...{ name, count },
    start: counts.slice(0, i).reduce((sum, [, before]) => sum + before, 0),
  }));

describe('an epoch', () => {
  it.each<[string, TensorDataset, object]>([
    ['a set without parts', madeUpTable('classification', 57), { validationFraction: 0.3 }],
    ['given parts', madeUpTable('regression', 50, parts(['train', 30], ['validation', 20])), {}],
    ['a test part alone', madeUpGraphs('regression', 50, parts(['train', 37], ['test', 13])), {}],
    ['all three', madeUpTable('multi-label', 50, parts(['train', 30], ['validation', 8], ['test', 12])), {}],
    ['a text', madeUpText(700), { contextLength: 9 }],
    ['a text of the usual windows', madeUpText(700, parts(['train', 500], ['validation', 200])), {}],
  ])('has every example that a run trains on before one comes again: %s', (_, dataset, changes) => {
    const spec = datasetSpecSchema.parse({ id: 'made-up', ...changes });
    const data = prepareDataset('made-up', dataset, spec);
    const { kind, examples, splits } = dataset;
    const length = epochExamples({ kind, examples, splits, example: data.example }, spec);
    const order = batchOrder(data, 1);
    const epochs = [order.take(length), order.take(length)];
    for (const epoch of epochs) expect(new Set(epoch).size).toBe(length);
    if (kind !== 'text') expect(new Set(epochs.flatMap((epoch) => [...epoch])).size).toBe(length);
    expect(length).toBe(
      kind === 'text'
        ? Math.floor((data.train.count - data.example[0]!) / data.example[0]!)
        : data.train.count,
    );
  });
});
