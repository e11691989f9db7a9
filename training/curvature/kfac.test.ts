/** K-FAC's recipe as a whole, on the GPU, against a float64 reference of its own; and what happens when it must not work. */
import { describe, expect, it } from 'vitest';
import type { KfacSpec } from '../../contract/run-spec.ts';
import { readFloats, readRegions } from '../../gpu-kernels/readback.ts';
import { writeRegion } from '../../gpu-kernels/region.ts';
import { dueWork } from '../loop/intervals.ts';
import type { ModelBuilder } from '../models/model-builder.ts';
import type { Tensor } from '../program/graph.ts';
import { add, tanh } from '../program/operations/elementwise.ts';
import { meanAxes } from '../program/operations/reduce.ts';
import { expectClose, noise } from '../program/test-program.ts';
import type { Factor } from './factors.ts';
import {
  batchOf,
  kfacSpec,
  netShape,
  netValues,
  newestFailure,
  prepareStep,
  type TestStep,
} from './test-net.ts';
import {
  dampedInverse,
  GraftedReference,
  matrix,
  meanEigenvalue,
  referenceFactors,
} from './test-reference.ts';

const steps = 12;
const rate = (step: number) => 0.02 * Math.min(1, step / 4);
/**
 * Relative damping of .01 keeps a factor's condition number below 1 + side / .1, at most 61 here, so an inverse is good
 * to about 61 roundings of 6e-8; each of twelve steps moves a parameter by some hundredths of its size with that error. Measured on SwiftShader: 2.4e-7.
 */
const tolerance = 2e-6;

/** The scalars the training loop writes, for one optimiser. */
function scalarsOf(spec: KfacSpec): (step: number) => Parameters<TestStep['run']>[1] {
  let weight = 0;
  return (step) => {
    const due = dueWork(spec, step);
    if (due.factors) weight = spec.factorDecay * weight + 1;
    return {
      index: step,
      lr: rate(step),
      correction1: 1 / (1 - spec.beta1 ** step),
      correction2: 1 / (1 - spec.beta2 ** step),
      factorMix: due.factors ? 1 / weight : 0,
    };
  };
}

async function compareTrajectories(spec: KfacSpec): Promise<void> {
  const engine = await prepareStep(spec);
  const reference = new GraftedReference(spec, netValues());
  const scalars = scalarsOf(spec);
  for (let step = 1; step <= steps; step++) {
    const due = dueWork(spec, step);
    engine.run(batchOf(step), scalars(step), [
      'forward',
      'backward',
      ...(due.factors ? (['factors'] as const) : []),
      ...(due.inverses ? (['inverses'] as const) : []),
      'precondition',
      'update',
    ]);
    reference.step(step, rate(step), batchOf(step), due);
  }
  const start = netValues();
  for (const [name, expected] of reference.values) {
    expectClose(await engine.valuesOf(name), expected, tolerance, name);
    // A run that stood still would agree with nothing.
    const moved = Math.max(...expected.map((w, i) => Math.abs(w - (start.get(name)?.[i] ?? NaN))));
    expect(moved, `${name} moved`).toBeGreaterThan(0.02);
  }
}

describe('grafted recipe', () => {
  const everyStep = { denseSteps: 1, factorInterval: 1, inverseInterval: 1 };
  const thrifty = { denseSteps: 2, factorInterval: 3, inverseInterval: 3 };
  const settings = { fisher: 'empirical', weightDecay: 0.4, otherLrMultiplier: 2 };

  it.each([
    ['expand', 'every step', everyStep],
    ['reduce', 'every step', everyStep],
    ['expand', 'two dense steps, then every third', thrifty],
    ['reduce', 'two dense steps, then every third', thrifty],
  ])('%s follows the float64 reference with curvature on %s', async (flavour, _, intervals) => {
    await compareTrajectories(kfacSpec({ flavour, ...settings, ...intervals }));
  });
});

