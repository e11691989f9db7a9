/** When curvature work is due decides both the cost of K-FAC and whether an inverse exists before its first use. */
import { describe, expect, it } from 'vitest';
import { optimizerSpecSchema } from '../../contract/run-spec.ts';
import { phases } from '../../contract/runs.ts';
import { dueWork, phasesDue } from './intervals.ts';

function kfac(settings: object) {
  return optimizerSpecSchema.parse({ name: 'kfac', flavour: 'expand', lr: 0.01, ...settings });
}

const stepsWith = (work: 'factors' | 'inverses', settings: object, steps: number) =>
  Array.from({ length: steps }, (_, i) => i + 1).filter((step) => dueWork(kfac(settings), step)[work]);

describe('dueWork', () => {
  const settings = { denseSteps: 4, factorInterval: 3, inverseInterval: 5 };

  it('is due on every dense step, then at multiples of its own interval', () => {
    expect(stepsWith('factors', settings, 20)).toEqual([1, 2, 3, 4, 6, 9, 12, 15, 18]);
    expect(stepsWith('inverses', settings, 20)).toEqual([1, 2, 3, 4, 5, 10, 15, 20]);
  });

  it('makes factors and inverses at the first step even with the shortest dense start', () => {
    const sparse = { denseSteps: 1, factorInterval: 100, inverseInterval: 100 };
    expect(dueWork(kfac(sparse), 1)).toEqual({ factors: true, inverses: true });
    expect(dueWork(kfac(sparse), 2)).toEqual({ factors: false, inverses: false });
    expect(dueWork(kfac(sparse), 100)).toEqual({ factors: true, inverses: true });
  });

  it('is always due with intervals of 1', () => {
    expect(stepsWith('factors', { denseSteps: 1, factorInterval: 1, inverseInterval: 1 }, 6)).toHaveLength(6);
  });

  it('never is without curvature', () => {
    const none = { factors: false, inverses: false };
    expect(dueWork(optimizerSpecSchema.parse({ name: 'grafted-identity', lr: 0.01 }), 1)).toEqual(none);
    expect(dueWork(optimizerSpecSchema.parse({ name: 'adamw', lr: 0.01 }), 1)).toEqual(none);
    expect(dueWork(optimizerSpecSchema.parse({ name: 'sgd', lr: 0.01 }), 1)).toEqual(none);
  });
});

describe('dueWork of other rules for layers', () => {
  const work = (settings: object, steps: number[]) =>
    steps.map((step) => dueWork(optimizerSpecSchema.parse({ lr: 0.01, ...settings }), step));
  const both = { factors: true, inverses: true };
  const none = { factors: false, inverses: false };
  const factorsOnly = { factors: true, inverses: false };

  it.each(['ikfac', 'singd'])('%s updates factors and roots together', (name) => {
    const settings = { name, flavour: 'expand', denseSteps: 2, factorInterval: 4 };
    expect(work(settings, [1, 2, 3, 4, 5, 8])).toEqual([both, both, none, both, none, both]);
  });

  it('Shampoo takes every gradient in and renews roots now and then', () => {
    const settings = { name: 'shampoo', denseSteps: 1, rootInterval: 3 };
    expect(work(settings, [1, 2, 3, 4])).toEqual([both, factorsOnly, both, factorsOnly]);
  });

  it('SOAP starts with a step that moves nothing', () => {
    const [first, ...rest] = work({ name: 'soap', basisInterval: 2 }, [1, 2, 3]);
    expect(first).toEqual({ ...factorsOnly, isStart: true });
    expect(rest).toEqual([both, factorsOnly]);
    expect([...phasesDue({ ...factorsOnly, isStart: true })]).toEqual(['forward', 'backward', 'factors']);
  });
});

describe('phasesDue', () => {
  it('leaves out only the curvature work that is not due', () => {
    expect([...phasesDue({ factors: true, inverses: true })]).toEqual([...phases]);
    expect([...phasesDue({ factors: true, inverses: false })]).toEqual(
      phases.filter((p) => p !== 'inverses'),
    );
    expect([...phasesDue({ factors: false, inverses: true })]).toEqual(phases.filter((p) => p !== 'factors'));
    expect([...phasesDue({ factors: false, inverses: false })]).toEqual([
      'forward',
      'backward',
      'precondition',
      'update',
    ]);
  });
});
