import { describe, expect, test } from 'vitest';
import { openScope, releaseScope, type AdapterClass, type GpuContext } from '../../gpu-kernels/device.ts';
import { readFloats } from '../../gpu-kernels/readback.ts';
import { emptyRegion, testGpu, uploaded } from '../../gpu-kernels/test-gpu.ts';
import { KernelChoices } from '../../gpu-kernels/tuning/kernel-choices.ts';
import type { Stopwatch } from '../../gpu-kernels/tuning/stopwatch.ts';
import { phases } from '../../contract/runs.ts';
import { backward } from './backward.ts';
import { compile, type Program } from './compile.ts';
import { Graph, size, type Tensor } from './graph.ts';
import { convolution } from './operations/convolution.ts';
import { relu } from './operations/elementwise.ts';
import { linear } from './operations/linear.ts';
import { noise } from './test-program.ts';

interface Measured {
  program: Program;
  values: Float32Array[];
}

type NewLeaf = (label: string, shape: readonly number[]) => Tensor;
type Build = (leaf: NewLeaf) => { result: Tensor; inputs: readonly Tensor[] };

/** The gradients of a function by its inputs, for a fixed gradient of its result. */
async function gradients(gpu: GpuContext, build: Build): Promise<Measured> {
  const graph = new Graph();
  let seed = 0;
  const leaf: NewLeaf = (label, shape) =>
    graph.leaf(label, shape, uploaded(gpu, label, noise(size(shape), ++seed)));
  const { result, inputs } = build(leaf);
  const byInput = backward(
    graph,
    [{ tensor: result, gradient: leaf('gradient', result.shape) }],
    [...inputs],
  );
  const wanted = [result, ...inputs.map((input) => byInput.get(input)!)];
  const regions = wanted.map((tensor) => {
    const region = emptyRegion(gpu, tensor.label, size(tensor.shape));
    graph.pin(tensor, region);
    return region;
  });
  const program = await compile(gpu, graph, 'test');
  const encoder = gpu.device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  program.encode(pass, new Set(phases));
  pass.end();
  gpu.device.queue.submit([encoder.finish()]);
  const values = [];
  for (const region of regions) values.push(await readFloats(gpu, region));
  return { program, values };
}

/** ReLU of a linear layer: its weight and bias gradients are a product of a few numbers over many rows. */
const layer: Build = (leaf) => {
  const x = leaf('x', [256, 12]);
  const weight = leaf('weight', [8, 12]);
  const bias = leaf('bias', [8]);
  return { result: relu(linear(x, weight, bias)), inputs: [weight, bias] };
};

/** ReLU of a convolution. */
const filter: Build = (leaf) => {
  const x = leaf('x', [2, 9, 10, 8]);
  const weight = leaf('weight', [20, 8, 3, 3]);
  const bias = leaf('bias', [20]);
  return { result: relu(convolution(x, weight, bias, { padding: 1 })), inputs: [x, weight, bias] };
};

/** Says that products in two launches are the fastest; counts how often it is asked. */
function fondOfParts(): Stopwatch & { asked: number } {
  const stopwatch = Object.assign(
    (...[, launches, repeats]: Parameters<Stopwatch>) => {
      stopwatch.asked++;
      return Promise.resolve(repeats / launches.length);
    },
    { asked: 0 },
  );
  return stopwatch;
}

async function context(adapterClass: AdapterClass, stopwatch: Stopwatch | null): Promise<GpuContext> {
  const choices = new KernelChoices();
  const measuring = stopwatch && { stopwatch, budgetMs: Infinity, now: () => 0 };
  return { ...openScope(await testGpu()), adapterClass, fourLaneSubgroups: false, choices, measuring };
}

const sumsOfParts = ({ statistics }: Program): number =>
  statistics.kernels.filter(({ label }) => label.endsWith('sum of parts')).length;

/** Says that the fewest workgroups are the fastest. */
function fondOfFew(): Stopwatch & { asked: number } {
  const stopwatch = Object.assign(
    (...[, launches, repeats]: Parameters<Stopwatch>) => {
      stopwatch.asked++;
      const { workgroups } = launches.find(({ label }) => label.startsWith('convolution'))!;
      return Promise.resolve(repeats * workgroups[0] * workgroups[1] * workgroups[2]);
    },
    { asked: 0 },
  );
  return stopwatch;
}

const convolutionGrids = ({ statistics }: Program): Readonly<Record<string, string>> =>
  Object.fromEntries(
    statistics.kernels
      .filter(({ label }) => label.startsWith('convolution'))
      .map(({ label, workgroups }) => [label, workgroups.join(' x ')]),
  );

describe.each([
  // The plain product does not sum parts.
  ['a layer', layer, fondOfParts, sumsOfParts, 0, 1],
  // 180 pixels by 20 outputs, 180 by 8 channels, and 20 outputs by 18 quads of columns in slices of the 180 pixels.
  [
    'a convolution',
    filter,
    fondOfFew,
    convolutionGrids,
    {
      convolution: '1 x 6 x 1',
      'convolution input gradient': '1 x 2 x 1',
      'convolution weight gradient': '2 x 2 x 12',
    },
    {
      convolution: '1 x 2 x 1',
      'convolution input gradient': '1 x 1 x 1',
      'convolution weight gradient': '1 x 1 x 8',
    },
  ],
] as const)('a program of %s', (_, build, fond, kernelsOf, plainKernels, measuredKernels) => {
  test('is lowered with the kernels that were measured to be the fastest', async () => {
    const plain = await context('gpu', null);
    const stopwatch = fond();
    const measured = await context('gpu', stopwatch);
    const expected = await gradients(plain, build);
    const actual = await gradients(measured, build);
    expect(kernelsOf(expected.program)).toEqual(plainKernels);
    expect(kernelsOf(actual.program)).toEqual(measuredKernels);
    expect(stopwatch.asked).toBeGreaterThan(0);
    actual.values.forEach((values, k) =>
      values.forEach((value, i) => expect(Math.abs(value - expected.values[k]![i]!)).toBeLessThan(1e-4)),
    );
    releaseScope(plain);

    // The same table measures nothing and gives the same bits.
    const next = fond();
    const again = await context('gpu', next);
    again.choices.load(JSON.parse(JSON.stringify(measured.choices.table)));
    expect((await gradients(again, build)).values).toEqual(actual.values);
    expect(next.asked).toBe(0);
    releaseScope(measured);
    releaseScope(again);
  });

  test('is never measured on a software adapter, nor takes a kernel made for graphics cards', async () => {
    const stopwatch = fond();
    const gpu = await context('software', stopwatch);
    const { program } = await gradients(gpu, build);
    expect(stopwatch.asked).toBe(0);
    expect(gpu.choices.table).toEqual({});
    expect(kernelsOf(program)).not.toEqual(measuredKernels);
    releaseScope(gpu);
  });
});
