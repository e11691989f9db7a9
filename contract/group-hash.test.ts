import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { trials } from './test-trials.ts';
import { canonicalJson, fnv1a64, groupHash } from './group-hash.ts';
import { presets } from './presets.ts';
import { optimizerSpecSchema, runSpecSchema } from './run-spec.ts';

const spec = presets['first-light']!.groups[0]!.spec;

describe('fnv1a64', () => {
  it('gives the published test vectors', () => {
    expect(fnv1a64('')).toBe('cbf29ce484222325');
    expect(fnv1a64('a')).toBe('af63dc4c8601ec8c');
    expect(fnv1a64('foobar')).toBe('85944171f73967e8');
  });
});

describe('groupHash', () => {
  it('ignores the seed and nothing else', () => {
    expect(groupHash({ ...spec, seed: 7 })).toBe(groupHash(spec));
    expect(groupHash({ ...spec, steps: spec.steps + 1 })).not.toBe(groupHash(spec));
    expect(groupHash({ ...spec, dataset: { ...spec.dataset, splitSeed: 9 } })).not.toBe(groupHash(spec));
  });

  it.each([
    [{ name: 'adamw', lr: 0.02 }, 'c91af8b5320fdc71'],
    [{ name: 'sgd', lr: 0.1 }, '0cab2685d8c9e780'],
    [{ name: 'kfac', lr: 0.02, flavour: 'expand' }, 'ccf87ab40dab69d7'],
  ])('is still that of runs stored before clipping and kinds of weight decay: %o', (optimizer, hash) => {
    const stored = {
      dataset: { id: 'digits' },
      model: { kind: 'mlp', hidden: [5] },
      optimizer,
      batchSize: 8,
      steps: 20,
      evaluateEvery: 5,
      seed: 1,
      target: { metric: 'val.accuracy', op: '>=', value: 0.9 },
    };
    expect(groupHash(runSpecSchema.parse(stored))).toBe(hash);
  });

  it('is still that of the control stored before it had a name of its own', () => {
    const control = { name: 'grafted-identity', lr: 0.02, otherLrMultiplier: 3 };
    const optimizer = optimizerSpecSchema.parse(control);
    expect(groupHash({ ...spec, optimizer })).toBe('0e8af81f6fdb6041');
  });

  it('is still that of transformers stored before they had a class token', () => {
    const { model } = spec;
    if (model.kind !== 'vit') throw new Error('the preset is no longer a transformer');
    const { pool: _pool, ...before } = model;
    expect(groupHash({ ...spec, model: before as typeof model })).toBe(groupHash(spec));
    expect(groupHash({ ...spec, model: { ...model, pool: 'class' } })).not.toBe(groupHash(spec));
  });

  it('tells clipping and kinds of weight decay apart', () => {
    const adamw = { ...spec, optimizer: { name: 'adamw', lr: 0.02 } };
    const changes = [{}, { clipNorm: 1 }, { clipNorm: 2 }, { weightDecayKind: 'l2' }, { name: 'nadamw' }];
    const hashes = changes.map((change) =>
      groupHash(runSpecSchema.parse({ ...adamw, optimizer: { ...adamw.optimizer, ...change } })),
    );
    expect(new Set(hashes).size).toBe(changes.length);
  });

  it('tells how factors are inverted apart, and leaves out what runs did before they could choose', () => {
    const kfac = { name: 'kfac', lr: 0.02, flavour: 'expand' };
    const hashes = [
      {},
      { inversion: 'cholesky' },
      { inversion: 'cholesky-polished' },
      { inversion: 'newton-schulz' },
    ].map((own) => groupHash(runSpecSchema.parse({ ...spec, optimizer: { ...kfac, ...own } })));
    expect(hashes[1]).toBe(hashes[0]);
    expect(new Set(hashes).size).toBe(3);
  });

  it('does not depend on the order in which fields were written', () => {
    const reversed = Object.fromEntries(Object.entries(spec).reverse()) as typeof spec;
    expect(groupHash(reversed)).toBe(groupHash(spec));
  });
});

describe('canonicalJson', () => {
  it('keeps every JSON value', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
      trials(),
    );
  });
});
