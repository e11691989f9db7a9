/** Rounds of inversions that start from the old inverses: what is taken from them, what is not, and what a run makes of it. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { KfacSpec } from '../../contract/run-spec.ts';
import { readFloats, readRegions } from '../../gpu-kernels/readback.ts';
import { writeRegion } from '../../gpu-kernels/region.ts';
import { mostResidual } from '../../gpu-kernels/spd-inverse/newton-schulz.ts';
import { observedTrainer, tinySpec, trainOn, type ObservedTrainer } from '../loop/test-trainer.ts';
import { StepUniform } from '../program/step-scalars.ts';
import { expectClose } from '../program/test-program.ts';
import { createCurvature } from './curvature.ts';
import { Inverses } from './inverses.ts';
import { layOutJoint } from './joint-layout.ts';
import { sliceLayers, type Slicing } from './slices.ts';
import { factorSet, runRound, secondMoments } from './test-factor-set.ts';
import { batchOf, kfacSpec, prepareStep, type TestStep } from './test-net.ts';
import { dampedInverse, entry, matrix, product, type Matrix } from './test-reference.ts';

const damping = 0.01;

interface Setting {
  engine: TestStep;
  inverses: Inverses;
}

/** A step whose four factors, one batch of inversions, are written by hand. */
async function prepare(): Promise<Setting> {
  const engine = await prepareStep(
    kfacSpec({ fisher: 'empirical', damping, dampingRule: 'plain', inversion: 'newton-schulz' }),
  );
  const { curvature } = engine.kfac;
  if (!(curvature instanceof Inverses)) throw new Error('this rule takes inverses');
  return { engine, inverses: curvature };
}

function write({ engine, inverses }: Setting, factors: readonly Matrix[]): void {
  inverses.jobs.forEach(({ factor: { average, size, padded } }, job) => {
    const words = new Float32Array(padded ** 2);
    factors[job]?.data.forEach((x, i) => (words[Math.floor(i / size) * padded + (i % size)] = x));
    writeRegion(engine.gpu, average, words);
  });
}

/** 1 on the diagonal, `coupling` beside it. */
const chain = (size: number, coupling: number) =>
  matrix(size, size, (i, j) => (i === j ? 1 : Math.abs(i - j) === 1 ? coupling : 0));

/** First number of a job's inverse in `all`, and its row length. */
function placeOf({ engine, inverses }: Setting, job: number): [number, number] {
  const target = inverses.jobs[job]?.targets[0];
  const { groups } = engine.kfac.layout;
  const at = groups.findIndex(({ layers }) => target && layers.includes(target.layer));
  const [group, own] = [groups[at], inverses.groups[at]];
  if (!target || !group || !own) throw new Error('every job has a layer');
  const width = target.side === 'a' ? group.columns : group.rows;
  return [own[target.side].offset / 4 + group.layers.indexOf(target.layer) * width ** 2, width];
}

/** A round of inversions, and what there is afterwards of each job. */
async function invert(setting: Setting) {
  const { engine, inverses } = setting;
  engine.run(batchOf(1), {}, ['inverses']);
  const { warmStarts, failures, boosts, all, jobs } = inverses;
  if (!warmStarts) throw new Error('these inversions are warm started');
  const [flags, counts, raised] = await readRegions(engine.gpu, [warmStarts.flags, failures.counts, boosts]);
  const numbers = await readFloats(engine.gpu, all);
  return {
    warm: [...new Uint32Array(flags ?? [])].slice(0, jobs.length),
    failures: [...new Uint32Array(counts ?? [])].slice(0, jobs.length),
    boosts: [...new Float32Array(raised ?? [])].slice(0, jobs.length),
    made: jobs.map(({ factor: { size } }, job) => {
      const [start, width] = placeOf(setting, job);
      return matrix(size, size, (i, j) => numbers[start + i * width + j] ?? NaN);
    }),
  };
}

