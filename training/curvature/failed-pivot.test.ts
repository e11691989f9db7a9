/** How damping follows failed and successful inversions, by every rule, beside a float64 account of the same. */
import { describe, expect, it } from 'vitest';
import type { KfacSpec } from '../../contract/run-spec.ts';
import { readFloats, readRegions } from '../../gpu-kernels/readback.ts';
import { writeRegion } from '../../gpu-kernels/region.ts';
import { expectClose } from '../program/test-program.ts';
import type { Factor } from './factors.ts';
import { Inverses } from './inverses.ts';
import { batchOf, kfacSpec, newestFailure, prepareStep, type TestStep } from './test-net.ts';
import { dampedInverse, matrix, type Matrix } from './test-reference.ts';

const lambda = 0.01;
const mostBoost = 4 ** 10;

/** What each rule adds to a factor, by its mean eigenvalue and its partner's. */
const amounts: Record<string, (own: number, partner: number) => number> = {
  relative: (own) => Math.sqrt(lambda) * own,
  sqrt: () => Math.sqrt(lambda),
  plain: () => lambda,
  pi: (own, partner) => Math.sqrt((lambda * own) / partner),
};
const rules = Object.keys(amounts) as KfacSpec['dampingRule'][];

interface Setting {
  engine: TestStep;
  inverses: Inverses;
  /** The factor that will be spoilt, its place, and what its rule adds. */
  factor: Factor;
  place: number;
  amount: number;
}

/** Both factors of the first layer are multiples of the identity; everything is inverted once. */
async function prepare(dampingRule: KfacSpec['dampingRule']): Promise<Setting> {
  const spec = kfacSpec({ fisher: 'empirical', damping: lambda, dampingRule });
  const engine = await prepareStep(spec);
  const { curvature, factors } = engine.kfac;
  if (!(curvature instanceof Inverses)) throw new Error('these rules take inverses');
  engine.run(batchOf(1), { factorMix: 1 }, ['forward', 'backward', 'factors']);
  const find = (name: string) => factors.factors.find((f) => f.name === name) as Factor;
  const [factor, partner] = [find('A of first'), find('G of first')];
  const means = { own: 2, partner: 0.5 };
  write(engine, factor, means.own, 0);
  write(engine, partner, means.partner, 0);
  engine.run(batchOf(1), {}, ['inverses']);
  const place = curvature.jobs.findIndex((job) => job.factor === factor);
  return {
    ...{ engine, inverses: curvature, factor, place },
    amount: amounts[dampingRule]?.(means.own, means.partner) ?? NaN,
  };
}

/** mean (I + coupling (e0 e1^T + e1 e0^T)), whose least eigenvalue is mean (1 - coupling). */
function coupled(size: number, mean: number, coupling: number): Matrix {
  const couples = (i: number, j: number) => i !== j && i < 2 && j < 2;
  return matrix(size, size, (i, j) => mean * (i === j ? 1 : couples(i, j) ? coupling : 0));
}

function write({ gpu }: TestStep, { average, size, padded }: Factor, mean: number, coupling: number): void {
  const { data } = coupled(size, mean, coupling);
  const values = new Float32Array(padded ** 2);
  data.forEach((x, i) => (values[Math.floor(i / size) * padded + (i % size)] = x));
  writeRegion(gpu, average, values);
}

async function look({ engine, inverses, place }: Setting) {
  const [counts, boosts] = await readRegions(engine.gpu, [inverses.failures.counts, inverses.boosts]);
  const all = await readFloats(engine.gpu, inverses.all);
  return {
    count: new Uint32Array(counts ?? [])[place],
    boost: new Float32Array(boosts ?? [])[place],
    others: [...new Float32Array(boosts ?? [])].filter((_, i) => i !== place),
    ...split(engine, inverses, all),
  };
}

/** The inverse of the spoilt factor, of its own size, and every other number of `all`. */
function split({ kfac }: TestStep, inverses: Inverses, all: Float32Array) {
  const at = kfac.layout.groups.findIndex(({ layers }) => layers.some(({ a }) => a.name === 'A of first'));
  const group = kfac.layout.groups[at];
  const slot = group?.layers.findIndex(({ a }) => a.name === 'A of first') ?? 0;
  const width = group?.columns ?? 0;
  const start = (inverses.groups[at]?.a.offset ?? 0) / 4 + slot * width ** 2;
  const size = group?.layers[slot]?.a.size ?? 0;
  const own = matrix(size, size, (i, j) => all[start + i * width + j] ?? NaN).data;
  return { own, rest: [...all].filter((_, i) => i < start || i >= start + width ** 2) };
}

