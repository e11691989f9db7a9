// @vitest-environment happy-dom
import { expect, test } from 'vitest';
import type { TrainingProgress } from '../../contract/training.ts';
import { makeRun } from '../test/make-run.ts';
import { LiveRun } from './live-run.svelte.ts';

function progress(changes: Partial<TrainingProgress>): TrainingProgress {
  return {
    state: 'training',
    step: 0,
    steps: 200,
    activeMs: 0,
    stepMs: 100,
    stepMsSpread: 0,
    phaseMs: {},
    ...changes,
  };
}

test('what is left is the median step times the steps to come, plus the share of evaluation', () => {
  const live = new LiveRun(makeRun());
  expect(live.timeLeft()).toBeNull();
  live.report(progress({ step: 50, activeMs: 5000 }), 10_000);
  expect(live.timeLeft()).toEqual({ ms: 15_000, spreadMs: 0 });
  live.report(progress({ step: 100, activeMs: 10_000 }), 20_000);
  expect(live.timeLeft()?.ms).toBe(20_000);
});

test('a pause does not count as slow evaluation', () => {
  const live = new LiveRun(makeRun());
  live.report(progress({ step: 50, activeMs: 5000 }), 5000);
  live.report(progress({ step: 50, activeMs: 5000, state: 'paused' }), 5000);
  live.report(progress({ step: 51, activeMs: 5100 }), 900_000);
  expect(live.timeLeft()?.ms).toBe(14_900);
});

test('the spread grows with the scatter of the steps', () => {
  const calm = new LiveRun(makeRun());
  calm.report(progress({ step: 100, stepMsSpread: 2 }), 0);
  const wild = new LiveRun(makeRun());
  wild.report(progress({ step: 100, stepMsSpread: 20 }), 0);
  expect((wild.timeLeft()?.spreadMs ?? 0) / (calm.timeLeft()?.spreadMs ?? 1)).toBeCloseTo(10);
});

test('a run counts as stalled after ten median steps without news, not while paused or compiling', () => {
  const live = new LiveRun(makeRun());
  live.report(progress({ step: 10, stepMs: 1000 }), 50_000);
  expect(live.stalledSince(59_000)).toBeNull();
  expect(live.stalledSince(61_000)).toBe(50_000);
  live.report(progress({ step: 10, stepMs: 1000, state: 'paused' }), 70_000);
  expect(live.stalledSince(700_000)).toBeNull();
});

test('the curves are in the order they came, and a copy is handed out', () => {
  const live = new LiveRun(makeRun());
  const batch = (step: number, value: number) => ({
    keys: ['val.accuracy' as const],
    steps: [step],
    activeMs: [step],
    wallMs: [step],
    values: [value],
  });
  live.add(batch(5, 0.1), []);
  live.add(batch(10, NaN), []);
  const series = live.series('val.accuracy');
  expect(series?.steps).toEqual([5, 10]);
  expect(series?.values).toEqual([0.1, NaN]);
  series?.steps.push(99);
  expect(live.series('val.accuracy')?.steps).toEqual([5, 10]);
  expect(live.series('val.loss')).toBeNull();
});
