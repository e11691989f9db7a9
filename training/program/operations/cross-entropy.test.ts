import fc from 'fast-check';
import { beforeAll, describe, expect, it, test } from 'vitest';
import { trials } from '../../../contract/test-trials.ts';
import type { AdapterClass, GpuContext } from '../../../gpu-kernels/device.ts';
import { testGpu } from '../../../gpu-kernels/test-gpu.ts';
import { StepUniform } from '../step-scalars.ts';
import { evaluate, expectClose, f32Tolerance, noise, prepare, type Leaf } from '../test-program.ts';
import { crossEntropy, lossSeed, type CrossEntropyOptions, type Loss } from './loss.ts';

let gpu: GpuContext;
beforeAll(async () => {
  gpu = await testGpu();
});

interface Batch {
  count: number;
  classes: number;
  logits: Float64Array;
  labels: Uint32Array;
}

const ignored = 0xffffff9c;

function batchOf(count: number, classes: number, ignoring: (row: number) => boolean): Batch {
  return {
    count,
    classes,
    logits: noise(count * classes, count).map((x) => 4 * x),
    labels: Uint32Array.from({ length: count }, (_, i) => (ignoring(i) ? ignored : (i * 7 + 3) % classes)),
  };
}

function logProbabilities(z: readonly number[]): number[] {
  const most = Math.max(...z);
  const total = z.reduce((sum, x) => sum + Math.exp(x - most), 0);
  return z.map((x) => x - most - Math.log(total));
}

const rowOf = ({ classes }: Batch, z: ArrayLike<number>, row: number): number[] =>
  Array.from({ length: classes }, (_, c) => z[row * classes + c]!);

/** The mean as torch's CrossEntropyLoss computes it. */
function meanLoss(batch: Batch, z: Float64Array, smoothing: number): number {
  let sum = 0;
  let counted = 0;
  batch.labels.forEach((label, row) => {
    if (label === ignored) return;
    counted++;
    logProbabilities(rowOf(batch, z, row)).forEach((l, c) => {
      sum -= (smoothing / batch.classes + (c === label ? 1 - smoothing : 0)) * l;
    });
  });
  return counted > 0 ? sum / counted : 0;
}

function slopes(f: (x: Float64Array) => number, x: Float64Array): Float64Array {
  return x.map((value, i) => {
    const at = (offset: number): number => {
      const moved = x.slice();
      moved[i] = value + offset;
      return f(moved);
    };
    return (at(1e-5) - at(-1e-5)) / 2e-5;
  });
}

function lossOf(leaf: Leaf, batch: Batch, options: CrossEntropyOptions): Loss {
  const { logits, labels, count, classes } = batch;
  return crossEntropy(leaf(logits, [count, classes]), leaf(labels, [count]), options);
}

const mean = (values: ArrayLike<number>): number =>
  Array.from(values).reduce((sum, x) => sum + x, 0) / values.length;

async function checkMean(batch: Batch, smoothing: number): Promise<void> {
  const [terms, hits, seed, counted] = await evaluate((_, leaf) => {
    const loss = lossOf(leaf, batch, { smoothing, ignored });
    const gradient = lossSeed(loss, { kind: 'gradient' }, 1 / loss.termCount);
    return [loss.terms, loss.hits!, gradient, loss.counted!];
  });
  const counting = [...batch.labels.keys()].filter((row) => batch.labels[row] !== ignored);
  expect([...counted!]).toEqual([counting.length]);
  expectClose([mean(terms!)], [meanLoss(batch, batch.logits, smoothing)], f32Tolerance);
  expectClose(
    seed!,
    slopes((z) => meanLoss(batch, z, smoothing), batch.logits),
    f32Tolerance,
    'gradient',
  );
  const right = counting.filter((row) => {
    const z = rowOf(batch, batch.logits, row);
    return z.indexOf(Math.max(...z)) === batch.labels[row];
  });
  expectClose([mean(hits!)], [right.length / Math.max(1, counting.length)], f32Tolerance, 'accuracy');
}

