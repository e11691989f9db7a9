import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { trials } from '../../../contract/test-trials.ts';
import type { GpuContext } from '../../../gpu-kernels/device.ts';
import { testGpu } from '../../../gpu-kernels/test-gpu.ts';
import { backward } from '../backward.ts';
import { size, type Graph, type Tensor } from '../graph.ts';
import { add, broadcastTo, multiply, relu, scale, tanh } from '../operations/elementwise.ts';
import { batchNorm } from '../operations/batch-norm.ts';
import { concat } from '../operations/concat.ts';
import { convolution } from '../operations/convolution.ts';
import { dropout } from '../operations/dropout.ts';
import { groupNorm } from '../operations/group-norm.ts';
import { matmul } from '../operations/matmul.ts';
import { averagePool, maxPool } from '../operations/pooling.ts';
import { gatherRows, scatterSum, segmentMean } from '../operations/segments.ts';
import { slice } from '../operations/slice.ts';
import { logSoftmax, softmax } from '../operations/softmax.ts';
import { integers } from '../operations/test-leaves.ts';
import { StepUniform } from '../step-scalars.ts';
import { moves, randomProgram } from '../test-random-program.ts';
import {
  adapterClasses,
  evaluate,
  expectClose,
  f32Tolerance,
  noise,
  prepare,
  type Leaf,
} from '../test-program.ts';

describe('fusion', () => {
  it.each(adapterClasses)('leaves the results of random programs as they are, on class %s', async (on) => {
    const shape = fc.constantFrom([3, 4], [4, 8], [5, 3], [1, 4], [6, 1]);
    await fc.assert(
      fc.asyncProperty(shape, moves, async ([rows = 1, width = 1], list) => {
        const build = (graph: Graph, leaf: Leaf) => randomProgram(graph, leaf, rows, width, list);
        const fused = await evaluate(build, on);
        const plain = await evaluate(build, on, { fuse: false });
        expect(fused).toHaveLength(plain.length);
        // Products of many terms: what matters is that both round alike up to a few units.
        fused.forEach((values, i) => expectClose(values, plain[i] ?? [], 20 * f32Tolerance, `result ${i}`));
        expect(fused[0]).toHaveLength(size([rows, width]));
      }),
      trials(12),
    );
  });
});

/** Elementwise work around an operation, and the gradients of all that it is made of. */
interface Surrounded {
  inputs: readonly number[][];
  build: (inputs: readonly Tensor[], graph: Graph) => Tensor;
}

const step = { index: 3, seed: 5, slot: 0, lr: 0, correction1: 1, correction2: 1, factorMix: 1 };
let gpu: GpuContext;
let uniform: StepUniform;
beforeAll(async () => {
  gpu = await testGpu();
  uniform = new StepUniform(gpu);
  uniform.write(step);
});

/** Work before and after, that fusion may take in: of the operation's result and of a tensor of its shape. */
const around = (x: Tensor): Tensor => relu(scale(x, 1.5));

