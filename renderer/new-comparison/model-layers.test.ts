import { expect, test } from 'vitest';
import type { z } from 'zod';
import { modelSpecSchema } from '../../contract/run-spec.ts';
import { makeSpec } from '../test/make-run.ts';
import { planModel, unfitPattern, unreadable } from './model-layers.ts';

const modelOf = (model: z.input<typeof modelSpecSchema>) => modelSpecSchema.parse(model);

function kfac(layers: { pattern: string; flavour: 'expand' | 'reduce' }[] = []) {
  const { optimizer, ...rest } = makeSpec();
  if (optimizer.name !== 'kfac') throw new Error('the spec of tests is no longer K-FAC');
  return { ...rest, optimizer: { ...optimizer, layers } };
}

test('layers are known before anything was trained', () => {
  const spec = { ...kfac(), model: { kind: 'cnn' as const, channels: [4, 6] } };
  expect(
    planModel(spec).layers.map(({ name, sharing, aSize, gSize }) => [name, sharing, aSize, gSize]),
  ).toEqual([
    ['convolutions.0', 64, 10, 4],
    ['convolutions.1', 16, 37, 6],
    ['head', 1, 7, 10],
  ]);
});

test('flavours follow the run and its exceptions; keys expand whatever is said', () => {
  const { optimizer, ...rest } = kfac([{ pattern: 'head', flavour: 'expand' }]);
  const { layers } = planModel({ ...rest, optimizer: { ...optimizer, flavour: 'auto' } });
  const flavours = new Map(layers.map(({ name, flavour }) => [name, flavour]));
  expect(flavours.get('patch')).toBe('reduce');
  expect(flavours.get('blocks.0.attention.key')).toBe('expand');
  expect(flavours.get('head')).toBe('expand');
});

test('a pattern that fits no layer of the model is found', () => {
  expect(unfitPattern(kfac())).toBeNull();
  const fitting = { pattern: 'blocks.*.mlp.in', flavour: 'reduce' as const };
  expect(unfitPattern(kfac([fitting]))).toBeNull();
  expect(unfitPattern(kfac([fitting, { pattern: 'block.*', flavour: 'reduce' }]))).toBe('block.*');
});

test('a model that does not fit its images has no layers to list, nor any to miss', () => {
  const spec = kfac([{ pattern: 'nothing', flavour: 'reduce' }]);
  const model = {
    kind: 'vit' as const,
    patch: 3,
    width: 32,
    blocks: 1,
    heads: 4,
    mlpRatio: 2,
    pool: 'mean' as const,
  };
  expect(unfitPattern({ ...spec, model })).toBeNull();
  expect(planModel({ ...kfac(), model })).toEqual({ layers: [], warnings: [] });
});

test('what the adapter cannot bind is said before anything is trained', () => {
  const model = { kind: 'mlp' as const, hidden: [2000, 2000], activation: 'relu' as const };
  const limits = { maxStorageBufferBindingSize: 2 ** 23 };
  expect(planModel({ ...kfac(), model }, limits).warnings[0]).toBe(
    'The parameters take 16 MiB in one piece; this adapter binds at most 8 MiB.',
  );
  expect(planModel({ ...kfac(), model }, { maxStorageBufferBindingSize: 2 ** 30 }).warnings).toEqual([]);
});

test('a model that reads other data than there are is told apart from one that only does not fit', () => {
  const decoder = modelOf({ kind: 'decoder', width: 8, blocks: 1, heads: 2 });
  expect(unreadable({ ...kfac(), model: decoder })).toBe('decoder reads text; this data set has images');
  const vit = modelOf({ kind: 'vit', patch: 3, width: 8, blocks: 1, heads: 2 });
  expect(unreadable({ ...kfac(), model: vit })).toBeNull();
  expect(unreadable(kfac())).toBeNull();
});
