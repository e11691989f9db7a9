/** A loss with a term for every token. */
import { expect, test } from 'vitest';
import { modelSpecSchema, optimizerSpecSchema } from '../../contract/run-spec.ts';
import { mobyDick } from '../../datasets/moby-dick.ts';
import { makeSpec } from '../test/make-run.ts';
import { costlyFisherOf } from './model-layers.ts';

const type2 = optimizerSpecSchema.parse({ name: 'kfac', flavour: 'expand', lr: 0.01, fisher: 'type2' });
const decoder = modelSpecSchema.parse({ kind: 'decoder', width: 8, blocks: 1, heads: 2 });
const dataset = { ...makeSpec().dataset, id: mobyDick.id, contextLength: 6 };

test('type 2 of a language model is counted over its context and its tokens', () => {
  const sentence = costlyFisherOf(makeSpec({ dataset, model: decoder, optimizer: type2 }));
  expect(sentence).toContain(`type2 takes ${6 * mobyDick.outputs} backward passes`);
  expect(sentence).toContain(`type2-shared takes ${mobyDick.outputs}`);
});

test('other Fishers, and a loss with one term, cost nothing to speak of', () => {
  expect(costlyFisherOf(makeSpec({ dataset, model: decoder }))).toBeNull();
  expect(costlyFisherOf(makeSpec({ optimizer: type2 }))).toBeNull();
});
