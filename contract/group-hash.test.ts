import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { canonicalJson, fnv1a64, groupHash } from './group-hash.ts';
import { presets } from './presets.ts';

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
    );
  });
});