describe('clipping', () => {
  it.each([
    ['grafted', (engine: TestStep) => engine.arenas.first],
    ['classic', (engine: TestStep) => engine.kfac.preconditioner.direction],
  ] as const)('shortens the gradient and leaves the curvature alone: %s', async (recipe, regionOf) => {
    const spec = { recipe, fisher: 'empirical' };
    const whole = await prepareStep(kfacSpec(spec));
    const clipped = await prepareStep(kfacSpec({ ...spec, clipNorm: 0.01 }));
    for (const engine of [whole, clipped]) engine.run(batchOf(1), { factorMix: 1 });
    const gradient = await readFloats(whole.gpu, whole.arenas.gradients);
    const scale = 0.01 / Math.hypot(...gradient);
    expect(scale).toBeLessThan(0.1);
    const expected = (await readFloats(whole.gpu, regionOf(whole))).map((x) => 1e3 * scale * x);
    const got = (await readFloats(clipped.gpu, regionOf(clipped))).map((x) => 1e3 * x);
    expectClose(got, expected, tolerance);
    const averages = [whole, clipped].map(({ gpu, kfac }) => readFloats(gpu, kfac.factors.averages));
    expect(await averages[1]).toEqual(await averages[0]);
  });
});

describe('damped inverses', () => {
  it('answer to the average, the rule and the damping of the layer', async () => {
    const engine = await prepareStep(kfacSpec({ fisher: 'empirical', damping: 0.04 }));
    engine.run(batchOf(1), { factorMix: 1 }, ['forward', 'backward', 'factors', 'inverses']);
    const [[a, g] = []] = referenceFactors(netValues(), batchOf(1), 'expand');
    for (const [factor, got] of [
      [a, await inverseOf(engine, 'A of first')],
      [g, await inverseOf(engine, 'G of first')],
    ] as const) {
      if (!factor) throw new Error('the reference has a factor for every layer');
      expectClose(got, dampedInverse(factor, 0.2 * meanEigenvalue(factor)).data, 1e-5);
    }
  });
});

/** The inverse that layers use of a factor, unpadded. */
async function inverseOf(engine: TestStep, name: string): Promise<Float64Array> {
  const { layout, curvature } = engine.kfac;
  for (const [i, group] of layout.groups.entries()) {
    for (const [slot, layer] of group.layers.entries()) {
      const side = layer.a.name === name ? 'a' : layer.g.name === name ? 'g' : null;
      const region = side && curvature.groups[i]?.[side];
      if (!side || !region) continue;
      const stride = side === 'a' ? group.columns : group.rows;
      const all = await readFloats(engine.gpu, region);
      const own = all.subarray(slot * stride * stride, (slot + 1) * stride * stride);
      const { size } = layer[side];
      return matrix(size, size, (row, column) => own[row * stride + column] ?? NaN).data;
    }
  }
  throw new Error(`no layer uses ${name}`);
}

describe('layers on one input', () => {
  const { positions, inputs, hidden, classes } = netShape;
  const values = new Map([
    ['query.weight', noise(hidden * inputs, 1)],
    ['query.bias', noise(hidden, 2)],
    ['value.weight', noise(hidden * inputs, 3)],
    ['value.bias', noise(hidden, 4)],
    ['head.weight', noise(classes * hidden, 5)],
    ['head.bias', noise(classes, 6)],
  ]);

  /** `twin` makes the second layer's input a tensor of its own with the very same numbers. */
  const trace = (twin: boolean) => (builder: ModelBuilder, x: Tensor) => {
    const other = twin ? builder.graph.reshape(x, [x.shape[0] ?? 0, positions, inputs]) : x;
    const h = add(tanh(builder.linear('query', x, hidden)), builder.linear('value', other, hidden));
    return builder.linear('head', meanAxes(h, 1, 1), classes);
  };

  it.each([
    ['relative', 5],
    ['sqrt', 5],
    ['plain', 5],
    ['pi', 6],
  ])(
    'share A; by the rule %s their step takes %i inversions, with the result of factors kept apart',
    async (rule, jobs) => {
      const spec = kfacSpec({ recipe: 'classic', fisher: 'empirical', dampingRule: rule, flavour: 'reduce' });
      const shared = await prepareStep(spec, values, trace(false));
      const apart = await prepareStep(spec, values, trace(true));
      expect(shared.kfac.factors.factors).toHaveLength(5);
      expect(apart.kfac.factors.factors).toHaveLength(6);
      expect(shared.kfac.curvature.jobs).toHaveLength(jobs);
      expect(apart.kfac.curvature.jobs).toHaveLength(6);
      const directions = await Promise.all(
        [shared, apart].map((engine) => {
          engine.run(batchOf(1), { factorMix: 1 });
          return readFloats(engine.gpu, engine.kfac.preconditioner.direction);
        }),
      );
      expect(directions[0]).toEqual(directions[1]);
      expect(Math.hypot(...(directions[0] ?? []))).toBeGreaterThan(0);
    },
  );
});

