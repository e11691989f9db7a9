/** What happens when eigenbases cannot be found, and that a basis has nothing to do with the padding of its factor. */
import { describe, expect, it } from 'vitest';
import { readFloats, readRegions } from '../../gpu-kernels/readback.ts';
import { writeRegion } from '../../gpu-kernels/region.ts';
import { Eigenbases } from './eigenbases.ts';
import { batchOf, kfacSpec, newestFailure, prepareStep, type TestStep } from './test-net.ts';

const spec = kfacSpec({ fisher: 'empirical', dampingRule: 'exact', damping: 0.02 });
const curvature = ['forward', 'backward', 'factors', 'inverses'] as const;

function basesOf({ kfac }: TestStep): Eigenbases {
  if (kfac.curvature instanceof Eigenbases) return kfac.curvature;
  throw new Error('exact damping takes eigenbases');
}

/** Failures and boosts by job, and lambda by layer. */
async function health(engine: TestStep) {
  const bases = basesOf(engine);
  const [failures, boosts, amounts] = await readRegions(engine.gpu, [
    bases.failures.counts,
    bases.boosts,
    bases.amounts.region,
  ]);
  const count = bases.jobs.length;
  return {
    failures: [...new Uint32Array(failures ?? new ArrayBuffer(0)).slice(0, count)],
    boosts: [...new Float32Array(boosts ?? new ArrayBuffer(0)).slice(0, count)],
    lambdas: engine.kfac.layout.layers.map(
      (_, l) => new Float32Array(amounts ?? new ArrayBuffer(0))[4 * l + 2],
    ),
  };
}

describe('a failed decomposition', () => {
  it('keeps the old basis, raises the damping of its layers and recovers', async () => {
    const engine = await prepareStep(spec);
    const bases = basesOf(engine);
    engine.run(batchOf(1), { factorMix: 1 }, curvature);
    const index = bases.jobs.findIndex(({ factor }) => factor.name === 'G of first');
    const job = bases.jobs[index];
    if (!job) throw new Error('every factor has a job');
    const [good, before] = [
      await readFloats(engine.gpu, job.factor.average),
      await readFloats(engine.gpu, job.basis),
    ];
    const bad = new Float32Array(job.factor.padded ** 2).fill(NaN);
    const at = engine.kfac.layout.layers.findIndex(({ g }) => g === job.factor);
    const expectHealth = async (failed: number, boost: number) => {
      const { failures, boosts, lambdas } = await health(engine);
      expect(failures).toEqual(bases.jobs.map((_, i) => (i === index ? failed : 0)));
      expect(boosts).toEqual(bases.jobs.map((_, i) => (i === index ? boost : 1)));
      lambdas.forEach((lambda, l) => {
        expect(lambda).toBeCloseTo(l === at ? 0.02 * boost : 0.02, 6);
      });
    };
    for (const region of [job.factor.average, job.factor.fresh]) writeRegion(engine.gpu, region, bad);
    engine.run(batchOf(1), {}, ['inverses']);
    expect(await readFloats(engine.gpu, job.basis)).toEqual(before);
    await expectHealth(1, 4);
    engine.run(batchOf(1), { index: 8 }, ['inverses']);
    await expectHealth(2, 16);
    engine.run(batchOf(1), {}, ['forward', 'backward', 'precondition']);
    const direction = await readFloats(engine.gpu, engine.kfac.preconditioner.direction);
    expect(direction.every(Number.isFinite)).toBe(true);
    writeRegion(
      engine.gpu,
      job.factor.average,
      good.map((x) => 2 * x),
    );
    for (const boost of [8, 4, 2, 1, 1]) {
      engine.run(batchOf(1), {}, ['inverses']);
      await expectHealth(2, boost);
    }
    const newest = await newestFailure(engine, index);
    expect(newest.step).toBe(8);
    expect(newest.raise).toBe(16);
    expect(newest.damping).toBeCloseTo(16 * spec.damping, 6);
    expect(engine.kfac.failures.describe(index, 2, newest)).toBe(
      "G of first: eigenvalues not found 2 times, last at step 8. Old basis kept, damping raised to 0.32, 16 times the setting's.",
    );
  });
});

describe('a basis', () => {
  it('is orthonormal in the numbers of its factor and leaves padding to itself', async () => {
    const engine = await prepareStep(spec);
    engine.run(batchOf(1), { factorMix: 1 }, curvature);
    for (const { factor, basis } of basesOf(engine).jobs) {
      const rows = await readFloats(engine.gpu, basis);
      const at = (i: number, j: number) => rows[i * factor.padded + j] ?? NaN;
      for (let i = 0; i < factor.size; i++) {
        for (let j = 0; j < factor.size; j++) {
          let product = 0;
          for (let k = 0; k < factor.size; k++) product += at(i, k) * at(j, k);
          expect(product).toBeCloseTo(i === j ? 1 : 0, 5);
        }
        for (let j = factor.size; j < factor.padded; j++) expect(at(i, j)).toBe(0);
      }
    }
  });

  it('of a shared factor is found once', async () => {
    const engine = await prepareStep(spec);
    expect(basesOf(engine).jobs.map(({ factor }) => factor)).toHaveLength(engine.kfac.factors.factors.length);
  });
});
