import { expect, it } from 'vitest';
import { flattenSpec } from './flatten-spec.ts';
import { runSpecSchema } from './run-spec.ts';

it('names every setting by its path', () => {
  const spec = runSpecSchema.parse({
    dataset: { id: 'digits' },
    model: { kind: 'mlp', hidden: [64, 32] },
    optimizer: { name: 'sgd', lr: 0.1 },
    batchSize: 8,
    steps: 10,
    evaluateEvery: 5,
    seed: 3,
    target: { metric: 'val.loss', op: '<=', value: 0.5 },
  });
  const params = Object.fromEntries(flattenSpec(spec));
  expect(params).toMatchObject({
    'dataset.id': 'digits',
    'model.hidden': '64 32',
    'optimizer.lr': 0.1,
    'optimizer.nesterov': true,
    'target.value': 0.5,
    seed: 3,
  });
});

it('writes exceptions of layers as name and flavour, and leaves out that there are none', () => {
  const pairs = (layers: object[]) => {
    const optimizer = { name: 'kfac', lr: 0.1, flavour: 'reduce', layers };
    const spec = runSpecSchema.parse({
      ...{ dataset: { id: 'digits' }, model: { kind: 'mlp', hidden: [4] }, optimizer },
      ...{ batchSize: 8, steps: 10, evaluateEvery: 5, seed: 3 },
      target: { metric: 'val.loss', op: '<=', value: 0.5 },
    });
    return new Map(flattenSpec(spec)).get('optimizer.layers');
  };
  expect(
    pairs([
      { pattern: 'head', flavour: 'expand' },
      { pattern: '*.mlp.*', flavour: 'auto' },
    ]),
  ).toBe('head:expand *.mlp.*:auto');
  expect(pairs([])).toBeUndefined();
});
