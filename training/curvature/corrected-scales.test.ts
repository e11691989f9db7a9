/** Measured scales against float64, for every way in which a layer's rows can lie; and their way into new bases. */
import { describe, expect, it } from 'vitest';
import { openScope, type GpuContext } from '../../gpu-kernels/device.ts';
import { readFloats } from '../../gpu-kernels/readback.ts';
import { writeRegion } from '../../gpu-kernels/region.ts';
import { emptyRegion, testGpu, uploaded } from '../../gpu-kernels/test-gpu.ts';
import { ModelBuilder } from '../models/model-builder.ts';
import { compile } from '../program/compile.ts';
import { Graph, lastAxis, size, type Tensor } from '../program/graph.ts';
import { Parameters } from '../program/parameters.ts';
import { expectClose, noise, type Leaf } from '../program/test-program.ts';
import { CorrectedScales } from './corrected-scales.ts';
import { Eigenbases } from './eigenbases.ts';
import { createFactors, type KfacLayer } from './factors.ts';
import { bothSides } from './flavour.ts';
import { layOutJoint } from './joint-layout.ts';
import { entry, matrix, type Matrix } from './test-reference.ts';

interface Case {
  /** Declares one layer, perhaps used more than once. */
  build: (builder: ModelBuilder, leaf: Leaf) => void;
  /** Rows of use `use` that belong to example n, by number. */
  rows: (use: number, n: number) => number[];
  examples: number;
  chunkWords?: number;
  adapterClass?: GpuContext['adapterClass'];
  /** How often the same gradients are added. */
  rounds?: number;
}

const alpha = 0.25;
const factor = 3;

/** An orthogonal matrix is not needed: any rows will do for the sums. */
const basisOf = (side: number, seed: number) => noise(side * side, seed);

async function measure(one: Case) {
  const real = openScope(await testGpu());
  const gpu: GpuContext = one.adapterClass
    ? { ...real, adapterClass: one.adapterClass, fourLaneSubgroups: false }
    : real;
  const graph = new Graph();
  const parameters = new Parameters();
  const builder = new ModelBuilder(graph, parameters);
  const leaf: Leaf = (values, shape, label = 'input') =>
    graph.leaf(label, shape, uploaded(gpu, label, values), values instanceof Uint32Array ? 'u32' : 'f32');
  one.build(builder, leaf);
  parameters.allocate(gpu);
  const [layer] = builder.layers;
  if (!layer) throw new Error('one layer is declared');
  const set = createFactors(gpu, builder.layers, () => bothSides('expand'));
  const layout = layOutJoint(gpu, set.layers);
  const bases = new Eigenbases(gpu, set, layout, { rule: 'exact', damping: 1 }, { keepsScales: true });
  bases.jobs.forEach(({ basis, factor: { padded, size: side } }, i) => {
    const values = basisOf(side, 70 + i);
    const placed = new Float32Array(padded * padded);
    for (let at = 0; at < side * side; at++)
      placed[Math.floor(at / side) * padded + (at % side)] = values[at] ?? NaN;
    writeRegion(gpu, basis, placed);
  });
  const scales = new CorrectedScales(gpu, set, layout, bases, one.chunkWords);
  const gradients = layer.uses.map((use, i) => {
    const values = noise(size(use.output.shape), 40 + i);
    return { use, values, tensor: leaf(values, use.output.shape, 'gradient') };
  });
  const scale = leaf([factor], [1], 'scale');
  const rounds = one.rounds ?? 1;
  if (rounds > 1) scales.clear(graph);
  for (let round = 0; round < rounds; round++) {
    scales.add({
      layer,
      gradients: gradients.map(({ use, tensor }) => [use, tensor] as const),
      ...{ alpha, scale, accumulate: rounds > 1 },
    });
  }
  // Inputs may be computed, as patches are.
  const inputs = layer.uses.map(({ input }) => read(gpu, graph, input as Tensor));
  const program = await compile(gpu, graph, 'scales');
  const encoder = gpu.device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  program.encode(pass, new Set(['forward']));
  pass.end();
  gpu.device.queue.submit([encoder.finish()]);
  const all = await readFloats(gpu, scales.fresh);
  const measured = set.layers.map((block) => {
    const group = layout.groups.find(({ layers }) => layers.includes(block));
    if (!group) throw new Error('every block has its place');
    const first = group.offset + group.layers.indexOf(block) * group.stride;
    return matrix(block.g.size, block.a.size, (i, j) => all[first + i * group.columns + j] ?? NaN);
  });
  return {
    measured,
    blocks: set.layers,
    jobs: bases.jobs,
    layer,
    inputs: await Promise.all(inputs.map((region) => region())),
    gradients: gradients.map(({ values }) => values),
  };
}

function read(gpu: GpuContext, graph: Graph, tensor: Tensor): () => Promise<Float32Array> {
  const known = graph.placed.get(tensor);
  if (known) return () => readFloats(gpu, known);
  const region = emptyRegion(gpu, tensor.label, size(tensor.shape));
  graph.pin(tensor, region);
  return () => readFloats(gpu, region);
}

type Measured = Awaited<ReturnType<typeof measure>>;

