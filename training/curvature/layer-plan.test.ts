/** What a layer table says before training, against sizes worked out by hand. */
import { describe, expect, it } from 'vitest';
import type { InputShape } from '../../contract/input-shape.ts';
import type { ModelSpec } from '../../contract/run-spec.ts';
import { traceOver } from '../models/test-model.ts';
import { limitWarnings, planLayers, type LayerPlan } from './layer-plan.ts';

const image: InputShape = { kind: 'images', channels: 1, height: 4, width: 4 };

function planOf(
  model: ModelSpec,
  input: InputShape,
  batch: number,
  lossPools = true,
  flavour = 'auto' as const,
) {
  const { builder } = traceOver(model, input, 3, { embeddingsAreLayers: true }, 2);
  return new Map(planLayers(builder.layers, { flavour }, lossPools, batch).map((plan) => [plan.name, plan]));
}

describe('the plan of layers', () => {
  it('counts a convolution by its patches', () => {
    const plan = planOf({ kind: 'cnn', channels: [8] }, image, 10).get('convolutions.0');
    const [rows, a, g] = [10 * 16, 10, 8];
    expect(plan).toEqual({
      ...{ name: 'convolutions.0', parameters: 9 * 8 + 8, output: [4, 4, 8], sharing: 16 },
      ...{
        aSize: a,
        gSize: g,
        groups: 1,
        aBlocks: 1,
        gBlocks: 1,
        flavour: 'reduce',
        why: 'auto: one loss term per example',
      },
      stepFlops: 6 * rows * 9 * 8,
      expandFlops: 2 * rows * (a ** 2 + g ** 2),
      reduceFlops: 2 * 10 * (a ** 2 + g ** 2) + rows * (9 + 8),
      ...{ outputBytes: 4 * rows * 8, factorBytes: 4 * (12 ** 2 + 8 ** 2) },
    } satisfies LayerPlan);
  });

  it('costs both flavours the same where nothing is shared', () => {
    const plan = planOf({ kind: 'mlp', hidden: [5], activation: 'relu' }, image, 10).get('head');
    expect(plan).toMatchObject({
      sharing: 1,
      output: [3],
      expandFlops: 2 * 10 * (36 + 9),
      reduceFlops: 2 * 10 * (36 + 9),
    });
  });

  it('says why a layer expands', () => {
    const model: ModelSpec = {
      ...{ kind: 'decoder', width: 4, blocks: 1, heads: 2, mlpRatio: 2 },
      ...{ positions: 'learned', head: 'separate' },
    };
    const text: InputShape = { kind: 'text', length: 6, vocabulary: 11 };
    const perToken = planOf(model, text, 10, false);
    expect(perToken.get('head')).toMatchObject({
      ...{ flavour: 'expand', why: 'auto: a loss term per position', output: [6, 3], sharing: 6 },
    });
    const pooled = planOf(model, text, 10);
    expect(pooled.get('blocks.0.attention.key')?.why).toBe('key: its summed gradients are zero');
    expect(pooled.get('tokens')).toMatchObject({
      flavour: 'expand',
      why: 'one-hot inputs: A is diagonal',
      stepFlops: 0,
    });
    expect(pooled.get('blocks.0.mlp.in')).toMatchObject({ flavour: 'reduce' });
  });

  it('counts rows of graphs by an average graph', () => {
    const model: ModelSpec = {
      ...{ kind: 'graph-network', width: 4, rounds: 1, updateLayers: 1, aggregation: 'sum' },
      ...{ globals: 'off', readout: 'mean', norm: 'none', residual: 'on' },
    };
    const plan = planOf(model, { kind: 'graphs', nodeWidth: 5, edgeWidth: 2, nodes: 9, edges: 20 }, 10);
    expect(plan.get('embed.edge')).toMatchObject({ sharing: 20, output: [4], stepFlops: 6 * 200 * 2 * 4 });
    expect(plan.get('embed.node')).toMatchObject({ sharing: 9, stepFlops: 6 * 90 * 5 * 4 });
  });

  it('cuts wide factors as K-FAC does', () => {
    const { builder } = traceOver({ kind: 'mlp', hidden: [100], activation: 'relu' }, image, 3);
    const [plan] = planLayers(builder.layers, { flavour: 'expand', maxFactorSide: 50 }, true, 10);
    expect(plan).toMatchObject({
      ...{ aSize: 17, gSize: 100, aBlocks: 1, gBlocks: 3 },
      factorBytes: 4 * (20 ** 2 + 2 * 36 ** 2 + 28 ** 2),
    });
  });

  it('warns of what an adapter cannot bind', () => {
    const plans = [
      ...planOf({ kind: 'mlp', hidden: [1000, 1000], activation: 'relu' }, image, 2000).values(),
    ];
    const limits = { maxStorageBufferBindingSize: 5 * 2 ** 20, maxBufferSize: 2 ** 30 };
    expect(limitWarnings(plans, 2 ** 20, { ...limits, maxStorageBufferBindingSize: 2 ** 28 })).toEqual([]);
    expect(limitWarnings(plans, 2 ** 21, limits)).toEqual([
      'The parameters take 8 MiB in one piece; this adapter binds at most 5 MiB.',
      'The factors of K-FAC take 16 MiB in one piece; this adapter binds at most 5 MiB.',
      'The output of layers.0 takes 8 MiB in one piece; this adapter binds at most 5 MiB.',
      'The output of layers.1 takes 8 MiB in one piece; this adapter binds at most 5 MiB.',
    ]);
  });
});
