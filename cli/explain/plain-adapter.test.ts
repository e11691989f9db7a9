/** Models on the least that WebGPU promises: every kernel must fit, whatever the optimiser adds. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { modelPresets } from '../../contract/model-presets.ts';
import { optimizerSpecSchema } from '../../contract/run-spec.ts';
import type { AdapterClass, GpuContext } from '../../gpu-kernels/device.ts';
import { plainGpu } from '../../gpu-kernels/test-gpu.ts';
import { compileMadeUpStep } from './made-up-step.ts';

let contexts: Record<AdapterClass, GpuContext>;
beforeAll(async () => {
  contexts = { gpu: await plainGpu('gpu'), software: await plainGpu('software') };
});
afterAll(() => Object.values(contexts).forEach(({ device }) => device.destroy()));

/** Small enough to compile soon, with every kind of layer still in it. */
const models = {
  vit: { from: 'vit-small', blocks: 1 },
  'graph network': { from: 'graph-network-small' },
  cnn: { from: 'cnn-small' },
  'wide ResNet': { from: 'wrn-10-1' },
  decoder: { from: 'decoder-small', blocks: 1 },
} as const;

function taskOf(name: keyof typeof models) {
  const { from, ...changes } = models[name];
  const preset = modelPresets.find(({ id }) => id === from);
  if (!preset) throw new Error(`there is no model ${from}`);
  return { ...preset, batch: 4, model: { ...preset.model, ...changes } };
}

const adamw = { name: 'adamw', lr: 0.0003 };
const kfac = { name: 'kfac', flavour: 'expand', lr: 0.003 };

describe('the limits of a plain adapter', () => {
  it('are those of the specification', () => {
    for (const { device, fourLaneSubgroups } of Object.values(contexts)) {
      const { limits } = device;
      expect([limits.maxStorageBuffersPerShaderStage, limits.maxComputeInvocationsPerWorkgroup]).toEqual([
        8, 256,
      ]);
      expect(limits.maxComputeWorkgroupStorageSize).toBe(16384);
      expect(limits.maxBufferSize).toBe(2 ** 28);
      expect(fourLaneSubgroups).toBe(false);
    }
  });

  it.each([
    ['vit', 'gpu', adamw],
    ['vit', 'gpu', kfac],
    ['graph network', 'gpu', adamw],
    ['graph network', 'gpu', kfac],
    ['cnn', 'gpu', adamw],
    ['cnn', 'gpu', kfac],
    ['cnn', 'gpu', { name: 'soap', lr: 0.003 }],
    ['cnn', 'gpu', { name: 'shampoo', lr: 0.003 }],
    ['cnn', 'gpu', { name: 'ikfac', flavour: 'reduce', lr: 0.003 }],
    ['wide ResNet', 'gpu', adamw],
    ['wide ResNet', 'gpu', kfac],
    ['decoder', 'software', adamw],
    ['decoder', 'software', kfac],
  ] as const)('are enough for a %s on class %s: %o', async (model, adapterClass, optimizer) => {
    const gpu = contexts[adapterClass];
    gpu.device.pushErrorScope('validation');
    const step = await compileMadeUpStep(gpu, taskOf(model), optimizerSpecSchema.parse(optimizer));
    const results = await step.run(2);
    step.destroy();
    const error = await gpu.device.popErrorScope();
    expect(error?.message).toBeUndefined();
    const [first = NaN, second = NaN] = results.map(({ loss }) => loss);
    expect(first).toBeGreaterThan(0);
    expect(second).toBeLessThan(first);
  });

  it('are told by the largest tensor where a model does not fit', async () => {
    const task = { ...taskOf('cnn'), batch: 2 ** 16 };
    const large = compileMadeUpStep(contexts.gpu, task, optimizerSpecSchema.parse(adamw));
    await expect(large).rejects.toMatchObject({
      code: 'invalid',
      message: expect.stringMatching(
        /^step: activations needs \d+ MiB in one buffer; the largest part is .*, \d+ MiB\. This adapter allows 256 MiB: take a smaller model or batch\.$/,
      ) as string,
    });
  });
});
