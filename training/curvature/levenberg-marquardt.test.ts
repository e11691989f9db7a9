/** Damping that adapts itself, step by step against float64: what the model promised, what came of it, what lambda becomes. */
import { describe, expect, it } from 'vitest';
import { readFloats } from '../../gpu-kernels/readback.ts';
import { writeRegion } from '../../gpu-kernels/region.ts';
import { Eigenbases } from './eigenbases.ts';
import { batchOf, kfacSpec, netValues, prepareStep, type TestStep } from './test-net.ts';
import {
  entry,
  matrix,
  meanEigenvalue,
  pass,
  product,
  referenceFactors,
  type Matrix,
  type Values,
} from './test-reference.ts';

const adaptive = {
  ...{ fisher: 'empirical', recipe: 'classic', dampingAdaptation: 'levenberg-marquardt' },
  ...{ adaptationInterval: 5, adaptationDecay: 0.9, weightDecay: 0.3 },
};
const shrink = 0.9 ** 5;

const layers = [
  { weight: 'first.weight', bias: 'first.bias' },
  { weight: 'second.weight', bias: null },
];

async function valuesOf(engine: TestStep): Promise<Values> {
  const names = [...netValues().keys()];
  const all = await Promise.all(names.map((name) => engine.valuesOf(name)));
  return new Map(names.map((name, i) => [name, Float64Array.from(all[i] ?? [])]));
}

async function levels(engine: TestStep): Promise<{ lambda: number; inEffect: number }> {
  const { curvature } = engine.kfac;
  const [lambda = NaN, inEffect = NaN] = await readFloats(engine.gpu, curvature.damping.levels);
  return { lambda, inEffect };
}

interface Amounts {
  a: number;
  g: number;
  both: number;
}

/** <gradient, d> + 1/2 d^T ((G + g I) (x) (A + a I) + both I) d, d = after - before. */
function promised(
  before: Values,
  after: Values,
  batch: ReturnType<typeof batchOf>,
  amounts: (A: Matrix, G: Matrix) => Amounts,
): number {
  const { gradients } = pass(before, batch);
  const at = (values: Values, name: string, i: number) => values.get(name)?.[i] ?? NaN;
  let total = 0;
  for (const [name, g] of gradients)
    g.forEach((slope, i) => (total += slope * (at(after, name, i) - at(before, name, i))));
  referenceFactors(before, batch, 'expand').forEach(([A, G], l) => {
    const { weight, bias } = layers[l] ?? { weight: '', bias: null };
    const inputs = A.rows - (bias ? 1 : 0);
    const d = matrix(G.rows, A.rows, (i, j) => {
      const name = j < inputs ? weight : (bias ?? '');
      const place = j < inputs ? i * inputs + j : i;
      return at(after, name, place) - at(before, name, place);
    });
    const { a, g, both } = amounts(A, G);
    const damped = (m: Matrix, x: number) =>
      matrix(m.rows, m.columns, (i, j) => entry(m, i, j) + (i === j ? x : 0));
    const curved = product(product(damped(G, g), d), damped(A, a));
    d.data.forEach((x, i) => (total += 0.5 * x * ((curved.data[i] ?? NaN) + both * x)));
  });
  return total;
}

const rules: [string, object, (A: Matrix, G: Matrix) => Amounts][] = [
  [
    'relative',
    { dampingRule: 'relative', damping: 0.04 },
    (A, G) => ({ a: 0.2 * meanEigenvalue(A), g: 0.2 * meanEigenvalue(G), both: 0 }),
  ],
  [
    'pi',
    { dampingRule: 'pi', damping: 0.01 },
    (A, G) => {
      const pi = Math.sqrt(meanEigenvalue(A) / meanEigenvalue(G));
      return { a: 0.1 * pi, g: 0.1 / pi, both: 0 };
    },
  ],
  ['exact', { dampingRule: 'exact', damping: 0.01 }, () => ({ a: 0, g: 0, both: 0.01 })],
];

describe('what the quadratic model promises', () => {
  it.each(rules)('is that of the damped curvature: %s', async (_, settings, amounts) => {
    const engine = await prepareStep(kfacSpec({ ...adaptive, ...settings }));
    const { adaptation } = engine.kfac;
    if (!adaptation) throw new Error('damping adapts');
    const before = await valuesOf(engine);
    engine.run(batchOf(1), { lr: 0.3, factorMix: 1 });
    const after = await valuesOf(engine);
    engine.adapt();
    const [loss = NaN, model = NaN, change = NaN] = await readFloats(engine.gpu, adaptation.memory);
    const [then, now] = [pass(before, batchOf(1)).loss, pass(after, batchOf(1)).loss];
    expect(loss).toBeCloseTo(then, 5);
    expect(change).toBeCloseTo(now - then, 5);
    const expected = promised(before, after, batchOf(1), amounts);
    expect(Math.abs(model / expected - 1)).toBeLessThan(1e-3);
    // The quadratic part is no rounding error.
    const linear = promised(before, after, batchOf(1), () => ({ a: 0, g: 0, both: 0 }));
    expect(Math.abs(linear / expected - 1)).toBeGreaterThan(1e-2);
  });
});

