import fc from 'fast-check';
import { beforeAll, describe, expect, it, test } from 'vitest';
import { trials } from '../../../contract/test-trials.ts';
import type { GpuContext } from '../../../gpu-kernels/device.ts';
import { testGpu } from '../../../gpu-kernels/test-gpu.ts';
import { StepUniform } from '../step-scalars.ts';
import { evaluate, expectClose, f32Tolerance, noise, prepare, type Leaf } from '../test-program.ts';
import { binaryCrossEntropy } from './binary-cross-entropy.ts';
import { lossSeed, type Loss } from './loss.ts';

let gpu: GpuContext;
beforeAll(async () => {
  gpu = await testGpu();
});

interface Batch {
  count: number;
  classes: number;
  logits: Float64Array;
  /** NaN: missing. */
  targets: Float64Array;
  mask?: Uint32Array | Float64Array;
}

type Missing = 'none' | 'nan' | 'mask' | 'both' | 'all';

function batchOf(count: number, classes: number, missing: Missing): Batch {
  const n = count * classes;
  const hides = (by: Missing, i: number, every: number) =>
    missing === 'all' || ((missing === by || missing === 'both') && i % every === 0);
  const batch: Batch = {
    count,
    classes,
    logits: noise(n, count).map((x) => 5 * x),
    targets: Float64Array.from({ length: n }, (_, i) =>
      hides('nan', i, 3) ? NaN : (i * 5 + 1) % 7 < 3 ? 1 : 0,
    ),
  };
  if (missing === 'mask')
    batch.mask = Uint32Array.from({ length: n }, (_, i) => (hides('mask', i, 4) ? 0 : 2));
  if (missing === 'both')
    batch.mask = Float64Array.from({ length: n }, (_, i) => (hides('both', i, 4) ? 0 : 0.5));
  return batch;
}

const counts = ({ targets, mask }: Batch, i: number): boolean =>
  !Number.isNaN(targets[i]) && (!mask || mask[i] !== 0);
const countOf = (batch: Batch): number => batch.targets.filter((_, i) => counts(batch, i)).length;
const logistic = (z: number): number => 1 / (1 + Math.exp(-z));

function meanLoss(batch: Batch, z: Float64Array): number {
  let sum = 0;
  batch.targets.forEach((y, i) => {
    if (counts(batch, i)) sum += Math.max(z[i]!, 0) - z[i]! * y + Math.log1p(Math.exp(-Math.abs(z[i]!)));
  });
  return sum / Math.max(1, countOf(batch));
}

function lossOf(leaf: Leaf, batch: Batch): Loss {
  const shape = [batch.count, batch.classes];
  const mask = batch.mask ? leaf(batch.mask, shape, 'mask') : undefined;
  return binaryCrossEntropy(leaf(batch.logits, shape), leaf(batch.targets, shape, 'targets'), mask);
}

const mean = (values: ArrayLike<number>): number =>
  Array.from(values).reduce((sum, x) => sum + x, 0) / values.length;

/** A single small number is held to its own size, with the few ulp that exp and log may lose (WGSL: 3 + 2 |x|). */
const tolerance = 5e-6;

async function check(batch: Batch): Promise<void> {
  const [terms, p, hits, seed, counted] = await evaluate((_, leaf) => {
    const loss = lossOf(leaf, batch);
    const gradient = lossSeed(loss, { kind: 'gradient' }, 1 / loss.termCount);
    return [loss.terms, loss.probabilities!, loss.hits!, gradient, loss.counted!];
  });
  const total = countOf(batch);
  expect([...counted!]).toEqual([total]);
  expectClose([mean(terms!)], [meanLoss(batch, batch.logits)], tolerance);
  expectClose(p!, batch.logits.map(logistic), f32Tolerance, 'probabilities');
  const slope = batch.logits.map((_, i) => {
    const at = (offset: number) => meanLoss(batch, batch.logits.with(i, batch.logits[i]! + offset));
    return (at(1e-5) - at(-1e-5)) / 2e-5;
  });
  expectClose(seed!, slope, tolerance, 'gradient');
  const right = batch.targets.filter((y, i) => counts(batch, i) && batch.logits[i]! > 0 === y > 0.5).length;
  expectClose([mean(hits!)], [right / Math.max(1, total)], f32Tolerance, 'accuracy');
}

describe('the mean loss and its gradient', () => {
  test.each<[string, Batch]>([
    ['nothing missing', batchOf(11, 5, 'none')],
    ['missing targets as NaN', batchOf(11, 5, 'nan')],
    ['a mask of integers', batchOf(6, 8, 'mask')],
    ['NaN and a mask of numbers', batchOf(9, 7, 'both')],
    ['everything missing', batchOf(2, 3, 'all')],
    ['one label', batchOf(5, 1, 'nan')],
    ['one term', batchOf(1, 1, 'none')],
    ['more rows than one thread sums', batchOf(600, 2, 'nan')],
  ])('%s', (_, batch) => check(batch));

  it('of any size', () =>
    fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 9 }),
        fc.constantFrom<Missing>('none', 'nan', 'both'),
        (count, classes, missing) => check(batchOf(count, classes, missing)),
      ),
      trials(4),
    ));
});

