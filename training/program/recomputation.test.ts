import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { trials } from '../../contract/test-trials.ts';
import { releaseScope, type GpuContext } from '../../gpu-kernels/device.ts';
import { testGpu } from '../../gpu-kernels/test-gpu.ts';
import { backward } from './backward.ts';
import type { Graph, Tensor } from './graph.ts';
import { batchNorm } from './operations/batch-norm.ts';
import { convolution } from './operations/convolution.ts';
import { dropout } from './operations/dropout.ts';
import { add, gelu, multiply, relu, tanh } from './operations/elementwise.ts';
import { groupNorm } from './operations/group-norm.ts';
import { layerNorm } from './operations/layer-norm.ts';
import { linear } from './operations/linear.ts';
import { StepUniform } from './step-scalars.ts';
import {
  adapterClasses,
  expectClose,
  f32Tolerance,
  noise,
  prepare,
  type Build,
  type Leaf,
  type TestProgram,
} from './test-program.ts';
import { moves, randomProgram } from './test-random-program.ts';

const opened: GpuContext[] = [];
afterEach(() => opened.splice(0).forEach(releaseScope));

async function built(
  build: Build,
  recompute: boolean,
  adapterClass?: 'software' | 'gpu',
): Promise<TestProgram> {
  const program = await prepare(build, adapterClass, { recompute });
  opened.push(program.gpu);
  return program;
}

/** All leaves' gradients of the last of `depth` blocks; the block's output has the shape of its input. */
function stack(
  depth: number,
  shape: readonly number[],
  block: (x: Tensor, parameter: (shape: readonly number[]) => Tensor, graph: Graph) => Tensor,
): Build {
  return (graph, leaf: Leaf) => {
    let seed = 1;
    const count = (of: readonly number[]) => of.reduce((a, b) => a * b, 1);
    const drawn = (of: readonly number[]) => leaf(noise(count(of), seed++), of);
    const parameters: Tensor[] = [];
    const parameter = (of: readonly number[]) => {
      parameters.push(drawn(of));
      return parameters.at(-1) as Tensor;
    };
    const input = drawn(shape);
    let x = input;
    for (let i = 0; i < depth; i++) x = block(x, parameter, graph);
    const seeds = [{ tensor: x, gradient: drawn(shape) }];
    const gradients = graph.inPhase('backward', () => backward(graph, seeds, [input, ...parameters]));
    return [x, ...gradients.values()];
  };
}

const image = [4, 8, 8, 8];
const conv = (x: Tensor, parameter: (shape: readonly number[]) => Tensor) =>
  convolution(x, parameter([8, 8, 3, 3]), null, { padding: 1 });
const rows = [32, 5, 16];

const nets: Record<string, Build> = {
  'batch normalisation, ReLU and the zeros around images': stack(3, image, (x, parameter, graph) => {
    const running = { mean: parameter([8]), variance: parameter([8]) };
    const normal = batchNorm(x, parameter([8]), parameter([8]), running, { training: true });
    return graph.reshape(conv(relu(normal), parameter), image);
  }),
  'group normalisation': stack(3, image, (x, parameter) =>
    add(x, conv(relu(groupNorm(x, parameter([8]), parameter([8]), 2)), parameter)),
  ),
  'layer normalisation and GELU': stack(3, rows, (x, parameter) => {
    const hidden = linear(
      layerNorm(x, parameter([16]), parameter([16])),
      parameter([32, 16]),
      parameter([32]),
    );
    return add(x, linear(gelu(hidden), parameter([16, 32]), parameter([16])));
  }),
};