describe('damping', () => {
  /** A step with a rate, and lambda before and after the look at its loss. */
  async function look(settings: object, lr: number) {
    const engine = await prepareStep(kfacSpec({ ...adaptive, ...settings }));
    engine.run(batchOf(1), { lr, factorMix: 1 });
    const before = await levels(engine);
    engine.adapt();
    const { adaptation } = engine.kfac;
    const [, model = NaN, change = NaN] = adaptation ? await readFloats(engine.gpu, adaptation.memory) : [];
    return { before, after: await levels(engine), rho: change / model };
  }

  it('sinks while the model is right', async () => {
    const { before, after, rho } = await look({ dampingRule: 'exact', damping: 0.5, weightDecay: 0 }, 1e-2);
    expect(rho).toBeGreaterThan(0.75);
    expect(before.lambda).toBeCloseTo(0.5, 6);
    expect(after.lambda).toBeCloseTo(0.5 * shrink, 6);
    expect(after.inEffect).toBe(after.lambda);
  });

  it('rises where it is wrong', async () => {
    const { after, rho } = await look({ dampingRule: 'exact', damping: 1e-4, weightDecay: 0 }, 1.5);
    expect(rho).toBeLessThan(0.25);
    expect(after.lambda).toBeCloseTo(1e-4 / shrink, 8);
  });

  it('stays where it is neither', async () => {
    const found: number[] = [];
    for (const lr of [0.2, 0.4, 0.6, 0.8, 1]) {
      const { after, rho } = await look({ dampingRule: 'exact', damping: 0.02, weightDecay: 0 }, lr);
      const factor = rho > 0.75 ? shrink : rho < 0.25 ? 1 / shrink : 1;
      if (factor === 1) found.push(rho);
      expect(after.lambda).toBeCloseTo(0.02 * factor, 6);
    }
    expect(found.length).toBeGreaterThan(0);
  });

  it('does not sink below its floor', async () => {
    const { after } = await look(
      { dampingRule: 'exact', damping: 0.5, dampingFloor: 0.45, weightDecay: 0 },
      1e-2,
    );
    expect(after.lambda).toBeCloseTo(0.45, 6);
  });

  it('rises where the loss is no number any more', async () => {
    const engine = await prepareStep(kfacSpec({ ...adaptive, damping: 0.1 }));
    engine.run(batchOf(1), { lr: 0.01, factorMix: 1 });
    writeRegion(engine.gpu, engine.arenas.values, new Float32Array(engine.arenas.length).fill(NaN));
    engine.adapt();
    expect((await levels(engine)).lambda).toBeCloseTo(0.1 / shrink, 6);
  });

  it('is what the run asked for after a reset', async () => {
    const engine = await prepareStep(kfacSpec({ ...adaptive, damping: 0.1 }));
    engine.run(batchOf(1), { lr: 1e-3, factorMix: 1 });
    engine.adapt();
    expect((await levels(engine)).lambda).not.toBeCloseTo(0.1, 6);
    engine.kfac.reset(engine.gpu);
    expect(await levels(engine)).toEqual({ lambda: Math.fround(0.1), inEffect: Math.fround(0.1) });
  });

  it('adapts again by what the next inversion used', async () => {
    const engine = await prepareStep(
      kfacSpec({ ...adaptive, dampingRule: 'exact', damping: 0.5, weightDecay: 0 }),
    );
    for (let k = 1; k <= 3; k++) {
      engine.run(batchOf(k), { index: k, lr: 1e-2, factorMix: 1 });
      engine.adapt();
      const { curvature } = engine.kfac;
      if (!(curvature instanceof Eigenbases)) throw new Error('exact damping takes eigenbases');
      const [, , used] = await readFloats(engine.gpu, curvature.amounts.region);
      expect(used).toBeCloseTo(0.5 * shrink ** (k - 1), 6);
      // Lambda has moved on already; what is reported is what the bases were damped with.
      const { movingDamping } = engine.kfac;
      if (!movingDamping) throw new Error('damping moves');
      expect(await readFloats(engine.gpu, movingDamping)).toEqual(Float32Array.of(used ?? NaN));
    }
  });
});

describe('damping in units of the loss', () => {
  it('is lambda times the loss of the batch, and not less than the floor', async () => {
    for (const floor of [0, 0.5]) {
      const engine = await prepareStep(
        kfacSpec({
          ...{ recipe: 'classic', fisher: 'empirical', dampingRule: 'exact' },
          ...{ damping: 0.01, dampingScale: 'loss', dampingFloor: floor },
        }),
      );
      engine.run(batchOf(1), { factorMix: 1 });
      const { inEffect, lambda } = await levels(engine);
      expect(lambda).toBeCloseTo(0.01, 7);
      expect(inEffect).toBeCloseTo(Math.max(floor, 0.01 * pass(netValues(), batchOf(1)).loss), 6);
    }
  });
});
