/** Cross-entropy with the two labels of mix-up, whose target is a distribution over classes. */
import { beforeAll, describe, expect, it } from 'vitest';
import type { GpuContext } from '../../../gpu-kernels/device.ts';
import { testGpu } from '../../../gpu-kernels/test-gpu.ts';
import { StepUniform } from '../step-scalars.ts';
import { evaluate, expectClose, f32Tolerance, noise, prepare, type Leaf } from '../test-program.ts';
import { crossEntropy, lossSeed, type Loss, type SeedMode } from './loss.ts';

let gpu: GpuContext;
beforeAll(async () => {
  gpu = await testGpu();
});

interface Batch {
  classes: number;
  logits: Float64Array;
  labels: Uint32Array;
  others: Uint32Array;
  share: number;
  smoothing: number;
}

const count = 23;

/** Every fourth row has the same label twice, as where two images of one class are mixed. */
function batchOf(classes: number, share: number, smoothing = 0): Batch {
  const labels = Uint32Array.from({ length: count }, (_, i) => (i * 7 + 3) % classes);
  const others = labels.map((label, i) => (i % 4 === 0 ? label : (label + 1 + i) % classes));
  return {
    classes,
    logits: noise(count * classes, classes).map((x) => 4 * x),
    labels,
    others,
    share,
    smoothing,
  };
}

/** Softmax and the distribution that is to be predicted, row by row. */
function rowsOf({ classes, labels, others, share, smoothing }: Batch, logits: Float64Array) {
  return Array.from({ length: count }, (_, row) => {
    const z = [...logits.subarray(row * classes, (row + 1) * classes)];
    const most = Math.max(...z);
    const total = z.reduce((sum, x) => sum + Math.exp(x - most), 0);
    const target = z.map(() => smoothing / classes);
    target[labels[row]!]! += (1 - smoothing) * share;
    target[others[row]!]! += (1 - smoothing) * (1 - share);
    return { z, logs: z.map((x) => x - most - Math.log(total)), target };
  });
}

function terms(batch: Batch, logits: Float64Array): number[] {
  return rowsOf(batch, logits).map(
    ({ logs, target }) => -target.reduce((sum, t, c) => sum + t * logs[c]!, 0),
  );
}

function lossOf(leaf: Leaf, { classes, logits, labels, others, share, smoothing }: Batch): Loss {
  const mixed = { labels: leaf(others, [count]), share: leaf([share], [1]) };
  return crossEntropy(leaf(logits, [count, classes]), leaf(labels, [count]), { smoothing, mixed });
}

describe.each([
  [5, 'software'],
  [300, 'software'],
  [300, 'gpu'],
] as const)('of %d classes on class %s', (classes, adapterClass) => {
  it.each([
    [0.25, 0],
    [1, 0],
    [0, 0],
    [0.75, 0.2],
  ])('has the loss and the gradient of mixed targets: share %d, smoothing %d', async (share, smoothing) => {
    const batch = batchOf(classes, share, smoothing);
    const [got, hits, seed] = await evaluate((_, leaf) => {
      const loss = lossOf(leaf, batch);
      return [loss.terms, loss.hits!, lossSeed(loss, { kind: 'gradient' }, 1 / count)];
    }, adapterClass);
    expectClose(got!, terms(batch, batch.logits), f32Tolerance);
    const mean = (logits: Float64Array) => terms(batch, logits).reduce((sum, x) => sum + x, 0) / count;
    const checked = [0, 1, classes + 3, 7 * classes, count * classes - 1];
    for (const place of [...checked, ...batch.labels.map((label, row) => row * classes + label)]) {
      const at = (offset: number) => mean(batch.logits.with(place, batch.logits[place]! + offset));
      expect(Math.abs(seed![place]! - (at(1e-5) - at(-1e-5)) / 2e-5)).toBeLessThan(1e-7);
    }
    const right = rowsOf(batch, batch.logits).map(({ z }, row) => {
      const best = z.indexOf(Math.max(...z));
      return (best === batch.labels[row] ? share : 0) + (best === batch.others[row] ? 1 - share : 0);
    });
    expectClose(hits!, right, f32Tolerance);
  });
});

it('leaves the curvature of the outputs what it is: neither columns nor samples read a label', async () => {
  const batch = batchOf(4, 0.3);
  const step = new StepUniform(gpu);
  const seedsOf = async (isMixed: boolean) => {
    const program = await prepare((_, leaf) => {
      const { logits, labels } = batch;
      const loss = isMixed
        ? lossOf(leaf, batch)
        : crossEntropy(leaf(logits, [count, 4]), leaf(labels, [count]));
      const modes: SeedMode[] = [
        { kind: 'column', round: leaf(Uint32Array.of(2), [1], 'column') },
        { kind: 'sample', step },
      ];
      return modes.map((mode) => lossSeed(loss, mode, 1));
    });
    step.write({ index: 1, seed: 5, slot: 0, lr: 0, correction1: 1, correction2: 1, factorMix: 1 });
    return (await program.run()).map((values) => [...values]);
  };
  expect(await seedsOf(true)).toEqual(await seedsOf(false));
});

it('refuses labels that are fewer than the terms, or some of them ignored', async () => {
  const refused = (leaf: Leaf, length: number, ignored?: number) => () =>
    crossEntropy(leaf([1, 2, 3, 4], [2, 2]), leaf(Uint32Array.of(0, 1), [2]), {
      mixed: { labels: leaf(new Uint32Array(length), [length]), share: leaf([1], [1]) },
      ...(ignored !== undefined && { ignored }),
    });
  await evaluate((_, leaf) => {
    const message = 'mixed labels are one for every term, none of them ignored';
    expect(refused(leaf, 1)).toThrow(message);
    expect(refused(leaf, 2, 9)).toThrow(message);
    return refused(leaf, 2)().terms;
  });
});