describe('a failed inversion', () => {
  const spec = kfacSpec({ fisher: 'empirical' });
  const names = ['A of first', 'G of first', 'A of second', 'G of second'];
  const bad: [string, (size: number, padded: number, good: Float32Array) => Float32Array][] = [
    ['is NaN on its diagonal', (_, padded, good) => changed(good, padded + 1, NaN)],
    ['is NaN off its diagonal', (_, padded, good) => changed(changed(good, 1, NaN), padded, NaN)],
    ['has overflowed', (_, padded, good) => changed(good, 2 * padded + 2, Infinity)],
    ['is negative', (_, __, good) => good.map((x) => -x)],
    ['is indefinite', (_, padded, good) => changed(changed(good, 1, 50), padded, 50)],
  ];

  function changed(values: Float32Array, at: number, value: number): Float32Array {
    return values.map((x, i) => (i === at ? value : x));
  }

  const all = (engine: TestStep) => Promise.all(names.map((name) => inverseOf(engine, name)));

  /** Count of failures and boost of the damping, by factor. */
  async function health(engine: TestStep): Promise<Record<string, [number, number]>> {
    const inverses = engine.kfac.curvature;
    const [failures, boosts] = await readRegions(engine.gpu, [inverses.failures.counts, inverses.boosts]);
    const [counts, factors] = [new Uint32Array(failures ?? []), new Float32Array(boosts ?? [])];
    return Object.fromEntries(
      inverses.jobs.map(({ factor }, i) => [factor.name, [counts[i] ?? NaN, factors[i] ?? NaN]]),
    );
  }

  it.each(bad)(
    'keeps the old inverse where the factor %s, updates the others and recovers',
    async (_, spoil) => {
      const engine = await prepareStep(spec);
      const find = (name: string) => engine.kfac.factors.factors.find((f) => f.name === name) as Factor;
      engine.run(batchOf(1), { factorMix: 1 }, ['forward', 'backward', 'factors', 'inverses']);
      const before = await all(engine);
      const { average, size, padded } = find('A of first');
      const good = await readFloats(engine.gpu, average);
      const other = await readFloats(engine.gpu, find('G of second').average);
      const spoilt = spoil(size, padded, good);
      writeRegion(engine.gpu, average, spoilt);
      // Nor is the newest batch of any help.
      writeRegion(engine.gpu, find('A of first').fresh, spoilt);
      writeRegion(
        engine.gpu,
        find('G of second').average,
        other.map((x) => 2 * x),
      );
      engine.run(batchOf(1), {}, ['inverses']);
      const during = await all(engine);
      expect(during.slice(0, 3)).toEqual(before.slice(0, 3));
      expectClose(
        during[3] ?? [],
        (before[3] ?? new Float64Array()).map((x) => x / 2),
        1e-5,
      );
      const healthy = [0, 1];
      expect(await health(engine)).toEqual({
        'A of first': [1, 4],
        'G of first': healthy,
        'A of second': healthy,
        'G of second': healthy,
      });
      await expectRecovery(engine, find('A of first'), good);
    },
  );

  /** With a good factor the next inversion succeeds at the raised damping, which then sinks back step by step. */
  async function expectRecovery(engine: TestStep, factor: Factor, good: Float32Array): Promise<void> {
    writeRegion(engine.gpu, factor.average, good);
    const f = matrix(factor.size, factor.size, (i, j) => good[i * factor.padded + j] ?? NaN);
    for (const boost of [4, 2, 1, 1]) {
      engine.run(batchOf(1), {}, ['inverses']);
      const expected = dampedInverse(f, boost * Math.sqrt(spec.damping) * meanEigenvalue(f)).data;
      expectClose(await inverseOf(engine, factor.name), expected, 1e-5, `boost ${boost}`);
      expect((await health(engine))[factor.name]).toEqual([1, Math.max(1, boost / 2)]);
    }
  }

  it.each([NaN, Infinity, -Infinity])(
    'starts an average that holds %d again from the newest batch, and says so',
    async (value) => {
      const engine = await prepareStep(spec);
      const { factors, curvature } = engine.kfac;
      const [average, fresh] = factors.factors.map((f) => [f.average, f.fresh] as const)[0] ?? [];
      if (!average || !fresh) throw new Error('this net is preconditioned');
      engine.run(batchOf(1), { factorMix: 1 }, ['forward', 'backward', 'factors', 'inverses']);
      const good = await all(engine);
      const values = await readFloats(engine.gpu, average);
      writeRegion(engine.gpu, average, changed(values, 1, value));
      writeRegion(
        engine.gpu,
        fresh,
        values.map((x) => 4 * x),
      );
      engine.run(batchOf(1), { index: 7 }, ['inverses']);
      expect(await readFloats(engine.gpu, average)).toEqual(values.map((x) => 4 * x));
      expectClose(
        (await all(engine))[0] ?? [],
        (good[0] ?? new Float64Array()).map((x) => x / 4),
        1e-5,
      );
      const counts = new Uint32Array((await readFloats(engine.gpu, curvature.failures.counts)).buffer);
      const { length } = curvature.jobs;
      expect([...counts.slice(0, length + factors.factors.length)]).toEqual(
        Array.from({ length: length + factors.factors.length }, (_, i) => (i === length ? 1 : 0)),
      );
      const text = 'A of first: average was not finite at step 7. It starts again from the newest batch.';
      expect(await newestFailure(engine, length)).toEqual({ step: 7, damping: 0, raise: 1 });
      expect(engine.kfac.failures.describe(length, 1, { step: 7, damping: 0, raise: 1 })).toBe(text);
    },
  );
});

