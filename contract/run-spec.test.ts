import { describe, expect, it } from 'vitest';
import { optimizerSpecSchema, scheduleSpecSchema } from './run-spec.ts';

describe('an optimiser stored before clipping and kinds of weight decay', () => {
  it.each([
    ['sgd', {}, { clipNorm: null, weightDecayKind: 'l2' }],
    ['adamw', {}, { clipNorm: null, weightDecayKind: 'decoupled' }],
    ['kfac', { flavour: 'expand' }, { clipNorm: null }],
  ])('reads as what it did: %s', (name, own, expected) => {
    expect(optimizerSpecSchema.parse({ name, lr: 0.1, ...own })).toMatchObject(expected);
  });
});

describe('clipNorm', () => {
  it.each([0, -1, NaN, Infinity])('cannot be %d', (clipNorm) => {
    expect(optimizerSpecSchema.safeParse({ name: 'nadamw', lr: 0.1, clipNorm }).success).toBe(false);
  });
});

it('K-FAC knows one kind of weight decay', () => {
  const spec = { name: 'kfac', lr: 0.1, flavour: 'expand', weightDecayKind: 'l2' };
  expect(optimizerSpecSchema.safeParse(spec).success).toBe(false);
});

it('both schedules with a warm-up have its length', () => {
  for (const kind of ['warmup-cosine', 'warmup-linear']) {
    expect(scheduleSpecSchema.parse({ kind })).toEqual({ kind, warmupSteps: 20 });
  }
});

describe('K-FAC settings that came later', () => {
  const parse = (settings: object) =>
    optimizerSpecSchema.safeParse({ name: 'kfac', lr: 0.1, flavour: 'reduce', ...settings });

  it.each(['mc', 'type2', 'empirical'])('leave a stored run with the Fisher %s what it was', (fisher) => {
    expect(parse({ fisher }).data).toMatchObject({
      ...{ fisher, fisherSamples: 1, reduceConvention: 'meanA_sumG', maxFactorSide: 2048 },
      ...{ embeddings: 'first-order', layers: [] },
    });
  });

  it.each([
    [{ fisherSamples: 0 }, 'fisherSamples'],
    [{ maxFactorSide: 8 }, 'maxFactorSide'],
    [{ reduceConvention: 'sumA_sumG' }, 'reduceConvention'],
    [{ layers: [{ pattern: '', flavour: 'reduce' }] }, 'layers'],
    [{ layers: [{ pattern: 'head' }] }, 'layers'],
  ])('have bounds: %j', (settings, field) => {
    const result = parse(settings);
    expect(result.success).toBe(false);
    expect(result.error?.issues[0]?.path[0]).toBe(field);
  });
});
