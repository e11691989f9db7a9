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