describe.each(rules)('by the rule %s', (rule) => {
  it('a matrix whose pivot fails keeps its inverse, and takes more damping until it has another', async () => {
    const setting = await prepare(rule);
    const { engine, factor, amount, place } = setting;
    const before = await look(setting);
    expectClose(before.own, dampedInverse(coupled(factor.size, 2, 0), amount).data, 1e-5);
    // Ten times the rule's damping would just not do.
    const coupling = 1 + (10 * amount) / 2;
    write(engine, factor, 2, coupling);
    const expected = { boost: 1, count: 0, own: before.own };
    const outcomes: boolean[] = [];
    for (let step = 2; step <= 7; step++) {
      engine.run(batchOf(1), { index: step }, ['inverses']);
      const succeeds = 2 * (1 - coupling) + expected.boost * amount > 0;
      outcomes.push(succeeds);
      if (succeeds) {
        expected.own = dampedInverse(coupled(factor.size, 2, coupling), expected.boost * amount).data;
        expected.boost = Math.max(1, expected.boost / 2);
      } else {
        expected.boost = Math.min(4 * expected.boost, mostBoost);
        expected.count++;
        const newest = await newestFailure(engine, place);
        expect(newest).toMatchObject({ step, raise: expected.boost });
        expect(newest.damping / (expected.boost * amount)).toBeCloseTo(1, 5);
      }
      const now = await look(setting);
      expect(now).toMatchObject({ boost: expected.boost, count: expected.count });
      expectClose(now.own, expected.own, 1e-5, `step ${step}`);
      // Nothing else takes any notice.
      expect(now.rest).toEqual(before.rest);
      expect(new Set(now.others)).toEqual(new Set([1]));
    }
    expect(outcomes).toEqual([false, false, true, false, true, true]);
  });
});

describe('damping that was raised', () => {
  it('has an upper bound, from which it comes back', async () => {
    const setting = await prepare('relative');
    const { engine, factor, amount, place } = setting;
    // No multiple of the damping below 1e9 would do.
    write(engine, factor, 2, 1e9);
    for (let failures = 1; failures <= 12; failures++) {
      engine.run(batchOf(1), {}, ['inverses']);
      expect(await look(setting)).toMatchObject({
        boost: Math.min(4 ** failures, mostBoost),
        count: failures,
      });
    }
    const newest = await newestFailure(engine, place);
    expect(engine.kfac.failures.describe(place, 12, { ...newest, step: 40 })).toBe(
      'A of first: pivot failed 12 times, last at step 40. Old inverse kept, ' +
        `damping raised to ${Number((mostBoost * amount).toPrecision(3))}, ${mostBoost} times the setting's.`,
    );
    write(engine, factor, 2, 0);
    engine.run(batchOf(1), {}, ['inverses']);
    const after = await look(setting);
    expectClose(after.own, dampedInverse(coupled(factor.size, 2, 0), mostBoost * amount).data, 1e-5);
    expect(after.boost).toBe(mostBoost / 2);
  });

  it('is what the run asked for again after a reset, and nothing is known of earlier failures', async () => {
    const setting = await prepare('plain');
    const { engine, factor, place } = setting;
    write(engine, factor, 2, 1e9);
    engine.run(batchOf(1), { index: 3 }, ['inverses']);
    expect(await newestFailure(engine, place)).toMatchObject({ step: 3, raise: 4 });
    const encoder = engine.gpu.device.createCommandEncoder();
    for (const { buffer, offset, bytes } of engine.kfac.state) encoder.clearBuffer(buffer, offset, bytes);
    engine.gpu.device.queue.submit([encoder.finish()]);
    engine.kfac.reset(engine.gpu);
    expect(await look(setting)).toMatchObject({ boost: 1, count: 0 });
    expect(await newestFailure(engine, place)).toEqual({ step: 0, damping: 0, raise: 0 });
  });
});