it('stays finite and exact for logits far from zero, and keeps NaN', async () => {
  const z = Float64Array.of(100, -100, 100, -100, 30, NaN);
  const y = Float64Array.of(1, 0, 0, 1, 1, 1);
  const [terms] = await evaluate((_, leaf) => binaryCrossEntropy(leaf(z, [6, 1]), leaf(y, [6, 1])).terms);
  expectClose([...terms!].slice(0, 5), [0, 0, 100, 100, 0], 1e-6);
  // Small losses keep their digits.
  expect(Math.abs(terms![4]! / Math.exp(-30) - 1)).toBeLessThan(1e-5);
  expect(terms![5]).toBeNaN();
});

it('columns square to M times the Hessian of the loss', async () => {
  const batch = batchOf(5, 3, 'both');
  const columns = await evaluate((_, leaf) => {
    const loss = lossOf(leaf, batch);
    return [0, 1, 2].map((c) =>
      lossSeed(loss, { kind: 'column', round: leaf(Uint32Array.of(c), [1], 'column') }, 1),
    );
  });
  const weight = 5 / countOf(batch);
  for (let row = 0; row < 5; row++)
    for (let a = 0; a < 3; a++)
      for (let b = 0; b < 3; b++) {
        const product = columns.reduce((sum, s) => sum + s[row * 3 + a]! * s[row * 3 + b]!, 0);
        const p = logistic(batch.logits[row * 3 + a]!);
        const hessian = a === b && counts(batch, row * 3 + a) ? weight * p * (1 - p) : 0;
        expect(Math.abs(product - hessian)).toBeLessThan(f32Tolerance);
      }
});

describe('samples', () => {
  const batch = batchOf(300, 4, 'nan');
  const root = Math.sqrt(300 / countOf(batch));

  async function sampler() {
    const step = new StepUniform(gpu);
    const program = await prepare((_, leaf) => lossSeed(lossOf(leaf, batch), { kind: 'sample', step }, 1));
    return async (seed: number, index: number): Promise<Float32Array> => {
      step.write({ index, seed, slot: 0, lr: 0, correction1: 1, correction2: 1, factorMix: 1 });
      const [values] = await program.run();
      return values!;
    };
  }

  it('are p - y~ where a target counts, times the root of its weight, and 0 elsewhere', async () => {
    const values = await (await sampler())(1, 1);
    const expected = batch.logits.map((z, i) => {
      if (!counts(batch, i)) return 0;
      return root * (logistic(z) - (values[i]! < 0 ? 1 : 0));
    });
    expectClose(values, expected, f32Tolerance);
  });

  it('depend on seed and step and on nothing else', async () => {
    const draw = await sampler();
    const first = await draw(7, 3);
    expect(await (await sampler())(7, 3)).toEqual(first);
    expect(await draw(7, 4)).not.toEqual(first);
    expect(await draw(8, 3)).not.toEqual(first);
  });

  // Draws are fixed by seed and step, so this test of chance gives the same answer every time.
  it('draw 1 with the probabilities of the model, independently', async () => {
    const draw = await sampler();
    const steps = 40;
    let chiSquare = 0;
    let products = 0;
    let freedom = 0;
    for (let index = 1; index <= steps; index++) {
      const values = await draw(1, index);
      // (p - y~) / sqrt(p (1 - p)) has mean 0 and variance 1.
      const standard = values.map((v, i) => {
        const p = logistic(batch.logits[i]!);
        return v / root / Math.sqrt(p * (1 - p));
      });
      standard.forEach((s, i) => {
        if (!counts(batch, i)) return;
        freedom++;
        chiSquare += s * s;
        products += s * (standard[i + 1] ?? 0);
      });
    }
    const fourth = mean(batch.logits.map((z) => 1 / (logistic(z) * (1 - logistic(z))) - 3));
    expect(Math.abs(chiSquare - freedom)).toBeLessThan(4 * Math.sqrt(fourth * freedom));
    expect(Math.abs(products)).toBeLessThan(4 * Math.sqrt(freedom));
  });
});

it('refuses targets of another shape', () =>
  expect(
    evaluate((_, leaf) => binaryCrossEntropy(leaf(noise(6, 0), [2, 3]), leaf(noise(6, 1), [3, 2])).terms),
  ).rejects.toThrow('binary cross-entropy: targets (input) of shape [3, 2] should be [2, 3]'));
