import { describe, expect, it } from 'vitest';
import { alignBytes, type Region } from '../../gpu-kernels/region.ts';
import { emptyRegion, testGpu, uploaded } from '../../gpu-kernels/test-gpu.ts';
import { backward } from './backward.ts';
import { compile } from './compile.ts';
import { Graph, type Tensor } from './graph.ts';
import { attention } from './operations/attention.ts';
import { add, gelu, scale, tanh } from './operations/elementwise.ts';
import { layerNorm } from './operations/layer-norm.ts';
import { linear } from './operations/linear.ts';
import { crossEntropy, lossSeed } from './operations/loss.ts';
import { meanAxes, sumAxes } from './operations/reduce.ts';
import {
  adapterClasses,
  evaluate,
  expectClose,
  f32Tolerance,
  noise,
  prepare,
  type Leaf,
} from './test-program.ts';

/** total += x, one launch per round: what a loop did is visible in how often this ran and on which values. */
function accumulate(graph: Graph, x: Tensor, total: Tensor): void {
  const count = x.shape.reduce((product, dim) => product * dim, 1);
  graph.effect('accumulate', [x, total], (lowering) => [
    {
      label: 'accumulate',
      code: `@compute @workgroup_size(1)
fn main(@builtin(global_invocation_id) id: vec3<u32>) { total[id.x] += x[id.x]; }`,
      bindings: [
        { name: 'x', type: 'array<f32>', region: lowering.region(x), write: false },
        { name: 'total', type: 'array<f32>', region: lowering.region(total), write: true },
      ],
      workgroups: [count, 1, 1],
      flops: count,
    },
  ]);
}

/** Every operation with kernels of its own, so that they can be counted. */
const unfused = { fuse: false };

/** Loss and all gradients of a small transformer block: most operations, and memory used over and over. */
function transformer(graph: Graph, leaf: Leaf): Tensor[] {
  const weight = (seed: number, ...shape: [number, number]) => leaf(noise(shape[0] * shape[1], seed), shape);
  const x = leaf(noise(2 * 4 * 6, 1), [2, 4, 6]);
  const [gain, shift] = [leaf(noise(6, 2), [6]), leaf(noise(6, 3), [6])];
  const [q, k, v] = [weight(4, 6, 6), weight(5, 6, 6), weight(6, 6, 6)];
  const [up, down, head] = [weight(7, 10, 6), weight(8, 6, 10), weight(9, 3, 6)];
  const normal = layerNorm(x, gain, shift);
  const mixed = add(
    x,
    attention(linear(normal, q, null), linear(normal, k, null), linear(normal, v, null), 2),
  );
  const features = add(mixed, linear(gelu(linear(mixed, up, null)), down, null));
  const loss = crossEntropy(linear(sumAxes(features, 1, 1), head, null), leaf(Uint32Array.of(0, 2), [2]));
  const seed = { tensor: loss.outputs, gradient: lossSeed(loss, { kind: 'gradient' }, 1 / loss.termCount) };
  const gradients = graph.inPhase('backward', () =>
    backward(graph, [seed], [gain, shift, q, k, v, up, down, head]),
  );
  return [loss.terms, ...gradients.values()];
}

describe('dead code', () => {
  it('is not launched and takes no memory', async () => {
    const { program } = await prepare((_, leaf) => {
      const x = leaf(noise(64, 1), [64]);
      tanh(tanh(x));
      return scale(x, 2);
    });
    expect(program.statistics.kernels.map(({ label }) => label)).toEqual(['scale']);
    expect(program.statistics).toMatchObject({ dispatches: 1, arenaBytes: 0 });
  });

  it('is not what an effect needs', async () => {
    const test = await prepare((graph, leaf) => {
      const total = leaf(new Float64Array(4), [4]);
      accumulate(graph, scale(leaf(Float64Array.of(1, 2, 3, 4), [4]), 2), total);
      return total;
    });
    expect(test.program.statistics.dispatches).toBe(2);
    expect([...(await test.run())[0]!]).toEqual([2, 4, 6, 8]);
  });
});

