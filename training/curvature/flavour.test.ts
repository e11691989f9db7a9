/** Which flavour each layer gets: asked for, chosen by the loss, and forced where reduce would be exactly zero. */
import { describe, expect, it } from 'vitest';
import { traceModel } from '../models/test-model.ts';
import { flavourOf } from './flavour.ts';

const spec = { kind: 'vit', patch: 2, width: 4, blocks: 2, heads: 2, mlpRatio: 2 } as const;
const { layers } = traceModel(spec, [2, 1, 4, 4], 3).builder;

const flavours = (wanted: 'expand' | 'reduce' | 'auto', lossPools: boolean) =>
  layers.map((layer) => flavourOf(layer, wanted, lossPools));

describe('flavourOf', () => {
  it('is expand for every layer when asked for, whatever the loss', () => {
    expect(new Set([...flavours('expand', true), ...flavours('expand', false)])).toEqual(new Set(['expand']));
  });

  it.each([
    ['reduce', true],
    ['reduce', false],
    ['auto', true],
  ] as const)('expands keys alone for %s with a loss that pools: %s', (wanted, pools) => {
    const expanded = layers.filter((layer) => flavourOf(layer, wanted, pools) === 'expand');
    expect(expanded.map(({ name }) => name)).toEqual(['blocks.0.attention.key', 'blocks.1.attention.key']);
  });

  it('expands every layer for auto where the loss has a term per position', () => {
    expect(new Set(flavours('auto', false))).toEqual(new Set(['expand']));
  });
});
