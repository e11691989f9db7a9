/** How a round of inversions is cut, and that a round done slice by slice ends where one done at once does. */
import { describe, expect, it } from 'vitest';
import { readFloats } from '../../gpu-kernels/readback.ts';
import type { Region } from '../../gpu-kernels/region.ts';
import { dueWork, sliceDue } from '../loop/intervals.ts';
import { StepUniform } from '../program/step-scalars.ts';
import { createCurvature } from './curvature.ts';
import { Eigenbases } from './eigenbases.ts';
import type { FactorSet } from './factors.ts';
import { layOutJoint } from './joint-layout.ts';
import { sliceLayers, type Slicing } from './slices.ts';
import { factorSet, runRound } from './test-factor-set.ts';
import { kfacSpec } from './test-net.ts';

describe('slices', () => {
  const slicesOf = (set: FactorSet, { sliceOf }: Slicing) =>
    set.layers.map((layer) => sliceOf.get(layer) ?? -1);

  it('are one where the budget suffices', async () => {
    const { set } = await factorSet();
    const slicing = sliceLayers(set, 2, 1e9, 10);
    expect(slicing.count).toBe(1);
    expect(new Set(slicesOf(set, slicing))).toEqual(new Set([0]));
  });

  it('are as many as the budget asks for, of near-equal work, in the order of the layers', async () => {
    const { set } = await factorSet();
    const work = ({ a, g }: FactorSet['layers'][number]) => 2 * (a.padded ** 3 + g.padded ** 3);
    const total = set.layers.reduce((sum, layer) => sum + work(layer), 0);
    const slicing = sliceLayers(set, 2, total / 3, 10);
    expect(slicing.count).toBeGreaterThan(1);
    expect(slicing.count).toBeLessThanOrEqual(3);
    const slices = slicesOf(set, slicing);
    expect(slices).toEqual([...slices].sort((a, b) => a - b));
    expect(new Set(slices).size).toBe(slicing.count);
  });

  it('never outnumber the steps of an interval, and keep layers with a shared factor together', async () => {
    const { set } = await factorSet();
    expect(sliceLayers(set, 2, 1, 4).count).toBeLessThanOrEqual(4);
    const slicing = sliceLayers(set, 2, 1, 100);
    expect(slicing.count).toBeGreaterThan(1);
    const slices = slicesOf(set, slicing);
    expect(slices.at(-1)).toBe(slices.at(-2));
  });

  it('keep the blocks of a layer together, which share factors of either side', async () => {
    const { set } = await factorSet(16);
    const { sliceOf, count } = sliceLayers(set, 2, 1, 100);
    expect(count).toBeGreaterThan(1);
    const cut = set.layers.filter(({ layer }) => layer.whole.name === 'layer 3');
    expect(cut.length).toBeGreaterThan(2);
    expect(new Set(cut.map((block) => sliceOf.get(block))).size).toBe(1);
    expect([...sliceOf.keys()]).toHaveLength(set.layers.length);
  });
});

describe('a round in slices', () => {
  it.each([
    ['relative', false],
    ['pi', false],
    ['exact', false],
    ['exact', true],
  ] as const)(
    'ends with the numbers of a round at once: %s, measured scales %s',
    async (rule, keepsScales) => {
      const { gpu, set } = await factorSet();
      const layout = layOutJoint(gpu, set.layers);
      const step = new StepUniform(gpu);
      const slicing = sliceLayers(set, 2, 1, 3);
      const settings = { rule, damping: 0.01 };
      const run = async (slices: (number | null)[]) => {
        const curvature = createCurvature(gpu, set, layout, settings, { keepsScales, slicing });
        const results: Region[] = [
          ...curvature.groups.flatMap(({ a, g }) => [a, g]),
          ...(curvature instanceof Eigenbases ? curvature.scales.groups : []),
        ];
        const states: Float32Array[][] = [];
        for (const slice of slices) {
          await runRound(gpu, curvature, step, slice);
          states.push(await Promise.all(results.map((region) => readFloats(gpu, region))));
        }
        return states;
      };
      const [atOnce] = await run([null]);
      const [first, , last] = await run([0, 1, 2]);
      expect(last).toEqual(atOnce);
      expect(first).not.toEqual(atOnce);
      // Not all is zero, which would be equal, too.
      expect(atOnce?.every((values) => values.some((x) => x !== 0))).toBe(true);
    },
  );
});

describe('steps', () => {
  const spec = kfacSpec({ denseSteps: 3, inverseInterval: 5, factorInterval: 5, inversionBudget: 1 });

  it('invert all at once as long as they are dense, then slice by slice at their ends', () => {
    const due = Array.from({ length: 14 }, (_, i) => {
      const step = i + 1;
      return dueWork(spec, step, 3).inverses ? 'all' : sliceDue(spec, step, 3);
    });
    const nothing = null;
    expect(due).toEqual([
      ...['all', 'all', 'all', nothing],
      ...[0, 1, 2, nothing, nothing],
      ...[0, 1, 2, nothing, nothing],
    ]);
  });

  it('have no slices where a round is not cut', () => {
    expect([5, 6, 10].map((step) => [dueWork(spec, step, 0).inverses, sliceDue(spec, step, 0)])).toEqual([
      [true, null],
      [false, null],
      [true, null],
    ]);
  });
});