describe('memory', () => {
  it('is used again along a chain', async () => {
    const { program } = await prepare(
      (_, leaf) => {
        let x = leaf(noise(1000, 1), [1000]);
        for (let i = 0; i < 10; i++) x = scale(x, 1.5);
        return x;
      },
      undefined,
      unfused,
    );
    // The last of the ten lives where it is pinned; of the other nine two are alive at a time.
    expect(program.statistics.arenaBytes).toBe(2 * alignBytes(4000));
    expect(program.statistics.largestLiveSet).toBe(2 * alignBytes(4000));
  });

  it('of a view is that of what it views', async () => {
    const values = noise(12, 1);
    const [result] = await evaluate((graph, leaf) => {
      const doubled = scale(leaf(values, [3, 4]), 2);
      const view = graph.reshape(graph.reshape(doubled, [12]), [2, 6]);
      // Other tensors of that size come and go while only the view is still in use.
      const other = scale(scale(doubled, 3), 5);
      return add(view, graph.reshape(other, [2, 6]));
    });
    expectClose(
      result!,
      values.map((x) => 32 * x),
      f32Tolerance,
    );
  });

  it('may be given from outside for a result', async () => {
    const gpu = await testGpu();
    const place = emptyRegion(gpu, 'place', 4);
    const test = await prepare((graph, leaf) => {
      const x = scale(leaf(Float64Array.of(1, 2, 3, 4), [4]), 2);
      graph.pin(x, place);
      return [x, scale(x, 10)];
    });
    expect(test.results[0]).toBe(place);
    expect((await test.run()).map((values) => [...values])).toEqual([
      [2, 4, 6, 8],
      [20, 40, 60, 80],
    ]);
  });

  it('that the adapter does not allow is refused by its largest tensor and what makes it', async () => {
    const gpu = await testGpu();
    const limits = { maxBufferSize: 2 ** 20, maxStorageBuffersPerShaderStage: 8 };
    const small = { ...gpu, device: { limits } as GPUDevice };
    const compiled = (build: (x: Tensor) => Tensor) => {
      const graph = new Graph();
      const x = graph.leaf('x', [2, 256, 512], uploaded(gpu, 'x', noise(2 ** 18, 1)));
      graph.pin(build(x), emptyRegion(gpu, 'result', 2 ** 18));
      return compile(small, graph, 'a model', unfused);
    };
    await expect(compiled((x) => scale(gelu(tanh(x)), 2))).rejects.toThrow(
      'a model: activations needs 2 MiB in one buffer; the largest part is tanh [2, 256, 512], 1 MiB. ' +
        'This adapter allows 1 MiB: take a smaller model or batch.',
    );
    await expect(compiled((x) => scale(scale(attention(x, x, x, 4), 2), 2))).rejects.toThrow(
      'the largest part is attention [2, 256, 512], 1 MiB',
    );
  });

  it('cannot be given twice, nor too small', async () => {
    const gpu = await testGpu();
    const pinning = (region: Region, times: number) =>
      evaluate((graph, leaf) => {
        const x = scale(leaf(noise(100, 1), [100]), 2);
        for (let i = 0; i < times; i++) graph.pin(x, region);
        return x;
      });
    await expect(pinning(emptyRegion(gpu, 'place', 100), 2)).rejects.toThrow('scale cannot be pinned');
    await expect(pinning(emptyRegion(gpu, 'place', 10), 1)).rejects.toThrow(
      'scale needs 400 bytes; its memory has 40',
    );
  });
});

describe('loops', () => {
  it('run all their launches in order, as often as they say, on values from outside that stay alive', async () => {
    const values = noise(16, 1);
    const test = await prepare(
      (graph, leaf) => {
        const total = leaf(new Float64Array(16), [16]);
        const outside = scale(leaf(values, [16]), 2);
        graph.repeated(3, () => {
          // In the first round `outside` is done with here; the tensors below would like its memory.
          const inside = scale(outside, 3);
          accumulate(graph, scale(scale(scale(inside, 5), 7), 0.5), total);
        });
        const after = scale(total, 10);
        return [total, after];
      },
      undefined,
      unfused,
    );
    expect(test.program.statistics.dispatches).toBe(7);
    expect(test.program.statistics.flops).toBe(16 * (1 + 3 * 5 + 1));
    const [total, after] = await test.run();
    expectClose(
      total!,
      values.map((x) => 3 * 105 * x),
      f32Tolerance,
    );
    expectClose(
      after!,
      values.map((x) => 30 * 105 * x),
      f32Tolerance,
    );
  });

  it('do not nest', () =>
    expect(
      evaluate((graph, leaf) => graph.repeated(2, () => graph.repeated(2, () => leaf([1], [1])))),
    ).rejects.toThrow('loops in a program do not nest'));

  it('lie within one phase', () =>
    expect(
      evaluate((graph, leaf) =>
        graph.repeated(2, () => {
          const x = graph.inPhase('forward', () => scale(leaf([1], [1]), 2));
          return graph.inPhase('backward', () => scale(x, 2));
        }),
      ),
    ).rejects.toThrow('a loop lies within one phase'));
});

