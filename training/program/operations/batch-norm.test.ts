import fc from 'fast-check';
import { beforeAll, describe, expect, it, test } from 'vitest';
import { trials } from '../../../contract/test-trials.ts';
import type { GpuContext } from '../../../gpu-kernels/device.ts';
import { readFloats } from '../../../gpu-kernels/readback.ts';
import { testGpu, uploaded } from '../../../gpu-kernels/test-gpu.ts';
import { size, type Graph } from '../graph.ts';
import { checkOperation, evaluate, expectClose, noise, prepare } from '../test-program.ts';
import { batchNorm, type BatchNormOptions } from './batch-norm.ts';

let gpu: GpuContext;
beforeAll(async () => {
  gpu = await testGpu();
});

function statisticsReference(x: Float64Array, channels: number) {
  const rows = x.length / channels;
  const column = (c: number) => Array.from({ length: rows }, (_, row) => x[row * channels + c]!);
  const means = Array.from({ length: channels }, (_, c) => column(c).reduce((s, v) => s + v, 0) / rows);
  const variances = means.map((mean, c) => column(c).reduce((s, v) => s + (v - mean) ** 2, 0) / rows);
  return { means, variances, rows };
}

function normReference(channels: number, eps: number, fixed?: { means: number[]; variances: number[] }) {
  return (x: Float64Array, gain: Float64Array, shift: Float64Array): Float64Array => {
    const { means, variances } = fixed ?? statisticsReference(x, channels);
    return x.map((value, i) => {
      const c = i % channels;
      return ((value - means[c]!) / Math.sqrt(variances[c]! + eps)) * gain[c]! + shift[c]!;
    });
  };
}

/** Running statistics that start as torch's do, unless numbers are given. */
function runningOf(graph: Graph, means: number[], variances: number[]) {
  const shape = [means.length];
  const regions = { mean: uploaded(gpu, 'mean', means), variance: uploaded(gpu, 'variance', variances) };
  const mean = graph.leaf('running mean', shape, regions.mean);
  const variance = graph.leaf('running variance', shape, regions.variance);
  return { running: { mean, variance }, regions };
}

const repeated = (value: number, count: number) => new Array<number>(count).fill(value);

/** Dividing by a standard deviation below 1 magnifies the rounding of f32. */
const tolerance = 5e-6;

function check(shape: number[], options: BatchNormOptions): Promise<void> {
  const channels = shape.at(-1)!;
  const means = [...noise(channels, 8)].map((v) => v / 2);
  const variances = [...noise(channels, 9)].map((v) => 1.5 + v);
  const fixed = options.training ? undefined : { means, variances };
  return checkOperation({
    inputs: [{ shape }, { shape: [channels] }, { shape: [channels] }],
    build: (x, gain, shift) => {
      const { running } = runningOf(x.graph, means, variances);
      return batchNorm(x, gain, shift, running, options);
    },
    reference: (x, gain, shift) => normReference(channels, options.eps ?? 1e-5, fixed)(x, gain, shift),
    tolerance,
  });
}

describe.each([true, false])('training %s', (training) => {
  test.each([
    { name: 'images, whole quads', shape: [2, 3, 3, 8] },
    { name: 'images, odd channels', shape: [2, 3, 3, 5] },
    { name: 'rows', shape: [7, 4] },
    { name: 'one channel', shape: [9, 1] },
    { name: 'more rows than one slice', shape: [69, 4] },
    { name: 'more rows than one slice, odd', shape: [133, 3] },
    { name: 'two rows', shape: [2, 6] },
  ])('$name', ({ shape }) => check(shape, { training, eps: 1e-2 }));
});

it('normalises any shape', () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 2, max: 6 }), { minLength: 1, maxLength: 3 }),
      fc.integer({ min: 1, max: 9 }),
      fc.boolean(),
      // A large eps: few numbers may have nearly no variance, which magnifies rounding without bound.
      (leading, channels, training) => check([...leading, channels], { training, eps: 0.1 }),
    ),
    trials(5),
  ));

describe('running statistics', () => {
  const shape = [5, 4, 6];
  const x = noise(size(shape), 1).map((value) => Math.fround(3 * value + 1));

  async function program(options: BatchNormOptions) {
    let regions: ReturnType<typeof runningOf>['regions'] | null = null;
    const test = await prepare((graph, leaf) => {
      const state = runningOf(graph, repeated(0, 6), repeated(1, 6));
      regions = state.regions;
      const [gain, shift] = [leaf(noise(6, 2), [6]), leaf(noise(6, 3), [6])];
      return batchNorm(leaf(x, shape), gain, shift, state.running, options);
    });
    const read = async () => {
      const { mean, variance } = regions!;
      return { means: await readFloats(gpu, mean), variances: await readFloats(gpu, variance) };
    };
    return { test, read };
  }

  it.each([0.1, 0.25])('move towards the batch, momentum %d', async (momentum) => {
    const { test: runs, read } = await program({ training: true, momentum });
    const { means, variances, rows } = statisticsReference(x, 6);
    let [mean, variance] = [repeated(0, 6), repeated(1, 6)];
    for (let step = 0; step < 3; step++) {
      await runs.run();
      mean = mean.map((m, c) => (1 - momentum) * m + momentum * means[c]!);
      variance = variance.map((v, c) => (1 - momentum) * v + (momentum * variances[c]! * rows) / (rows - 1));
      const got = await read();
      expectClose(got.means, mean, tolerance);
      expectClose(got.variances, variance, tolerance);
    }
  });

  it('move in the forward phase only', async () => {
    const { test: runs, read } = await program({ training: true });
    await runs.run(['backward', 'factors', 'update']);
    const { means, variances } = await read();
    expect([...means]).toEqual(repeated(0, 6));
    expect([...variances]).toEqual(repeated(1, 6));
  });

  it('stay as they are in evaluation', async () => {
    const { test: runs, read } = await program({ training: false });
    await runs.run();
    const { means, variances } = await read();
    expect([...means]).toEqual(repeated(0, 6));
    expect([...variances]).toEqual(repeated(1, 6));
  });
});

it('keeps its precision when the mean is large', async () => {
  const shape = [200, 4];
  const x = noise(size(shape), 1).map((value) => Math.fround(1000 + value));
  const [gain, shift] = [noise(4, 2), noise(4, 3)];
  const [result] = await evaluate((graph, leaf) => {
    const { running } = runningOf(graph, repeated(0, 4), repeated(1, 4));
    return batchNorm(leaf(x, shape), leaf(gain, [4]), leaf(shift, [4]), running, { training: true });
  });
  // One f32 step at 1000 is 6e-5 and the mean is off by as much; E[x^2] - E[x]^2 would be off by 1e-1.
  expectClose(result!, normReference(4, 1e-5)(x, gain, shift), 3e-4);
});

it('refuses to train on one value per channel, and parameters of another size', async () => {
  const trained = (shape: number[], width: number) =>
    evaluate((graph, leaf) => {
      const { running } = runningOf(graph, repeated(0, 3), repeated(1, 3));
      const [gain, shift] = [leaf(noise(width, 1), [width], 'gain'), leaf(noise(3, 2), [3])];
      return batchNorm(leaf(noise(size(shape), 0), shape), gain, shift, running, { training: true });
    });
  await expect(trained([1, 3], 3)).rejects.toThrow(
    'batch norm of [1, 3]: one value per channel has no variance to train with',
  );
  await expect(trained([2, 3], 4)).rejects.toThrow('batch norm: gain of shape [4] should be [3]');
});