describe('the mean loss and its gradient', () => {
  test.each([
    { name: 'a third ignored', batch: batchOf(37, 5, (i) => i % 3 === 0), smoothing: 0 },
    { name: 'a third ignored, smoothed', batch: batchOf(37, 5, (i) => i % 3 === 0), smoothing: 0.1 },
    { name: 'smoothed only', batch: batchOf(9, 4, () => false), smoothing: 0.3 },
    { name: 'smoothed to nothing but the mean', batch: batchOf(5, 3, () => false), smoothing: 1 },
    { name: 'everything ignored', batch: batchOf(4, 3, () => true), smoothing: 0.1 },
    { name: 'a single term', batch: batchOf(1, 7, () => false), smoothing: 0.1 },
    { name: 'more rows than one thread sums', batch: batchOf(700, 2, (i) => i % 5 < 2), smoothing: 0 },
  ])('$name', ({ batch, smoothing }) => checkMean(batch, smoothing));

  it('of any size', () =>
    fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 4 }),
        (count, classes, every) =>
          checkMean(
            batchOf(count, classes, (i) => i % (every + 1) === every),
            0.25,
          ),
      ),
      trials(4),
    ));
});

it('does not let what stands in an ignored row matter', async () => {
  const batch = batchOf(3, 4, (i) => i === 1);
  batch.logits.fill(NaN, 4, 8);
  const [terms, seed] = await evaluate((_, leaf) => {
    const loss = lossOf(leaf, batch, { ignored });
    return [loss.terms, lossSeed(loss, { kind: 'gradient' }, 1)];
  });
  expect(Number.isFinite(mean(terms!))).toBe(true);
  expect(terms![1]).toBe(0);
  expect([...seed!.subarray(0, 4)].every(Number.isFinite)).toBe(true);
});

describe('a label that is no class', () => {
  /** Row 1 is wrong: its label, or the other one of two. */
  const wrong = { labels: Uint32Array.of(1, 7, 0), others: Uint32Array.of(0, 1, 7) };
  const right = Uint32Array.of(1, 2, 0);
  const results = (classes: number, adapterClass: AdapterClass, isMixed: boolean) =>
    evaluate((_, leaf) => {
      const labels = isMixed ? right : wrong.labels.map((label) => (label === 7 ? classes : label));
      const others = wrong.others.map((label) => (label === 7 ? classes + 4 : label));
      const mixed = isMixed ? { labels: leaf(others, [3]), share: leaf([0.5], [1]) } : undefined;
      const logits = leaf(noise(3 * classes, 1), [3, classes]);
      const loss = crossEntropy(logits, leaf(labels, [3]), { mixed, smoothing: 0.1 });
      return [loss.terms, loss.hits!, lossSeed(loss, { kind: 'gradient' }, 1)];
    }, adapterClass);

  test.each([
    { classes: 3, adapterClass: 'software' },
    { classes: 300, adapterClass: 'software' },
    { classes: 300, adapterClass: 'gpu' },
  ] as const)('of $classes, has no loss, no hit and no gradient, on $adapterClass', async (of) => {
    for (const [isMixed, row] of [
      [false, 1],
      [true, 2],
    ] as const) {
      const [terms, hits, seed] = await results(of.classes, of.adapterClass, isMixed);
      expect([...terms!].map(Number.isNaN)).toEqual([0, 1, 2].map((at) => at === row));
      expect(hits![row]! < 1).toBe(true);
      seed!.forEach((value, i) => expect(Number.isNaN(value)).toBe(Math.floor(i / of.classes) === row));
    }
  });

  it('among given ones, and a column that is none, give no numbers either', async () => {
    const [labels, column] = await evaluate((_, leaf) => {
      const loss = crossEntropy(leaf(noise(9, 1), [3, 3]), leaf(right, [3]));
      const round = leaf(Uint32Array.of(0), [1]);
      return [
        lossSeed(loss, { kind: 'labels', labels: leaf(wrong.labels, [1, 3]), round }, 1),
        lossSeed(loss, { kind: 'column', round: leaf(Uint32Array.of(3), [1]) }, 1),
      ];
    });
    expect([...labels!].map(Number.isNaN)).toEqual([0, 0, 0, 1, 1, 1, 0, 0, 0].map(Boolean));
    expect([...column!].every(Number.isNaN)).toBe(true);
  });
});