it('runs only the phases asked for', async () => {
  const test = await prepare((graph, leaf) => {
    const x = leaf(Float64Array.of(1, 2, 3), [3]);
    const forward = graph.inPhase('forward', () => scale(x, 2));
    const update = graph.inPhase('update', () => scale(x, 3));
    return [forward, update];
  });
  const plain = async (...phases: ('forward' | 'update')[]) =>
    (await test.run(phases)).map((values) => [...values]);
  expect(await plain()).toEqual([
    [0, 0, 0],
    [0, 0, 0],
  ]);
  expect(await plain('update')).toEqual([
    [0, 0, 0],
    [3, 6, 9],
  ]);
  expect(await plain('forward')).toEqual([
    [2, 4, 6],
    [3, 6, 9],
  ]);
  expect(test.program.statistics.kernels.map(({ phase }) => phase)).toEqual(['forward', 'update']);
});

it.each(adapterClasses)(
  'gives the same bits every time, and when it is compiled again, on %s',
  async (on) => {
    const test = await prepare(transformer, on);
    const first = await test.run();
    expect(first).toHaveLength(9);
    for (const values of first) expect(values.some((x) => x !== 0)).toBe(true);
    expect(await test.run()).toEqual(first);
    expect(await test.run()).toEqual(first);
    expect(await evaluate(transformer, on)).toEqual(first);
  },
);

it('computes the same whether or not memory is shared', async () => {
  // Pinning every tensor gives each memory of its own.
  const shared = await evaluate(transformer);
  const apart = await evaluate((graph, leaf) => {
    const results = transformer(graph, leaf);
    const others = graph.nodes.flatMap((node) => (node.operation.isView ? [] : [...node.outputs]));
    return [...results, ...others.filter((tensor) => !results.includes(tensor))];
  });
  expect(apart.slice(0, shared.length)).toEqual(shared);
});

it('creates nothing on the device while it is replayed', async () => {
  const test = await prepare(transformer);
  await test.run();
  const made = { buffers: test.gpu.buffers.size, pipelines: test.gpu.pipelines.size };
  await test.run();
  expect({ buffers: test.gpu.buffers.size, pipelines: test.gpu.pipelines.size }).toEqual(made);
});

