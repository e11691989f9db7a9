/** Runs whose curvature does more than the usual: through the real trainer, to the end, and to the same bits again. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PreparedDataset } from '../../datasets/dataset.ts';
import { observedTrainer, tinyDataset, tinySpec, trainOn, type ObservedTrainer } from './test-trainer.ts';

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
  'polished inverses': { inversion: 'cholesky-polished' },
  'warm starts': { inversion: 'newton-schulz', damping: 1 },
  'warm starts in slices': { inversion: 'newton-schulz', damping: 1, inversionBudget: 1e-6 },
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

  it.each([
    ['adapting damping', 3],
    ['damping by the loss', 3],
    ['inversions in slices', 0],
  ])('with %s has its damping at %i evaluations', async (choice, count) => {
    const optimizer = { ...kfac, ...choices[choice] };
    const { recorder } = await trainOn(observed, tinySpec({ optimizer, steps: 14, evaluateEvery: 6 }));
    const series = recorder.series('curvature.damping');
    expect(series.map(({ step }) => step)).toEqual([6, 12, 14].slice(0, count));
    // A value that stayed would be no reason for a series.
    if (count > 0) expect(new Set(series.map(({ value }) => value)).size).toBeGreaterThan(1);
    for (const { value } of series) expect(value).toBeGreaterThan(0);
  });

  it.each(['warm starts', 'warm starts in slices'])('with %s says how many there were', async (choice) => {
    const optimizer = { ...kfac, ...choices[choice] };
    const { recorder } = await trainOn(observed, tinySpec({ optimizer, steps: 12, evaluateEvery: 1 }));
    const shares = recorder.series('curvature.warm_starts').map(({ value }) => value);
    expect(shares).toHaveLength(12);
    // Before there is an inverse there is none to start from.
    expect(shares[0]).toBe(0);
    expect(Math.max(...shares)).toBeGreaterThan(0);
    expect(Math.max(...shares)).toBeLessThanOrEqual(1);
    for (const share of shares) expect(Number.isInteger(share * 4)).toBe(true);
  });

  it('differs from the usual one by every such choice', async () => {
    const usual = await trainOn(observed, tinySpec({ optimizer: kfac, steps: 12 }));
    for (const [name, choice] of Object.entries(choices)) {
      const run = await trainOn(observed, tinySpec({ optimizer: { ...kfac, ...choice }, steps: 12 }));
      expect(run.parameters, name).not.toEqual(usual.parameters);
    }
  });
});

describe('a run whose factors cannot be inverted', () => {
  it('names each with the step and the damping it has since', async () => {
    // Seventeen inputs and eight examples: without damping to speak of, rounding decides over the sign of a pivot.
    const damping = 1e-20;
    const optimizer = { ...kfac, dampingRule: 'plain', damping };
    const { recorder } = await trainOn(observed, tinySpec({ optimizer, steps: 3, evaluateEvery: 3 }));
    const events = recorder.events.filter(({ code }) => code === 'pivot-failed');
    expect(events.map(({ text }) => text.split(':')[0])).toContain('A of layers.0');
    for (const { step, level, text } of events) {
      const found =
        /at step (\d+)\. Old inverse kept, damping raised to (\S+), (\d+) times the setting's\.$/.exec(text);
      const [said, amount, raise] = (found ?? []).slice(1).map(Number);
      expect({ said, level, amount }, text).toEqual({
        ...{ said: step, level: 'warning' },
        amount: Number((damping * (raise ?? NaN)).toPrecision(3)),
      });
      expect(step).toBeLessThanOrEqual(3);
    }
    // What is read at the third step was written down at an earlier one.
    expect(events.some(({ step }) => step < 3)).toBe(true);
  });
});

describe('a run with a loss term for every token', () => {
  const tokens = (count: number) => Uint32Array.from({ length: count }, (_, i) => (i * i) % 5);
  const part = (count: number) => ({
    count,
    tensors: { tokens: { shape: [count], data: tokens(count) } },
  });
  const text: PreparedDataset = {
    ...tinyDataset(),
    ...{ kind: 'text', task: 'language', example: [3], outputs: 5, outputNames: ['a', 'b', 'c', 'd', 'e'] },
    ...{ train: part(80), validation: part(20), scaling: {} },
  };

  it.each([
    ['type2', [`${3 * 5} backward passes`]],
    ['type2-shared', []],
  ])('of fisher %s says at its start what that costs', async (fisher, parts) => {
    const trainer = await observedTrainer(text);
    const { recorder } = await trainOn(
      trainer,
      tinySpec({
        model: { kind: 'decoder', width: 4, blocks: 1, heads: 1, mlpRatio: 1 },
        optimizer: { ...kfac, fisher },
        ...{ steps: 2, evaluateEvery: 2, target: { metric: 'val.loss', op: '<=', value: 0 } },
      }),
    );
    trainer.trainer.dispose();
    const found = recorder.events.filter(({ code }) => code === 'costly-fisher');
    expect(found.map(({ step, level }) => [step, level])).toEqual(parts.map(() => [0, 'warning']));
    parts.forEach((text, i) => expect(found[i]?.text).toContain(text));
  });
});
