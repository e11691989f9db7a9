/** A step through blocks: every block is preconditioned by its own two factors and moves its own part of the parameters. */
import { describe, expect, it } from 'vitest';
import { readFloats } from '../../gpu-kernels/readback.ts';
import type { ModelBuilder } from '../models/model-builder.ts';
import type { Tensor } from '../program/graph.ts';
import { tanh } from '../program/operations/elementwise.ts';
import { meanAxes } from '../program/operations/reduce.ts';
import { expectClose, noise } from '../program/test-program.ts';
import type { Factor, KfacLayer } from './factors.ts';
import { batchOf, kfacSpec, netShape, prepareStep, traceNet, netValues, type TestStep } from './test-net.ts';
import { dampedInverse, matrix, product, type Matrix } from './test-reference.ts';

const { examples, positions, inputs, classes } = netShape;
const damping = 0.05;
const spec = { recipe: 'classic', fisher: 'empirical', dampingRule: 'plain', damping, weightDecay: 0.5 };

/** The part of an arena that a block stands for: [outputs, inputs (+ 1)]. */
function partOf(arena: Float32Array, { layer }: KfacLayer): Matrix {
  const { outputs, inputs: width, weight, bias, rowStride, columnStride } = layer;
  return matrix(outputs, width + (bias ? 1 : 0), (i, j) => {
    const at = j < width ? weight.offset + i * rowStride + j * columnStride : (bias?.offset ?? 0) + i;
    return arena[at] ?? NaN;
  });
}

async function factorOf(engine: TestStep, { size, padded, average }: Factor): Promise<Matrix> {
  const all = await readFloats(engine.gpu, average);
  return matrix(size, size, (i, j) => all[i * padded + j] ?? NaN);
}

/** A depthwise convolution over the positions: one group per feature. */
const depthwise = (builder: ModelBuilder, x: Tensor): Tensor => {
  const image = builder.graph.reshape(x, [examples, positions, 1, inputs]);
  const z = builder.convolution('depthwise', image, 2 * inputs, { kernel: [2, 1] }, { groups: inputs });
  return builder.linear('head', meanAxes(tanh(z), 1, 2), classes);
};
const depthwiseValues = new Map([
  ['depthwise.weight', noise(2 * inputs * 2, 1)],
  ['depthwise.bias', noise(2 * inputs, 2)],
  ['head.weight', noise(classes * 2 * inputs, 3)],
  ['head.bias', noise(classes, 4)],
]);

/** Used at two places, as a recurrent weight. */
const tied = (builder: ModelBuilder, x: Tensor): Tensor => {
  const h = tanh(builder.linear('tied', x, inputs));
  return builder.linear('head', meanAxes(tanh(builder.linear('tied', h, inputs)), 1, 1), classes);
};
const tiedValues = new Map([
  ['tied.weight', noise(inputs * inputs, 1)],
  ['tied.bias', noise(inputs, 2)],
  ['head.weight', noise(classes * inputs, 3)],
  ['head.bias', noise(classes, 4)],
]);

describe.each([
  ['whole layers', 2048, netValues(), traceNet, 2],
  ['factors cut at a side of 4', 4, netValues(), traceNet, 3],
  ['groups of a convolution', 2048, depthwiseValues, depthwise, inputs + 1],
  ['groups, and a head that is cut', 8, depthwiseValues, depthwise, inputs + 2],
  ['a weight used twice', 2048, tiedValues, tied, 2],
] as const)('a step of %s', (_, maxFactorSide, values, trace, blocks) => {
  it.each(['expand', 'reduce'] as const)('moves every part by its own factors: %s', async (flavour) => {
    const engine = await prepareStep({ ...kfacSpec({ ...spec, flavour }), maxFactorSide }, values, trace);
    const before = await readFloats(engine.gpu, engine.arenas.values);
    const lr = 0.25;
    engine.run(batchOf(1), { factorMix: 1, lr });
    const [gradients, after] = [
      await readFloats(engine.gpu, engine.arenas.gradients),
      await readFloats(engine.gpu, engine.arenas.values),
    ];
    const { layers } = engine.kfac.factors;
    expect(layers).toHaveLength(blocks);
    for (const block of layers) {
      const [A, G] = [await factorOf(engine, block.a), await factorOf(engine, block.g)];
      const gradient = partOf(gradients, block);
      const D = product(product(dampedInverse(G, damping), gradient), dampedInverse(A, damping));
      const start = partOf(before, block);
      const expected = start.data.map((w, i) => {
        const isWeight = i % start.columns < block.layer.inputs;
        return (isWeight ? 1 - lr * spec.weightDecay : 1) * w - lr * (D.data[i] ?? NaN);
      });
      // Damping of .05 leaves a condition number of some hundreds: 100 roundings of f32 and room for another adapter's.
      expectClose(partOf(after, block).data, expected, 2e-5, block.layer.name);
      expect(Math.max(...D.data.map(Math.abs)), block.layer.name).toBeGreaterThan(0.01);
    }
  });
});

describe('factors that blocks share', () => {
  it.each([
    ['plain', 5],
    ['pi', 6],
  ])('are inverted once, unless damping depends on the partner: %s', async (dampingRule, jobs) => {
    // A of the first layer is cut in two, whose blocks share G; the second layer is whole.
    const spec = { ...kfacSpec({ recipe: 'classic', fisher: 'empirical', dampingRule }), maxFactorSide: 4 };
    const { curvature, factors } = (await prepareStep(spec)).kfac;
    expect(factors.factors).toHaveLength(5);
    expect(curvature.jobs).toHaveLength(jobs);
  });
});
