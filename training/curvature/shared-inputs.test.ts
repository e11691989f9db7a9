/** Which layers of a transformer share an A: query, key and value, under every flavour. */
import { describe, expect, it } from 'vitest';
import { openScope, releaseScope } from '../../gpu-kernels/device.ts';
import { testGpu } from '../../gpu-kernels/test-gpu.ts';
import { traceModel } from '../models/test-model.ts';
import { createFactors, type KfacLayer } from './factors.ts';
import { flavoursOf } from './flavour.ts';

const spec = { kind: 'vit', patch: 2, width: 4, blocks: 2, heads: 2, mlpRatio: 2, pool: 'mean' } as const;

describe.each(['expand', 'reduce', 'auto'] as const)('under %s', (flavour) => {
  it('query, key and value have one A, and a G each, of which the key’s expands', async () => {
    const scope = openScope(await testGpu());
    const { layers } = traceModel(spec, [2, 1, 4, 4], 3).builder;
    const set = createFactors(scope, layers, flavoursOf(layers, { flavour }, true));
    const part = (name: string) =>
      set.layers.find(({ layer }) => layer.whole.name === `blocks.0.attention.${name}`) as KfacLayer;
    const [query, key, value] = [part('query'), part('key'), part('value')];
    expect([key.a, value.a]).toEqual([query.a, query.a]);
    expect(new Set([query.g, key.g, value.g]).size).toBe(3);
    const flavourOfG = (name: string) =>
      set.outputs.find(({ layer }) => layer.name === `blocks.0.attention.${name}`)?.flavour;
    expect(flavourOfG('key')).toBe('expand');
    expect(flavourOfG('query')).toBe(flavour === 'auto' ? 'reduce' : flavour);
    const inputs = set.inputs.filter(({ layer }) => layer.name.startsWith('blocks.0.attention.'));
    expect(inputs.map((side) => side.flavour)).toEqual(
      Array(2).fill(flavour === 'auto' ? 'reduce' : flavour),
    );
    releaseScope(scope);
  });
});

it('an exception that expands the keys gives them an A of their own', async () => {
  const scope = openScope(await testGpu());
  const { layers } = traceModel(spec, [2, 1, 4, 4], 3).builder;
  const settings = { flavour: 'reduce', layers: [{ pattern: '*.key', flavour: 'expand' }] } as const;
  const set = createFactors(scope, layers, flavoursOf(layers, settings, true));
  const inputs = set.inputs.filter(({ layer }) => layer.name.startsWith('blocks.0.attention.'));
  expect(inputs.map(({ layer, flavour }) => [layer.name.split('.').at(-1), flavour])).toEqual([
    ['query', 'reduce'],
    ['key', 'expand'],
    ['out', 'reduce'],
  ]);
  releaseScope(scope);
});