/** |I - (F + damping I) X|, which scaling changes by little here, where all diagonals are near 1. */
function residual(factor: Matrix, x: Matrix | undefined, amount = damping): number {
  if (!x) return NaN;
  const damped = matrix(factor.rows, factor.rows, (i, j) => entry(factor, i, j) + (i === j ? amount : 0));
  const result = product(damped, x);
  return Math.hypot(...result.data.map((value, i) => value - (i % (factor.rows + 1) === 0 ? 1 : 0)));
}

describe('a round of inversions that starts from the last one', () => {
  it('takes each matrix of a batch as it is: warm, by Cholesky, or not at all', async () => {
    const setting = await prepare();
    const sizes = setting.inverses.jobs.map(({ factor }) => factor.size);
    expect(sizes).toHaveLength(4);
    const before = sizes.map((size) => chain(size, 0.2));
    write(setting, before);
    const first = await invert(setting);
    expect(first).toMatchObject({ warm: [0, 0, 0, 0], failures: [0, 0, 0, 0] });
    first.made.forEach((x, i) => {
      expectClose(x.data, dampedInverse(before[i] as Matrix, damping).data, 1e-5);
    });

    // A little further, somewhere else, without a pivot, and where it was.
    const now = [0.25, -0.45, 1.015, 0.2].map((coupling, i) => chain(sizes[i] ?? 0, coupling));
    write(setting, now);
    const second = await invert(setting);
    expect(second).toMatchObject({ warm: [1, 0, 0, 1], failures: [0, 0, 1, 0], boosts: [1, 1, 4, 1] });
    expect(residual(now[0] as Matrix, second.made[0])).toBeLessThan(mostResidual);
    // Two steps, not the old inverse; and not what Cholesky gives to the last bit.
    expect(residual(now[0] as Matrix, first.made[0])).toBeGreaterThan(10 * mostResidual);
    expect(residual(now[0] as Matrix, second.made[0])).toBeGreaterThan(1e-6);
    expectClose(second.made[1]?.data ?? [], dampedInverse(now[1] as Matrix, damping).data, 1e-5);
    expect(second.made[2]).toEqual(first.made[2]);
    expectClose(second.made[3]?.data ?? [], dampedInverse(now[3] as Matrix, damping).data, 1e-5);

    // A warm start is a success like another: what a failure raised sinks again.
    write(setting, before);
    const third = await invert(setting);
    expect(third).toMatchObject({ warm: [1, 0, 1, 1], failures: [0, 0, 1, 0], boosts: [1, 1, 2, 1] });
    expect(residual(before[2] as Matrix, third.made[2], 4 * damping)).toBeLessThan(mostResidual);
  });

  it('does not start from numbers that are none', async () => {
    const setting = await prepare();
    const factors = setting.inverses.jobs.map(({ factor }) => chain(factor.size, 0.2));
    write(setting, factors);
    const first = await invert(setting);
    const numbers = await readFloats(setting.engine.gpu, setting.inverses.all);
    numbers[placeOf(setting, 1)[0] + 1] = NaN;
    numbers[placeOf(setting, 2)[0]] = Infinity;
    writeRegion(setting.engine.gpu, setting.inverses.all, numbers);
    const second = await invert(setting);
    expect(second).toMatchObject({ warm: [1, 0, 0, 1], failures: [0, 0, 0, 0] });
    for (const job of [1, 2]) expect(second.made[job]).toEqual(first.made[job]);
  });
});

