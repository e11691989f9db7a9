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
