import { describe, expect, it } from 'vitest';
import { datasetSpecSchema } from '../contract/run-spec.ts';
import { splitDataset } from './split-dataset.ts';
import { madeUpGraphs, madeUpImages, madeUpTable, madeUpText } from './test-made-up.ts';
import { tensorOf, type GivenSplit, type TensorDataset } from './tensor-dataset.ts';

const spec = (changes: object = {}) => datasetSpecSchema.parse({ id: 'made-up', ...changes });
const range = (start: number, count: number) => Array.from({ length: count }, (_, i) => start + i);
const parts = (...counts: [string, number][]): GivenSplit[] =>
  counts.map(([name, count], i) => ({
    ...{ name, count },
    start: counts.slice(0, i).reduce((sum, [, before]) => sum + before, 0),
  }));

const every: [string, (examples: number, splits: GivenSplit[]) => TensorDataset][] = [
  ['images', (n, splits) => madeUpImages('classification', n, splits)],
  ['table', (n, splits) => madeUpTable('regression', n, splits)],
  ['text', (n, splits) => madeUpText(n, splits)],
  ['graphs', (n, splits) => madeUpGraphs('multi-label', n, splits)],
];

describe.each(every)('%s', (kind, make) => {
  const unit = kind === 'text' ? 'tokens' : 'examples';

  it('keep the parts that they come with, whatever the seed and the share', () => {
    const given = make(50, parts(['train', 30], ['validation', 8], ['test', 12]));
    const split = splitDataset(given, spec({ splitSeed: 4, validationFraction: 0.5 }));
    expect([...split.train]).toEqual(range(0, 30));
    expect([...split.validation]).toEqual(range(30, 8));
    expect(split.description).toBe(
      `30 training and 8 validation ${unit}, as the data set divides them; 12 test ${unit} are kept aside`,
    );
  });

  it('hold validation out of what is no test part', () => {
    const split = splitDataset(
      make(50, parts(['train', 40], ['test', 10])),
      spec({ validationFraction: 0.25 }),
    );
    const together = [...split.train, ...split.validation].sort((a, b) => a - b);
    expect(together).toEqual(range(0, 40));
    expect(split.validation).toHaveLength(10);
    expect(split.description).toMatch(new RegExp(`; 10 test ${unit} are kept aside$`));
  });

  it('have nothing to train on where all is set aside', () => {
    const splits = parts(['validation', 20], ['test', 30]);
    expect(() => splitDataset(make(50, splits), spec())).toThrow(
      `dataset: "Made-up ${kind}" has nothing to train on, only validation and test examples`,
    );
  });

  it('name the share that leaves a part empty', () => {
    const few = make(9, parts(['test', 5], ['train', 4]));
    expect(() => splitDataset(few, spec({ validationFraction: 0.1 }))).toThrow(
      'dataset.validationFraction: 0.1 of 4 examples leaves no validation example; choose a value between 0.25 and 0.75',
    );
    expect(() => splitDataset(make(1, []), spec({ validationFraction: 0.8 }))).toThrow(
      'leaves no training example',
    );
  });
});

describe('what is held out', () => {
  it('is the same share of every class, by seed', () => {
    const dataset = madeUpImages('classification', 90);
    const labels = tensorOf(dataset, 'labels').data;
    const split = splitDataset(dataset, spec({ validationFraction: 0.3 }));
    for (const label of [0, 1, 2]) {
      const count = (rows: Uint32Array) => rows.filter((row) => labels[row] === label).length;
      const share = 0.3 * (count(split.train) + count(split.validation));
      expect(Math.abs(count(split.validation) - share)).toBeLessThan(1);
    }
    expect(split.description).toContain('stratified by class, split seed 0');
    const other = splitDataset(dataset, spec({ validationFraction: 0.3, splitSeed: 1 }));
    expect(other.validation).not.toEqual(split.validation);
  });

  it('is drawn by seed where there are no classes', () => {
    const dataset = madeUpTable('regression', 40);
    const [first, again, other] = [0, 0, 1].map((splitSeed) => splitDataset(dataset, spec({ splitSeed })));
    expect(again).toEqual(first);
    expect(other!.validation).not.toEqual(first!.validation);
    expect([...first!.train, ...first!.validation].sort((a, b) => a - b)).toEqual(range(0, 40));
    expect(first!.description).toContain('drawn by split seed 0');
  });

  it('is the end of a text', () => {
    const split = splitDataset(madeUpText(100), spec({ splitSeed: 7 }));
    expect([...split.train]).toEqual(range(0, 80));
    expect([...split.validation]).toEqual(range(80, 20));
    expect(split.description).toBe('80 training and 20 validation tokens, the end of the text');
  });
});