describe('fusion', () => {
  it.each(adapterClasses)(
    'changes neither values nor gradients of a transformer block, on %s',
    async (on) => {
      const fused = await evaluate(transformer, on);
      const plain = await evaluate(transformer, on, unfused);
      expect(fused).toHaveLength(9);
      fused.forEach((values, i) => expectClose(values, plain[i]!, f32Tolerance, `result ${i}`));
    },
  );

  it.each(adapterClasses)(
    'takes activations, residual sums and gradients into products, on %s',
    async (on) => {
      const [fused, plain] = [await prepare(transformer, on), await prepare(transformer, on, unfused)];
      const labels = fused.program.statistics.kernels.map(({ label }) => label);
      expect(labels.filter((label) => ['add', 'gelu', 'gelu gradient'].includes(label))).toEqual([]);
      expect(fused.program.statistics.dispatches).toBeLessThan(plain.program.statistics.dispatches - 5);
      expect(fused.program.statistics.flops).toBe(plain.program.statistics.flops);
    },
  );

  it('reports what is computed on reading by the kernel that reads', async () => {
    const build = (graph: Graph, leaf: Leaf) => {
      const x = leaf(noise(4 * 6 * 8, 1), [4, 6, 8]);
      const [gain, shift] = [leaf(noise(8, 2), [8]), leaf(noise(8, 3), [8])];
      const mean = meanAxes(layerNorm(x, gain, shift), 1, 1);
      const seed = { tensor: mean, gradient: leaf(noise(32, 4), [4, 8]) };
      const gradients = graph.inPhase('backward', () => backward(graph, [seed], [x]));
      return [mean, ...gradients.values()];
    };
    const [fused, plain] = [await prepare(build), await prepare(build, undefined, unfused)];
    expect(fused.program.statistics.kernels.at(-1)?.operations).toEqual(['broadcast', 'layer norm']);
    expect(fused.program.statistics.flops).toBe(plain.program.statistics.flops);
    const named = (test: typeof fused) =>
      new Set(test.program.statistics.kernels.flatMap(({ operations }) => operations));
    expect(named(fused)).toEqual(named(plain));
  });

  it('may read what the kernel reads through the same functions, and not what it reads in its own way', async () => {
    const build = (_: Graph, leaf: Leaf) => {
      const x = leaf(noise(4 * 8, 1), [4, 8]);
      const [gain, shift, weight] = [
        leaf(noise(8, 2), [8]),
        leaf(noise(8, 3), [8]),
        leaf(noise(64, 4), [8, 8]),
      ];
      return [add(x, layerNorm(x, gain, shift)), add(x, linear(x, weight, null))];
    };
    const test = await prepare(build);
    const plain = await evaluate(build, undefined, unfused);
    expect(test.program.statistics.kernels.map(({ label }) => label)).toEqual([
      'layer norm',
      'linear',
      'add',
    ]);
    (await test.run()).forEach((result, i) => expectClose(result, plain[i]!, f32Tolerance));
  });

  it('computes a small tensor that is repeated only once', async () => {
    const test = await prepare((_, leaf) =>
      add(leaf(noise(64 * 8, 1), [64, 8]), gelu(leaf(noise(8, 2), [8]))),
    );
    expect(test.program.statistics.kernels.map(({ label }) => label)).toEqual(['gelu', 'add']);
  });

  it('never moves a read across an effect that writes what is read', async () => {
    const values = noise(16, 1);
    const build = (graph: Graph, leaf: Leaf) => {
      const total = leaf(values, [16]);
      const before = scale(leaf(values, [16], 'other'), 2);
      accumulate(graph, before, total);
      return [add(before, total), scale(total, 1), scale(total, 1)];
    };
    const [sum, once] = await evaluate(build);
    expectClose(
      sum!,
      values.map((x) => 5 * x),
      f32Tolerance,
    );
    expectClose(
      once!,
      values.map((x) => 3 * x),
      f32Tolerance,
    );
  });

  it('stays within the bindings of a kernel', async () => {
    const test = await prepare((_, leaf) => {
      let x = scale(leaf(noise(16, 0), [16]), 2);
      for (let i = 1; i < 20; i++) x = add(x, leaf(noise(16, i), [16], `summand ${i}`));
      return x;
    });
    const [result] = await test.run();
    const expected = noise(16, 0).map((x) => 2 * x);
    for (let i = 1; i < 20; i++) noise(16, i).forEach((x, k) => (expected[k] = (expected[k] ?? NaN) + x));
    expectClose(result!, expected, f32Tolerance);
    expect(test.program.statistics.dispatches).toBeGreaterThan(1);
    expect(test.program.statistics.dispatches).toBeLessThan(6);
  });
});

describe('common subexpressions', () => {
  it('are computed once, but not across an effect that writes their operand', async () => {
    const test = await prepare((graph, leaf) => {
      const x = leaf(noise(64, 1), [8, 8]);
      const total = leaf(new Float64Array(8), [8]);
      const twice = [sumAxes(x, 0, 0), sumAxes(x, 0, 0), sumAxes(x, 1, 1)];
      const early = sumAxes(graph.reshape(total, [1, 8]), 0, 0);
      accumulate(graph, twice[0]!, total);
      const late = sumAxes(graph.reshape(total, [1, 8]), 0, 0);
      return [add(twice[0]!, twice[1]!), twice[2]!, early, late];
    });
    const labels = test.program.statistics.kernels.map(({ label }) => label);
    expect(labels.filter((label) => label.startsWith('sum'))).toHaveLength(4);
    const [, , early, late] = await test.run();
    expect([...early!]).toEqual(new Array(8).fill(0));
    expect(Math.abs(late![0]!)).toBeGreaterThan(0);
  });
});