describe('recomputation', () => {
  it.each(adapterClasses.flatMap((on) => Object.keys(nets).map((name) => [name, on] as const)))(
    'of %s has the same bits in less memory, on class %s',
    async (name, on) => {
      const kept = await built(nets[name] as Build, false, on);
      const again = await built(nets[name] as Build, true, on);
      const [expected, values] = [await kept.run(), await again.run()];
      expect(values.length).toBeGreaterThan(4);
      values.forEach((one, i) => expect(one).toEqual(expected[i]));
      // What the last run left in memory must not be what is read.
      (await again.run()).forEach((one, i) => expect(one).toEqual(expected[i]));
      const saved = 1 - again.program.statistics.largestLiveSet / kept.program.statistics.largestLiveSet;
      expect(saved).toBeGreaterThan(0.15);
      expect(again.program.statistics.arenaBytes).toBeLessThanOrEqual(
        1.15 * again.program.statistics.largestLiveSet,
      );
    },
  );

  it.each(adapterClasses)('leaves the results of random programs as they are, on class %s', async (on) => {
    // Large enough to be made again.
    const shape = fc.constantFrom([32, 8], [16, 20], [33, 9], [300, 1]);
    await fc.assert(
      fc.asyncProperty(shape, moves, async ([height = 1, width = 1], list) => {
        const build: Build = (graph, leaf) => randomProgram(graph, leaf, height, width, list);
        const kept = await built(build, false, on);
        const again = await built(build, true, on);
        const expected = await kept.run();
        const values = await again.run();
        expect(values).toHaveLength(expected.length);
        // Copies are fused with other neighbours, which may round differently by a few units.
        values.forEach((one, i) => expectClose(one, expected[i] ?? [], 20 * f32Tolerance, `result ${i}`));
        opened.splice(0).forEach(releaseScope);
      }),
      trials(12),
    );
  });

  it('draws the same numbers to drop out', async () => {
    const step = new StepUniform(await testGpu());
    step.write({ index: 3, seed: 5, slot: 0, lr: 0, correction1: 1, correction2: 1, factorMix: 1 });
    const build = stack(2, rows, (x, parameter) => {
      const hidden = linear(x, parameter([32, 16]), parameter([32]));
      return linear(dropout(gelu(hidden), 0.5, step, 1), parameter([16, 32]), null);
    });
    const [kept, again] = [await built(build, false), await built(build, true)];
    expect(await again.run()).toEqual(await kept.run());
    expect(countOf(again, 'dropout')).toBe(2 * countOf(kept, 'dropout'));
  });

  const countOf = ({ program }: TestProgram, operation: string) =>
    program.statistics.kernels.flatMap(({ operations }) => operations).filter((name) => name === operation)
      .length;

  it('makes again once what several read, and nothing that would need what is not kept', async () => {
    const build = stack(2, rows, (x, parameter) => {
      const shared = gelu(linear(x, parameter([16, 16]), null));
      const sum = add(linear(shared, parameter([16, 16]), null), linear(shared, parameter([16, 16]), null));
      // The result of a product under a ReLU is not kept, nor are the summands of a sum.
      return linear(relu(linear(sum, parameter([16, 16]), null)), parameter([16, 16]), null);
    });
    const [kept, again] = [await built(build, false), await built(build, true)];
    expect([countOf(kept, 'gelu'), countOf(again, 'gelu')]).toEqual([2, 4]);
    expect(countOf(again, 'relu')).toBe(countOf(kept, 'relu'));
    expect(countOf(again, 'add')).toBe(countOf(kept, 'add'));
    expect(await again.run()).toEqual(await kept.run());
  });

  it('keeps what is small', async () => {
    const build = stack(2, [5, 4], (x, parameter) =>
      linear(gelu(linear(x, parameter([4, 4]), null)), parameter([4, 4]), null),
    );
    const [kept, again] = [await built(build, false), await built(build, true)];
    expect(again.program.statistics.dispatches).toBe(kept.program.statistics.dispatches);
  });

  it('keeps what depends on memory that is written in between', async () => {
    const build: Build = (graph, leaf) => {
      const [x, w] = [leaf(noise(512, 1), [32, 16]), leaf(noise(256, 2), [16, 16])];
      const gain = leaf(noise(16, 3), [16]);
      const shifted = multiply(tanh(linear(x, w, null)), gain);
      graph.effect('doubles the gain', [gain], (lowering) => [
        {
          label: 'doubles the gain',
          code: '@compute @workgroup_size(16) fn main(@builtin(global_invocation_id) id: vec3<u32>) { gain[id.x] *= 2.0; }',
          bindings: [{ name: 'gain', type: 'array<f32>', region: lowering.region(gain), write: true }],
          workgroups: [1, 1, 1],
          flops: 0,
        },
      ]);
      const y = linear(shifted, w, null);
      const seeds = [{ tensor: y, gradient: leaf(noise(512, 4), [32, 16]) }];
      return [y, ...graph.inPhase('backward', () => backward(graph, seeds, [w])).values()];
    };
    const [kept, again] = [await built(build, false), await built(build, true)];
    // The first run of each: the effect has a lasting one.
    expect(await again.run()).toEqual(await kept.run());
    expect(countOf(again, 'multiply')).toBe(countOf(kept, 'multiply'));
  });

  it('makes no copies within a loop, which would make them in every round', async () => {
    const build: Build = (graph, leaf) => {
      const [x, w] = [leaf(noise(512, 1), [32, 16]), leaf(noise(256, 2), [16, 16])];
      const y = linear(gelu(linear(x, w, null)), w, null);
      const seeds = [{ tensor: y, gradient: leaf(noise(512, 4), [32, 16]) }];
      return graph.inPhase('backward', () =>
        graph.repeated(3, () => [y, ...backward(graph, seeds, [w]).values()]),
      );
    };
    const [kept, again] = [await built(build, false), await built(build, true)];
    expect(again.program.statistics.dispatches).toBe(kept.program.statistics.dispatches);
    expect(await again.run()).toEqual(await kept.run());
  });
});
