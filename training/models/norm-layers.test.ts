/** Normalisation layers by name, and how training hands running statistics to evaluation. */
import { beforeAll, describe, expect, it } from 'vitest';
import type { GpuContext } from '../../gpu-kernels/device.ts';
import { testGpu } from '../../gpu-kernels/test-gpu.ts';
import type { Graph, Tensor } from '../program/graph.ts';
import { Parameters } from '../program/parameters.ts';
import { evaluate, expectClose, noise, prepare, type Leaf } from '../program/test-program.ts';
import { ModelBuilder, type ModelMode } from './model-builder.ts';
import { describeParameters } from './test-model.ts';

let gpu: GpuContext;
beforeAll(async () => {
  gpu = await testGpu();
});

const shape = [4, 5, 3];
const x = noise(60, 1).map((v) => Math.fround(2 * v + 0.5));

/** Parameters as a fresh run finds them, uploaded once the model is written down. */
function upload(parameters: Parameters): void {
  parameters.allocate(gpu);
  parameters.upload(gpu, ({ name, shape: [count = 1] }) =>
    new Float32Array(count).fill(name.endsWith('weight') ? 1 : 0),
  );
}

function normalised(parameters: Parameters, mode: ModelMode) {
  return (graph: Graph, leaf: Leaf): Tensor => {
    const y = new ModelBuilder(graph, parameters, mode).batchNorm('norm', leaf(x, shape));
    if (mode === 'training') upload(parameters);
    return y;
  };
}

function columnsOf(values: ArrayLike<number>): number[][] {
  return [0, 1, 2].map((c) => Array.from({ length: 20 }, (_, row) => values[row * 3 + c]!));
}

const meanOf = (values: number[]): number => values.reduce((sum, v) => sum + v, 0) / values.length;
const varianceOf = (values: number[], divisor: number): number =>
  values.reduce((sum, v) => sum + (v - meanOf(values)) ** 2, 0) / divisor;

describe('batch norm', () => {
  it('normalises by the batch in training, by what training left in evaluation, and forgets on reset', async () => {
    const parameters = new Parameters();
    const training = await prepare(normalised(parameters, 'training'));
    const evaluation = await prepare(normalised(parameters, 'evaluation'));
    const [fresh] = await evaluation.run();
    expectClose(
      fresh!,
      x.map((v) => v / Math.sqrt(1 + 1e-5)),
      1e-6,
    );

    const [trained] = await training.run();
    columnsOf(trained!).forEach((column) => {
      expect(Math.abs(meanOf(column))).toBeLessThan(1e-6);
      expect(Math.abs(varianceOf(column, 20) - 1)).toBeLessThan(1e-4);
    });
    const columns = columnsOf(x);
    const expected = x.map((v, i) => {
      const column = columns[i % 3]!;
      return (v - 0.1 * meanOf(column)) / Math.sqrt(0.9 + 0.1 * varianceOf(column, 19) + 1e-5);
    });
    const [evaluated] = await evaluation.run();
    expectClose(evaluated!, expected, 5e-6);
    expect((await evaluation.run())[0]).toEqual(evaluated);

    parameters.resetBuffers(gpu);
    expect((await evaluation.run())[0]).toEqual(fresh);
  });

  it('has names as in PyTorch, and running statistics that are no parameters', async () => {
    const parameters = new Parameters();
    await evaluate(normalised(parameters, 'training'));
    expect(describeParameters(parameters)).toEqual(['norm.weight [3] other', 'norm.bias [3] other']);
    expect(parameters.buffers.map(({ name }) => name)).toEqual(['norm.running_mean', 'norm.running_var']);
    expect(() => parameters.obtainBuffer('norm.running_mean', [4], 0)).toThrow(
      'norm.running_mean is [3], not [4]',
    );
    expect(() => parameters.obtainBuffer('other.running_mean', [4], 0)).toThrow(
      'other.running_mean was declared after memory was allocated',
    );
  });
});

it('group norm normalises every example by groups of its channels', async () => {
  const parameters = new Parameters();
  const [y] = await evaluate((graph, leaf) => {
    const normed = new ModelBuilder(graph, parameters).groupNorm('norm', leaf(x, shape), 1);
    upload(parameters);
    return normed;
  });
  for (let n = 0; n < 4; n++) {
    const example = [...y!.subarray(n * 15, (n + 1) * 15)];
    expect(Math.abs(meanOf(example))).toBeLessThan(1e-6);
    expect(Math.abs(varianceOf(example, 15) - 1)).toBeLessThan(1e-4);
  }
  expect(describeParameters(parameters)).toEqual(['norm.weight [3] other', 'norm.bias [3] other']);
});