describe('state of a run', () => {
  const spec = kfacSpec({ fisher: 'empirical' });
  const names = ['A of first', 'G of first', 'A of second', 'G of second'];
  const curvature = ['forward', 'backward', 'factors', 'inverses'] as const;
  const inversesOf = (engine: TestStep) => Promise.all(names.map((name) => inverseOf(engine, name)));

  /** A program that has been used, failed inversion included, and was then put back to before the first step. */
  async function usedAndReset(): Promise<{ engine: TestStep; factor: Factor }> {
    const engine = await prepareStep(spec);
    const { kfac, gpu } = engine;
    const factor = kfac.factors.factors[0] as Factor;
    engine.run(batchOf(1), { factorMix: 1 }, curvature);
    writeRegion(gpu, factor.average, new Float32Array(factor.padded ** 2).fill(-1));
    engine.run(batchOf(1), {}, ['inverses']);
    const encoder = gpu.device.createCommandEncoder();
    for (const { buffer, offset, bytes } of kfac.state) encoder.clearBuffer(buffer, offset, bytes);
    gpu.device.queue.submit([encoder.finish()]);
    kfac.reset(gpu);
    return { engine, factor };
  }

  it('is the same after a reset as in a program that was never used', async () => {
    const { engine } = await usedAndReset();
    const fresh = await prepareStep(spec);
    for (const either of [engine, fresh]) either.run(batchOf(2), { factorMix: 1 }, curvature);
    expect(await inversesOf(engine)).toEqual(await inversesOf(fresh));
  });

  it('holds no inverse of an earlier run, even when the first inversion fails', async () => {
    const { engine, factor } = await usedAndReset();
    writeRegion(engine.gpu, factor.average, new Float32Array(factor.padded ** 2).fill(-1));
    engine.run(batchOf(2), {}, ['inverses']);
    expect(new Set(await inverseOf(engine, factor.name))).toEqual(new Set([0]));
  });
});