const operations: Record<string, Surrounded> = {
  'a product with bias, activation and residual': {
    inputs: [[2, 5, 8], [8, 12], [12]],
    build: ([x, w, b]) => {
      const y = relu(add(matmul(x!, w!), b!));
      return add(y, broadcastTo(b!, [2, 5, 12]));
    },
  },
  'a convolution': {
    inputs: [[2, 5, 6, 4], [8, 4, 3, 3], [8]],
    build: ([x, w, b]) => around(convolution(around(x!), w!, b!, { padding: 1 })),
  },
  'a convolution in groups': {
    inputs: [
      [2, 4, 4, 4],
      [4, 1, 3, 3],
    ],
    build: ([x, w]) => around(convolution(around(x!), w!, null, { groups: 4, padding: 1 })),
  },
  'max pooling': {
    inputs: [[2, 4, 6, 3]],
    build: ([x]) => tanh(maxPool(tanh(x!), { kernel: 2 })),
  },
  'overlapping average pooling': {
    inputs: [[1, 5, 5, 4]],
    build: ([x]) => around(averagePool(around(x!), { kernel: 3, stride: 1, padding: 1 })),
  },
  'group normalisation': {
    inputs: [[2, 6, 8], [8], [8]],
    build: ([x, gain, shift]) => around(groupNorm(around(x!), gain!, shift!, 2)),
  },
  'batch normalisation': {
    inputs: [[6, 4], [4], [4], [4], [4]],
    build: ([x, gain, shift, mean, variance]) =>
      around(batchNorm(around(x!), gain!, shift!, { mean: mean!, variance: variance! }, { training: true })),
  },
  'concatenation and slices': {
    inputs: [
      [3, 4],
      [3, 8],
    ],
    build: ([x, y]) => around(slice(around(concat([around(x!), y!], 1)), 1, 2, 7)),
  },
  'softmax with a mask that is learned': {
    inputs: [
      [2, 3, 8],
      [3, 8],
    ],
    build: ([x, mask]) => multiply(softmax(around(x!), { mask: around(mask!) }), x!),
  },
  'log-softmax': {
    inputs: [[5, 7]],
    build: ([x]) => tanh(logSoftmax(around(x!))),
  },
  dropout: {
    inputs: [[4, 9]],
    build: ([x]) => add(x!, dropout(around(x!), 0.5, uniform, 1)),
  },
  'sums of segments': {
    inputs: [[7, 4]],
    build: ([x], graph) => {
      const offsets = integers(gpu, graph, [0, 3, 3, 7]);
      return around(segmentMean(around(x!), offsets));
    },
  },
  'rows picked and summed': {
    inputs: [[5, 4]],
    build: ([x], graph) => {
      const index = integers(gpu, graph, [4, 0, 0, 3, 1, 9]);
      return around(scatterSum(around(gatherRows(around(x!), index)), index, 5));
    },
  },
};

describe.each(adapterClasses)('fusion around an operation, on class %s', (adapterClass) => {
  it.each(Object.entries(operations))('changes neither values nor gradients: %s', async (_, surrounded) => {
    const { inputs, build } = surrounded;
    const program = (graph: Graph, leaf: Leaf): Tensor[] => {
      const leaves = inputs.map((shape, i) => leaf(noise(size(shape), i + 1), shape, `input ${i}`));
      const result = build(leaves, graph);
      const seed = { tensor: result, gradient: leaf(noise(size(result.shape), 77), result.shape) };
      const gradients = graph.inPhase('backward', () => backward(graph, [seed], leaves));
      return [result, ...gradients.values()];
    };
    const [fused, plain] = [
      await prepare(program, adapterClass),
      await prepare(program, adapterClass, { fuse: false }),
    ];
    expect(fused.program.statistics.dispatches).toBeLessThan(plain.program.statistics.dispatches);
    const [own, expected] = [await fused.run(), await plain.run()];
    expect(own).toHaveLength(expected.length);
    expect(own[0]?.some((value) => value !== 0)).toBe(true);
    own.forEach((values, i) => expectClose(values, expected[i] ?? [], 4 * f32Tolerance, `result ${i}`));
  });

  it('makes one launch of a product, its bias, its activation and a residual sum', async () => {
    const test = await prepare((_, leaf) => {
      const [x, w] = [leaf(noise(3 * 8, 1), [3, 8]), leaf(noise(8 * 4, 2), [8, 4])];
      const [bias, residual] = [leaf(noise(4, 3), [4]), leaf(noise(12, 4), [3, 4])];
      return add(relu(add(matmul(x, w), bias)), residual);
    }, adapterClass);
    expect(test.program.statistics.kernels.map(({ operations: fused }) => fused)).toEqual([
      ['matmul', 'add', 'relu', 'add'],
    ]);
  });
});