/** S of a block by its definition: the gradient of every example on its own, turned, squared, added up. */
function reference(one: Case, result: Measured, block: KfacLayer, group: number): Matrix {
  const { layer, inputs, gradients, jobs } = result;
  const basis = (wanted: KfacLayer['a']) => {
    const at = jobs.findIndex(({ factor: own }) => own === wanted);
    const values = basisOf(wanted.size, 70 + at);
    return matrix(wanted.size, wanted.size, (i, j) => values[i * wanted.size + j] ?? NaN);
  };
  const [ua, ug] = [basis(block.a), basis(block.g)];
  const [outputs, width] = [block.g.size, layer.inputs];
  return matrix(outputs, block.a.size, (i, j) => {
    let sum = 0;
    for (let n = 0; n < one.examples; n++) {
      let projection = 0;
      layer.uses.forEach((use, u) => {
        const wide = lastAxis(use.input as Tensor);
        for (const row of one.rows(u, n)) {
          let [a, g] = [0, 0];
          for (let k = 0; k < block.a.size; k++) {
            const x = k < width ? (inputs[u]?.[row * wide + group * width + k] ?? NaN) : 1;
            a += entry(ua, j, k) * x;
          }
          for (let k = 0; k < outputs; k++)
            g += entry(ug, i, k) * (gradients[u]?.[row * layer.outputs + group * outputs + k] ?? NaN);
          projection += a * g;
        }
      });
      sum += projection ** 2;
    }
    return alpha * factor * (one.rounds ?? 1) * sum;
  });
}

const dense = (positions: number) => (_: number, n: number) =>
  Array.from({ length: positions }, (_value, r) => n * positions + r);

const simple: Case = {
  build: (builder, leaf) => {
    builder.linear('layer', leaf(noise(7 * 3 * 5, 1), [7, 3, 5]), 6);
  },
  rows: dense(3),
  examples: 7,
};

/** 1 where a position is real; an example may have none. */
const mask = [1, 1, 0, 1, 0, 0, 0, 0, 0, 1, 1, 1];
const offsets = [0, 3, 3, 4, 8];

const cases: Record<string, Case> = {
  'several positions': simple,
  'one position': {
    build: (builder, leaf) => {
      builder.linear('layer', leaf(noise(9 * 6, 1), [9, 6]), 10, { bias: false });
    },
    rows: dense(1),
    examples: 9,
  },
  'chunks of two examples': { ...simple, chunkWords: 2 * 3 * 16 },
  'the kernels of a GPU': { ...simple, adapterClass: 'gpu' },
  'several rounds': { ...simple, rounds: 3 },
  'masked positions': {
    build: (builder, leaf) => {
      const x = leaf(noise(4 * 3 * 5, 1), [4, 3, 5]);
      builder.linear('layer', x, 3, { mask: leaf(mask, [4, 3]) });
    },
    rows: (use, n) => dense(3)(use, n).filter((row) => mask[row] === 1),
    examples: 4,
  },
  'ragged rows with padding': {
    build: (builder, leaf) => {
      const x = leaf(noise(10 * 5, 1), [10, 5]);
      builder.linear('layer', x, 3, { offsets: leaf(Uint32Array.from(offsets), [5]) });
    },
    rows: (_, n) => {
      const [first = 0, last = 0] = offsets.slice(n, n + 2);
      return Array.from({ length: last - first }, (_value, r) => first + r);
    },
    examples: 4,
  },
  'a weight that is used twice': {
    build: (builder, leaf) => {
      builder.linear('layer', leaf(noise(4 * 3 * 5, 1), [4, 3, 5]), 3);
      builder.linear('layer', leaf(noise(4 * 2 * 5, 2), [4, 2, 5]), 3);
    },
    rows: (use, n) => dense(use === 0 ? 3 : 2)(use, n),
    examples: 4,
  },
  'a convolution': {
    build: (builder, leaf) => {
      const x = leaf(noise(3 * 4 * 4 * 2, 1), [3, 4, 4, 2]);
      builder.convolution('layer', x, 5, { kernel: 3, stride: 1, padding: 1 });
    },
    rows: dense(16),
    examples: 3,
  },
  'a convolution in groups': {
    build: (builder, leaf) => {
      const x = leaf(noise(3 * 4 * 4 * 4, 1), [3, 4, 4, 4]);
      builder.convolution('layer', x, 6, { kernel: 2, stride: 2 }, { groups: 2, bias: false });
    },
    rows: dense(4),
    examples: 3,
  },
};

describe('measured scales', () => {
  it.each(Object.entries(cases))('are squares of gradients of single examples: %s', async (_, one) => {
    const result = await measure(one);
    expect(result.measured.length).toBe(result.layer.groups);
    result.blocks.forEach((block, group) => {
      const expected = reference(one, result, block, group).data;
      expectClose(result.measured[group]?.data ?? [], expected, 3e-6);
    });
  });

  it.each<[string, Case['build'], string]>([
    [
      'twice used ragged rows',
      (builder, leaf) => {
        const ends = leaf(Uint32Array.from(offsets), [5]);
        for (const seed of [1, 2])
          builder.linear('layer', leaf(noise(10 * 5, seed), [10, 5]), 3, { offsets: ends });
      },
      'no scales for layer, which is applied more than once to ragged rows',
    ],
  ])('are refused for %s', async (_, build, message) => {
    await expect(measure({ ...simple, build })).rejects.toThrow(message);
  });
});
