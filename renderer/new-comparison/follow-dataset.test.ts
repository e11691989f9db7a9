import { expect, test } from 'vitest';
import type { DatasetSummary } from '../../contract/datasets.ts';
import { presets } from '../../contract/presets.ts';
import { formatCount } from '../../training/charts/format.ts';
import { draftFromPreset, type Draft } from './draft.ts';
import { followDataset } from './follow-dataset.ts';
import { datasetOptions, formDatasets, type FormDataset } from './form-datasets.ts';
import * as tracing from './model-layers.ts';
import { modelOptions } from './model-fields.ts';
import { readDraft } from './read-draft.ts';

function summary(changes: Partial<DatasetSummary>): DatasetSummary {
  return {
    ...{
      id: '0123456789abcdef',
      name: 'Mine',
      bundled: false,
      kind: 'table',
      task: 'regression',
      examples: 53,
    },
    ...{
      shape: [3],
      classCount: 0,
      targets: ['y'],
      isSplit: false,
      bytes: 10,
      tags: [],
      runs: 0,
      importedMs: 1,
    },
    ...changes,
  };
}

const images = { kind: 'images' as const, task: 'classification' as const, classCount: 4, targets: [] };

/** First light's form with this data set chosen. */
function chosen(changes: Partial<DatasetSummary>): { draft: Draft; sets: FormDataset[] } {
  const sets = formDatasets([summary(changes)]);
  const find = (id: string) => sets.find((set) => set.id === id);
  const draft = draftFromPreset(presets['first-light']!);
  followDataset(draft, sets.at(-1)!, (changed) => {
    const spec = readDraft(changed, null, find).groups[0]?.spec;
    return spec === undefined || tracing.isBuildable(spec, find);
  });
  expect([...readDraft(draft, tracing, find).errors]).toEqual([]);
  return { draft, sets };
}

test.each<[string, Partial<DatasetSummary>, string, string, string]>([
  ['a table', {}, 'mlp', 'val.r2', '0.8'],
  ['classes of rows', { task: 'classification', classCount: 3, targets: [] }, 'mlp', 'val.accuracy', '0.9'],
  [
    'a text',
    { kind: 'text', task: 'language', shape: [], classCount: 40, targets: [], examples: 9000 },
    ...(['decoder', 'val.bits_per_char', '3'] as const),
  ],
  ['graphs', { kind: 'graphs', shape: [16, 5], examples: 900 }, 'graph-network', 'val.r2', '0.8'],
  ['images that divide', { ...images, shape: [1, 28, 28] }, 'vit', 'val.accuracy', '0.9'],
  ['images that do not', { ...images, shape: [3, 9, 7] }, 'cnn', 'val.accuracy', '0.9'],
])('%s: the form is right at once', (_what, changes, kind, metric, target) => {
  const { draft } = chosen(changes);
  expect(draft.model.kind).toBe(kind);
  expect(draft.run).toMatchObject({ metric, target });
  expect(draft.name).toBe('Mine');
});

test('a batch is no larger than the training part; what a person chose stays where it fits', () => {
  expect(chosen({ examples: 53 }).draft.run['batchSize']).toBe('32');
  expect(chosen({ examples: 53, isSplit: true }).draft.run['batchSize']).toBe('16');
  expect(chosen({ examples: 5000 }).draft.run['batchSize']).toBe('64');
  const draft = draftFromPreset(presets['first-light']!);
  Object.assign(draft, { name: 'My own' });
  Object.assign(draft.run, { target: '0.97' });
  followDataset(draft, formDatasets([summary({ ...images, shape: [1, 8, 8] })]).at(-1)!, () => true);
  expect(draft).toMatchObject({ name: 'My own', model: { kind: 'vit' }, run: { target: '0.97' } });
});

test('lists kind and size, bundled sets first, and an id that is gone as what it is', () => {
  const sets = formDatasets([summary({}), summary({ id: 'digits', bundled: true })]);
  const options = datasetOptions(sets, 'gone');
  expect(options[0]).toEqual({
    value: 'digits',
    label: `Handwritten digits · ${formatCount(1797)} images, 8 × 8`,
  });
  expect(options.slice(-2)).toEqual([
    { value: '0123456789abcdef', label: 'Mine · 53 rows of 3 columns' },
    { value: 'gone', label: 'gone · not in the lab' },
  ]);
});

test('kinds of models say that they cannot read the set', () => {
  const [set] = formDatasets([summary({})]).slice(-1);
  const labels = modelOptions('table', tracing.kindsBlindTo(set!)).map(({ label }) => label);
  expect(labels).toContain('MLP');
  expect(labels).toContain('Vision transformer (cannot read table)');
  expect(labels).toContain('Decoder transformer (cannot read table)');
});

test('a metric that the task does not have, and a set that is gone, are refused at their fields', () => {
  const draft = draftFromPreset(presets['first-light']!);
  draft.run['metric'] = 'val.r2';
  expect(readDraft(draft).errors.get('run.metric')).toBe('Metric must be one that classification has.');
  draft.dataset['id'] = 'gone';
  expect(readDraft(draft, tracing).errors.get('dataset.id')).toContain('not in the lab');
});
