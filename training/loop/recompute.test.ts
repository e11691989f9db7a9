/** Runs that make activations again: the same bits as those that keep them, and only where that is asked for or needed. */
import { afterEach, describe, expect, it } from 'vitest';
import type { RunSpec } from '../../contract/run-spec.ts';
import { observedTrainer, tinySpec, trainOn, type ObservedTrainer } from './test-trainer.ts';

const opened: ObservedTrainer[] = [];
afterEach(() => opened.splice(0).forEach(({ trainer }) => trainer.dispose()));

async function observed(): Promise<ObservedTrainer> {
  const one = await observedTrainer();
  opened.push(one);
  return one;
}

const vit = { kind: 'vit', patch: 2, width: 32, blocks: 2, heads: 4 };
const resnet = { kind: 'wide-resnet', depth: 10, width: 1, norm: 'batch' };
const kfac = {
  name: 'kfac',
  lr: 0.01,
  flavour: 'expand',
  denseSteps: 2,
  factorInterval: 2,
  inverseInterval: 2,
};
const cases: [string, object, object][] = [
  ['AdamW on a transformer', vit, { name: 'adamw', lr: 0.01 }],
  ['AdamW on a residual network', resnet, { name: 'adamw', lr: 0.01 }],
  ['the empirical Fisher', resnet, { ...kfac, flavour: 'reduce', fisher: 'empirical' }],
  ['the type-2 Fisher', vit, { ...kfac, fisher: 'type2' }],
  ['one draw', vit, { ...kfac, flavour: 'auto', fisher: 'mc' }],
  ['measured scales', vit, { ...kfac, preconditioner: 'ekfac', damping: 0.1 }],
];

/** Bytes that were made for intermediate tensors of the last training step that was compiled. */
function activations({ made }: ObservedTrainer): number {
  const all = [...made.alive].filter(([{ label }]) => label === 'training step: activations');
  return all.at(-1)?.[1] ?? NaN;
}

describe('a run that makes activations again', () => {
  it.each(cases)('has the same bits in no more memory: %s', async (_, model, optimizer) => {
    const one = await observed();
    const spec = tinySpec({ model, optimizer, batchSize: 16, steps: 4, evaluateEvery: 4 });
    const kept = await trainOn(one, { ...spec, recompute: 'never' });
    const keptBytes = activations(one);
    const again = await trainOn(one, { ...spec, recompute: 'always' });
    expect(again.result.status).toBe('finished');
    expect(again.parameters).toEqual(kept.parameters);
    expect(again.recorder.series('val.loss')).toEqual(kept.recorder.series('val.loss'));
    expect(again.recorder.codes).not.toContain('recomputed');
    // In nets this small inversions need more than all activations together.
    if ('flavour' in optimizer) expect(activations(one)).toBeLessThanOrEqual(keptBytes);
    else expect(activations(one)).toBeLessThan(0.9 * keptBytes);
  });

  /** The adapter allows buffers of at most so many bytes. */
  function limit({ device }: ObservedTrainer, bytes: number): void {
    const { limits } = device;
    const value = new Proxy(limits, {
      get: (target, name) => (name === 'maxBufferSize' ? bytes : target[name as keyof GPUSupportedLimits]),
    });
    Object.defineProperty(device, 'limits', { value, configurable: true });
  }

  it('needs no asking where activations would not fit, and says so', async () => {
    const spec: RunSpec = tinySpec({ model: resnet, batchSize: 16, steps: 3, evaluateEvery: 3 });
    const roomy = await observed();
    const expected = await trainOn(roomy, spec);
    expect(expected.recorder.codes).not.toContain('recomputed');
    const tight = await observed();
    limit(tight, activations(roomy) - 1);
    const run = await trainOn(tight, spec);
    expect(run.parameters).toEqual(expected.parameters);
    expect(run.recorder.events.find(({ code }) => code === 'recomputed')?.text).toMatch(/made again/);
    expect(activations(tight)).toBeLessThan(activations(roomy));
    await expect(trainOn(tight, { ...spec, recompute: 'never' })).rejects.toThrow(
      /training step: activations needs .* MiB in one buffer/,
    );
  });
});
