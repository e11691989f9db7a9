/** Whole runs on augmented batches: they repeat, learn, and evaluate images as they are. */
import { afterAll, describe, expect, it } from 'vitest';
import { noAugmentation } from '../../contract/augmentation.ts';
import { observedTrainer, tinySpec, trainOn } from './test-trainer.ts';

const augmentation = { shift: 1, flip: 'horizontal', cutout: 2, mixUp: 0.4 };
const observed = await observedTrainer();
const cut = await observedTrainer(undefined, 0.001);
const streamed = await observedTrainer(undefined, undefined, 0);
afterAll(() => [observed, cut, streamed].forEach(({ trainer }) => trainer.dispose()));

const optimizers = {
  AdamW: { name: 'adamw', lr: 0.02 },
  'SGD with clipping': { name: 'sgd', lr: 0.1, clipNorm: 1 },
  'K-FAC with drawn labels': { name: 'kfac', lr: 0.02, flavour: 'reduce', factorInterval: 2 },
  'K-FAC of type 2, its damping adapted': {
    ...{ name: 'kfac', lr: 0.02, flavour: 'expand', fisher: 'type2' },
    dampingAdaptation: 'levenberg-marquardt',
  },
  SINGD: { name: 'singd', lr: 0.02, flavour: 'expand' },
};

describe.each(Object.entries(optimizers))('%s', (_, optimizer) => {
  const spec = tinySpec({ optimizer, augmentation });

  it('trains to the end and gives the same bits again, however submits are cut and wherever the data lies', async () => {
    const first = await trainOn(observed, spec);
    expect(first.result.status).toBe('finished');
    const losses = first.recorder.series('train.loss').map(({ value }) => value);
    expect(losses).toHaveLength(20);
    expect(losses.every((loss) => Number.isFinite(loss) && loss > 0)).toBe(true);
    const again = await trainOn(observed, spec);
    expect(again.parameters).toEqual(first.parameters);
    const before = cut.submits.count;
    const inPieces = await trainOn(cut, spec);
    expect(cut.submits.count - before).toBeGreaterThan(20);
    expect(inPieces.parameters).toEqual(first.parameters);
    const fromHost = await trainOn(streamed, spec);
    expect(fromHost.recorder.codes).toContain('streamed');
    expect(fromHost.parameters).toEqual(first.parameters);
  });

  it('is another run without augmentation, and the same one with one that does nothing', async () => {
    const plain = await trainOn(observed, tinySpec({ optimizer }));
    const idle = await trainOn(observed, tinySpec({ optimizer, augmentation: noAugmentation }));
    expect(idle.parameters).toEqual(plain.parameters);
    const { parameters } = await trainOn(observed, spec);
    expect(parameters).not.toEqual(plain.parameters);
  });
});

it('the empirical Fisher takes images that are moved but not mixed', async () => {
  const optimizer = { name: 'kfac', lr: 0.02, flavour: 'reduce', fisher: 'empirical' };
  const spec = tinySpec({ optimizer, augmentation: { ...augmentation, mixUp: 0 } });
  expect((await trainOn(observed, spec)).result.status).toBe('finished');
});

it('evaluations see the images as they are', async () => {
  // So small a rate that no bit of a parameter changes: runs differ by their batches alone.
  const still = { optimizer: { name: 'sgd', lr: 1e-30, momentum: 0, weightDecay: 0 } };
  const plain = await trainOn(observed, tinySpec(still));
  const augmented = await trainOn(observed, tinySpec({ ...still, augmentation }));
  expect(augmented.parameters).toEqual(plain.parameters);
  for (const key of ['val.loss', 'val.accuracy', 'val.ece'] as const)
    expect(augmented.recorder.series(key)).toEqual(plain.recorder.series(key));
  const [own, other] = [plain, augmented].map(({ recorder }) => recorder.series('train.loss'));
  expect(other).toHaveLength(own!.length);
  expect(other!.filter(({ value }, i) => value === own![i]!.value)).toEqual([]);
});

it('every step draws anew', async () => {
  const still = {
    optimizer: { name: 'sgd', lr: 1e-30, momentum: 0, weightDecay: 0 },
    batchSize: 40,
    steps: 12,
  };
  const spec = tinySpec({ ...still, augmentation: { ...augmentation, mixUp: 0 } });
  const { recorder } = await trainOn(observed, spec);
  const losses = recorder.series('train.loss').map(({ value }) => value);
  // All images of the part in every step, so that only what is done to them differs.
  expect(new Set(losses).size).toBe(12);
});
