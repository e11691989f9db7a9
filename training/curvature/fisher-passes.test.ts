import { describe, expect, it } from 'vitest';
import { optimizerSpecSchema } from '../../contract/run-spec.ts';
import { backwardPasses, costlyFisher } from './fisher-passes.ts';

const optimizer = (changes: object) =>
  optimizerSpecSchema.parse({ name: 'kfac', flavour: 'auto', lr: 0.01, ...changes });
const adamw = optimizerSpecSchema.parse({ name: 'adamw', lr: 0.01 });
const sizes = { classes: 7, terms: 5 };

describe('backward passes of an update', () => {
  it.each([
    ['mc', 3],
    ['type2', 35],
    ['type2-shared', 7],
    ['empirical', 0],
  ] as const)('are for %s as many as it sends vectors back', (fisher, count) => {
    expect(backwardPasses(fisher, { ...sizes, samples: 3 })).toBe(count);
  });
});

describe('a costly Fisher', () => {
  it.each(['kfac', 'ikfac', 'singd'])('is type2 of several loss terms, in %s', (name) => {
    const sentence = costlyFisher(optimizer({ name, fisher: 'type2', fisherSamples: 2 }), sizes);
    expect(sentence).toContain('type2 takes 35 backward passes');
    expect(sentence).toContain('type2-shared takes 7');
    expect(sentence).toContain('mc only 2');
  });

  it.each<[string, object, typeof sizes]>([
    ['one loss term', { fisher: 'type2' }, { ...sizes, terms: 1 }],
    ['columns shared by all terms', { fisher: 'type2-shared' }, sizes],
    ['drawn labels', { fisher: 'mc', fisherSamples: 100 }, sizes],
  ])('is none with %s', (_, changes, of) => {
    expect(costlyFisher(optimizer(changes), of)).toBeNull();
  });

  it('is none of an optimiser without factors', () => {
    expect(costlyFisher(adamw, sizes)).toBeNull();
  });
});
