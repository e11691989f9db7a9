import { expect, test } from 'vitest';
import { openScope, releaseScope, type AdapterClass, type GpuContext } from '../../gpu-kernels/device.ts';
import { readFloats } from '../../gpu-kernels/readback.ts';
import { emptyRegion, testGpu, uploaded } from '../../gpu-kernels/test-gpu.ts';
import { KernelChoices } from '../../gpu-kernels/tuning/kernel-choices.ts';
import type { Stopwatch } from '../../gpu-kernels/tuning/stopwatch.ts';
import { phases } from '../../contract/runs.ts';
import { backward } from './backward.ts';
import { compile, type Program } from './compile.ts';
import { Graph } from './graph.ts';
import { relu } from './operations/elementwise.ts';
import { linear } from './operations/linear.ts';
import { noise } from './test-program.ts';

const [rows, inputs, outputs] = [256, 12, 8];

/** The weight and bias gradient of ReLU of a linear layer: a product of a few numbers over many rows. */
async function gradients(gpu: GpuContext): Promise<{ program: Program; values: Float32Array[] }> {
  const graph = new Graph();
  const leaf = (label: string, shape: number[], seed: number) => {
    const count = shape.reduce((product, size) => product * size, 1);
    return graph.leaf(label, shape, uploaded(gpu, label, Float32Array.from(noise(count, seed))));
  };
  const x = leaf('x', [rows, inputs], 1);
  const weight = leaf('weight', [outputs, inputs], 2);
  const bias = leaf('bias', [outputs], 3);
  const y = relu(linear(x, weight, bias));
  const seed = leaf('seed', [rows, outputs], 4);
  const results = backward(graph, [{ tensor: y, gradient: seed }], [weight, bias]);
  const regions = [weight, bias].map((parameter) => {
    const gradient = results.get(parameter)!;
    const region = emptyRegion(
      gpu,
      gradient.label,
      parameter.shape.reduce((a, b) => a * b, 1),
    );
    graph.pin(gradient, region);
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

test('a program is lowered with the kernels that were measured to be the fastest', async () => {
  const plain = await context('gpu', null);
  const stopwatch = fondOfParts();
  const measured = await context('gpu', stopwatch);
  const expected = await gradients(plain);
  const actual = await gradients(measured);
  expect(sumsOfParts(expected.program)).toBe(0);
  expect(sumsOfParts(actual.program)).toBe(1);
  expect(stopwatch.asked).toBeGreaterThan(0);
  actual.values.forEach((values, k) =>
    values.forEach((value, i) => expect(Math.abs(value - expected.values[k]![i]!)).toBeLessThan(1e-4)),
  );
  releaseScope(plain);

  // The same table measures nothing and gives the same bits.
  const next = fondOfParts();
  const again = await context('gpu', next);
  again.choices.load(JSON.parse(JSON.stringify(measured.choices.table)));
  expect((await gradients(again)).values).toEqual(actual.values);
  expect(next.asked).toBe(0);
  releaseScope(measured);
  releaseScope(again);
});

test('a software adapter never measures, nor takes a kernel made for graphics cards', async () => {
  const stopwatch = fondOfParts();
  const gpu = await context('software', stopwatch);
  const { program } = await gradients(gpu);
  expect(stopwatch.asked).toBe(0);
  expect(gpu.choices.table).toEqual({});
  expect(sumsOfParts(program)).toBe(0);
  releaseScope(gpu);
});
