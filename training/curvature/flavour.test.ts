/** Which flavour each layer gets: asked for, chosen by the loss, and forced where reduce would be exactly zero. */
import { describe, expect, it } from 'vitest';
import { optimizerSpecSchema } from '../../contract/run-spec.ts';
import { traceModel } from '../models/test-model.ts';
import { explainFlavour, flavoursOf, withReasons, type FlavourSettings } from './flavour.ts';

const spec = { kind: 'vit', patch: 2, width: 4, blocks: 2, heads: 2, mlpRatio: 2, pool: 'mean' } as const;
const { layers } = traceModel(spec, [2, 1, 4, 4], 3).builder;

const flavours = (wanted: 'expand' | 'reduce' | 'auto', lossPools: boolean) =>
  layers.map((layer) => explainFlavour(layer, wanted, lossPools).flavour);

describe('explainFlavour', () => {
  it('is expand for every layer when asked for, whatever the loss', () => {
    expect(new Set([...flavours('expand', true), ...flavours('expand', false)])).toEqual(new Set(['expand']));
  });

  it.each([
    ['reduce', true],
    ['reduce', false],
    ['auto', true],
  ] as const)('expands keys alone for %s with a loss that pools: %s', (wanted, pools) => {
    const expanded = layers.filter((layer) => explainFlavour(layer, wanted, pools).flavour === 'expand');
    expect(expanded.map(({ name }) => name)).toEqual(['blocks.0.attention.key', 'blocks.1.attention.key']);
  });

  it('expands every layer for auto where the loss has a term per position', () => {
    expect(new Set(flavours('auto', false))).toEqual(new Set(['expand']));
  });
});

describe('flavoursOf', () => {
  const chosen = (settings: FlavourSettings) => {
    const of = flavoursOf(layers, settings, true);
    return layers.filter((layer) => of(layer).g === 'reduce').map(({ name }) => name);
  };

  it('takes exceptions by name and by pattern, the last that fits deciding', () => {
    expect(
      chosen({
        flavour: 'expand',
        layers: [
          { pattern: '*.mlp.*', flavour: 'reduce' },
          { pattern: 'blocks.0.*', flavour: 'expand' },
          { pattern: 'head', flavour: 'reduce' },
          { pattern: 'patch', flavour: 'auto' },
        ],
      }),
    ).toEqual(['patch', 'blocks.1.mlp.in', 'blocks.1.mlp.out', 'head']);
  });

  it('keeps the keys at expand whatever fits them', () => {
    const reduced = chosen({ flavour: 'reduce', layers: [{ pattern: '*', flavour: 'reduce' }] });
    expect(reduced).toHaveLength(layers.length - 2);
    expect(reduced.some((name) => name.endsWith('key'))).toBe(false);
  });

  it('lets an exception for keys decide over their A', () => {
    const [key] = layers.filter(({ name }) => name === 'blocks.0.attention.key');
    const of = (settings: FlavourSettings, pools = true) => flavoursOf(layers, settings, pools)(key!);
    expect(of({ flavour: 'reduce' })).toEqual({ a: 'reduce', g: 'expand' });
    expect(of({ flavour: 'auto' })).toEqual({ a: 'reduce', g: 'expand' });
    expect(of({ flavour: 'auto' }, false)).toEqual({ a: 'expand', g: 'expand' });
    const expanded: FlavourSettings = {
      flavour: 'reduce',
      layers: [{ pattern: '*.key', flavour: 'expand' }],
    };
    expect(of(expanded)).toEqual({ a: 'expand', g: 'expand' });
  });

  it('reads the other signs of a pattern as they are', () => {
    expect(() => chosen({ flavour: 'expand', layers: [{ pattern: 'hea.', flavour: 'reduce' }] })).toThrow(
      'optimizer.layers.0.pattern: hea. fits no layer; the layers are patch, blocks.0.attention.query, ',
    );
  });
});

it('gives reports of layers their reasons, where an optimiser has flavours', () => {
  const [report] = [
    { name: 'blocks.0.attention.key', sharing: 4, aSize: 9, gSize: 8, flavour: 'expand' as const },
  ];
  const reasonOf = (optimizer: object) =>
    withReasons([report], layers, optimizerSpecSchema.parse({ lr: 0.1, ...optimizer }), true)[0]?.why;
  expect(reasonOf({ name: 'kfac', flavour: 'reduce' })).toBe('key: its summed gradients are zero');
  expect(reasonOf({ name: 'singd', flavour: 'auto' })).toBe('key: its summed gradients are zero');
  expect(reasonOf({ name: 'adamw' })).toBeUndefined();
});
