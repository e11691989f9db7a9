/** A loss with a term for every token, which the data sets that ship with the lab do not have. */
import { expect, test, vi } from 'vitest';
import { modelSpecSchema, optimizerSpecSchema } from '../../contract/run-spec.ts';
import { makeSpec } from '../test/make-run.ts';
import { costlyFisherOf } from './model-layers.ts';

vi.mock(import('../../datasets/registry.ts'), async (original) => {
  const { findDataset, ...rest } = await original();
  const text = { id: 'text', kind: 'text', task: 'language', example: [64], outputs: 11 } as const;
  return {
    ...rest,
    findDataset: (id: string) => (id === 'text' ? { ...findDataset('digits'), ...text } : findDataset(id)),
  };
});

const type2 = optimizerSpecSchema.parse({ name: 'kfac', flavour: 'expand', lr: 0.01, fisher: 'type2' });
const decoder = modelSpecSchema.parse({ kind: 'decoder', width: 8, blocks: 1, heads: 2 });
const dataset = { ...makeSpec().dataset, id: 'text', contextLength: 6 };

test('type 2 of a language model is counted over its context and its tokens', () => {
  const sentence = costlyFisherOf(makeSpec({ dataset, model: decoder, optimizer: type2 }));
  expect(sentence).toContain(`type2 takes ${6 * 11} backward passes`);
  expect(sentence).toContain('type2-shared takes 11');
});

test('other Fishers, and a loss with one term, cost nothing to speak of', () => {
  expect(costlyFisherOf(makeSpec({ dataset, model: decoder }))).toBeNull();
  expect(costlyFisherOf(makeSpec({ optimizer: type2 }))).toBeNull();
});
