/** Runs whose curvature does more than the usual: through the real trainer, to the end, and to the same bits again. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { observedTrainer, tinySpec, trainOn, type ObservedTrainer } from './test-trainer.ts';

const kfac = {
  ...{ name: 'kfac', lr: 0.02, flavour: 'expand' },
  ...{ denseSteps: 3, factorInterval: 4, inverseInterval: 4 },
};

let observed: ObservedTrainer;
beforeAll(async () => {
  observed = await observedTrainer();
});
afterAll(() => observed.trainer.dispose());

const choices: Record<string, object> = {
  'exact damping': { dampingRule: 'exact', dampingScale: 'relative' },
  'measured scales': { preconditioner: 'ekfac', damping: 0.1 },
  'measured scales of all columns': { preconditioner: 'ekfac', fisher: 'type2', damping: 0.1 },
  'adapting damping': { dampingAdaptation: 'levenberg-marquardt', adaptationInterval: 2 },
  'damping by the loss': { dampingRule: 'pi', dampingScale: 'loss', dampingFloor: 1e-4 },
  'a clipped divergence': { klClip: 1e-6 },
  'inversions in slices': { inversionBudget: 1e-6 },
  'measured scales in slices': { preconditioner: 'ekfac', damping: 0.1, inversionBudget: 1e-6 },
};

describe('a K-FAC run', () => {
  it.each(Object.entries(choices))('with %s learns and repeats', async (_, choice) => {
    const spec = tinySpec({ optimizer: { ...kfac, ...choice }, steps: 24, evaluateEvery: 12 });
    const run = await trainOn(observed, spec);
    expect(run.result).toMatchObject({ status: 'finished', lastStep: 24 });
    const losses = run.recorder.series('train.loss').map(({ value }) => value);
    expect(losses.at(-1)).toBeLessThan((losses[0] ?? NaN) * 0.9);
    // Another seed in between: what a program remembers of it must not show.
    await trainOn(observed, { ...spec, seed: 2 });
    const again = await trainOn(observed, spec);
    expect(again.parameters).toEqual(run.parameters);
    expect(again.recorder.series('train.loss')).toEqual(run.recorder.series('train.loss'));
  });

  it('differs from the usual one by every such choice', async () => {
    const usual = await trainOn(observed, tinySpec({ optimizer: kfac, steps: 12 }));
    for (const [name, choice] of Object.entries(choices)) {
      const run = await trainOn(observed, tinySpec({ optimizer: { ...kfac, ...choice }, steps: 12 }));
      expect(run.parameters, name).not.toEqual(usual.parameters);
    }
  });
});