it('columns square to M times the Hessian of the loss', async () => {
  const batch = batchOf(6, 3, (i) => i % 3 === 0);
  const columns = await evaluate((_, leaf) => {
    const loss = lossOf(leaf, batch, { ignored, smoothing: 0.2 });
    return [0, 1, 2].map((c) =>
      lossSeed(loss, { kind: 'column', round: leaf(Uint32Array.of(c), [1], 'column') }, 1),
    );
  });
  batch.labels.forEach((label, row) => {
    const p = logProbabilities(rowOf(batch, batch.logits, row)).map(Math.exp);
    // Four of six terms count.
    const weight = label === ignored ? 0 : 6 / 4;
    for (let a = 0; a < 3; a++)
      for (let b = 0; b < 3; b++) {
        const product = columns.reduce((sum, s) => sum + s[row * 3 + a]! * s[row * 3 + b]!, 0);
        const hessian = weight * ((a === b ? p[a]! : 0) - p[a]! * p[b]!);
        expect(Math.abs(product - hessian)).toBeLessThan(f32Tolerance);
      }
  });
});

it('samples are drawn for the terms that count only, times the root of their weight', async () => {
  const step = new StepUniform(gpu);
  const batch = batchOf(8, 4, (i) => i < 4);
  const program = await prepare((_, leaf) =>
    lossSeed(lossOf(leaf, batch, { ignored }), { kind: 'sample', step }, 1),
  );
  step.write({ index: 1, seed: 5, slot: 0, lr: 0, correction1: 1, correction2: 1, factorMix: 1 });
  const [seed] = await program.run();
  expect([...seed!.subarray(0, 16)].every((x) => x === 0)).toBe(true);
  for (let row = 4; row < 8; row++) {
    const p = logProbabilities(rowOf(batch, batch.logits, row)).map(Math.exp);
    const values = rowOf(batch, seed!, row).map((x) => x / Math.SQRT2);
    const label = values.findIndex((x) => x < 0);
    const expected = p.map((x, c) => x - (c === label ? 1 : 0));
    expectClose(values, expected, f32Tolerance, `row ${row}`);
  }
});

it('refuses a smoothing that is no share', () =>
  expect(
    evaluate(
      (_, leaf) =>
        lossOf(
          leaf,
          batchOf(2, 2, () => false),
          { smoothing: 1.5 },
        ).terms,
    ),
  ).rejects.toThrow('cross-entropy: a label smoothing of 1.5 is not in [0, 1]'));

describe('of many classes', () => {
  test.each(
    (['software', 'gpu'] as const).flatMap((adapterClass) =>
      [257, 1030].flatMap((classes) => [0, 0.1].map((smoothing) => ({ adapterClass, classes, smoothing }))),
    ),
  )('$classes on class $adapterClass, smoothing $smoothing', async ({ adapterClass, classes, smoothing }) => {
    const batch = batchOf(7, classes, (row) => row === 2);
    // The largest logit stands twice in a row: the first place is the prediction.
    const twice = batch.logits;
    twice[3 * classes + 6] = 9;
    twice[3 * classes + 200] = 9;
    batch.labels[3] = 6;
    const [terms, hits, probabilities, counted] = await evaluate((_, leaf) => {
      const loss = lossOf(leaf, batch, { smoothing, ignored });
      return [loss.terms, loss.hits!, loss.probabilities!, loss.counted!];
    }, adapterClass);
    expect(mean(terms!)).toBeCloseTo(meanLoss(batch, twice, smoothing), 4);
    expect(counted![0]).toBe(6);
    batch.labels.forEach((label, row) => {
      const expected = logProbabilities(rowOf(batch, twice, row)).map(Math.exp);
      expectClose(probabilities!.subarray(row * classes, (row + 1) * classes), expected, f32Tolerance);
      const best = expected.indexOf(Math.max(...expected));
      expect(hits![row]).toBeCloseTo(label === best ? 7 / 6 : 0, 5);
    });
  });
});