describe('two rounds over layers of many sizes, some of which share a factor', () => {
  /** Inverses after both, and how many of the second were warm started. */
  async function rounds(inversion: KfacSpec['inversion'], isSliced: boolean) {
    const { gpu, set } = await factorSet();
    const layout = layOutJoint(gpu, set.layers);
    const step = new StepUniform(gpu);
    const slicing: Slicing | null = isSliced ? sliceLayers(set, 2, 1, 3) : null;
    const settings = { rule: 'relative', damping: 0.1 } as const;
    const curvature = createCurvature(gpu, set, layout, settings, { inversion, slicing });
    if (!(curvature instanceof Inverses)) throw new Error('this rule takes inverses');
    const run = async () => {
      for (const slice of isSliced ? [0, 1, 2] : [null]) await runRound(gpu, curvature, step, slice);
    };
    await run();
    set.factors.forEach((factor, f) => {
      const [old, other] = [secondMoments(factor, f), secondMoments(factor, 100 + f)];
      const mixed = old.map((x, i) => 0.97 * x + 0.03 * (other[i] ?? NaN));
      writeRegion(gpu, factor.average, mixed);
    });
    await run();
    const [flags] = await readRegions(gpu, curvature.warmStarts ? [curvature.warmStarts.flags] : []);
    return {
      inverses: await readFloats(gpu, curvature.all),
      warm: [...new Uint32Array(flags ?? [])].reduce((sum, flag) => sum + flag, 0),
      jobs: curvature.jobs.length,
      targets: curvature.jobs.flatMap(({ targets }) => targets).length,
    };
  }

  it('end within the bound of what Cholesky gives, whether or not they are sliced', async () => {
    const plain = await rounds('cholesky', false);
    const once = await rounds('newton-schulz', false);
    expect(once.targets).toBeGreaterThan(once.jobs);
    expect([once.warm, plain.warm]).toEqual([once.jobs, 0]);
    expectClose(once.inverses, plain.inverses, mostResidual);
    expect(once.inverses).not.toEqual(plain.inverses);
    expect(await rounds('newton-schulz', true)).toEqual(once);
    expect(await rounds('newton-schulz', false)).toEqual(once);
  });

  it('end where Cholesky does when they are polished, and differ from it by a polish', async () => {
    const plain = await rounds('cholesky', false);
    const polished = await rounds('cholesky-polished', false);
    expectClose(polished.inverses, plain.inverses, 1e-5);
    expect(polished.inverses).not.toEqual(plain.inverses);
    expect(await rounds('cholesky-polished', true)).toEqual(polished);
  });
});

describe('a run', () => {
  let observed: ObservedTrainer;
  beforeAll(async () => {
    observed = await observedTrainer();
  });
  afterAll(() => observed.trainer.dispose());

  /** Each of two inverses is within `mostResidual` in every direction, hence every step within twice that of its length. */
  const bound = 2 * mostResidual;

  it.each(['newton-schulz', 'cholesky-polished'])(
    'by %s learns as one by Cholesky does',
    async (inversion) => {
      const optimizer = { name: 'kfac', lr: 0.02, flavour: 'expand', damping: 0.1, denseSteps: 10 };
      const spec = (by: string) =>
        tinySpec({
          optimizer: { ...optimizer, factorInterval: 2, inverseInterval: 2, inversion: by },
          ...{ steps: 30, evaluateEvery: 1 },
        });
      const [plain, other] = [
        await trainOn(observed, spec('cholesky')),
        await trainOn(observed, spec(inversion)),
      ];
      const [expected, losses] = [plain, other].map(({ recorder }) =>
        recorder.series('train.loss').map(({ value }) => value),
      );
      const [start = NaN] = expected ?? [];
      const moved = start - (expected?.at(-1) ?? NaN);
      expect(moved).toBeGreaterThan(0.2);
      expect(losses).not.toEqual(expected);
      expected?.forEach((loss, i) => {
        expect(Math.abs((losses?.[i] ?? NaN) - loss), `step ${i + 1}`).toBeLessThan(bound * moved);
      });
      const shares = other.recorder.series('curvature.warm_starts').map(({ value }) => value);
      expect(shares.filter((share) => share > 0).length > 5).toBe(inversion === 'newton-schulz');
      expect(plain.recorder.series('curvature.warm_starts')).toEqual([]);
    },
  );
});
