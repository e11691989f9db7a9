/**
 * Checks a model on the GPU against a float64 reference that is nothing but its forward pass: outputs, the gradient of every
 * parameter against central differences, and K-FAC's factors in both flavours against their definition.
 */
import { expect } from 'vitest';
import { openScope, releaseScope } from '../../gpu-kernels/device.ts';
import { readRegions } from '../../gpu-kernels/readback.ts';
import { emptyRegion, testGpu, uploaded } from '../../gpu-kernels/test-gpu.ts';
import { phases } from '../../contract/runs.ts';
import { factorsOf, valueOf } from '../curvature/acceptance/test-factors.ts';
import {
  byExample,
  ReferenceNet,
  secondMoment,
  sum,
  Tape,
  type Forward,
} from '../curvature/acceptance/test-reference-net.ts';
import { addBackward } from '../loop/step-graph.ts';
import { compile } from '../program/compile.ts';
import { Graph, size, type Tensor } from '../program/graph.ts';
import type { Loss } from '../program/operations/loss.ts';
import { Parameters, type Parameter } from '../program/parameters.ts';
import { expectClose, type Leaf } from '../program/test-program.ts';
import { ModelBuilder } from './model-builder.ts';

export interface CheckedModel {
  build: (builder: ModelBuilder, leaf: Leaf) => Tensor;
  loss: (outputs: Tensor, leaf: Leaf) => Loss;
  values?: Record<string, Float64Array>;
}

export interface ModelPass {
  outputs: Float32Array;
  gradients: Map<string, Float32Array>;
  parameters: Parameter[];
}

/** One forward and backward pass with parameters that are noise unless `values` has them. */
export async function passOf({ build, loss: lossOf, values }: CheckedModel): Promise<ModelPass> {
  const scope = openScope(await testGpu());
  const graph = new Graph();
  const parameters = new Parameters();
  const builder = new ModelBuilder(graph, parameters);
  const leaf: Leaf = (numbers, shape, label = 'input') =>
    graph.leaf(label, shape, uploaded(scope, label, numbers), numbers instanceof Uint32Array ? 'u32' : 'f32');
  const outputs = build(builder, leaf);
  const loss = lossOf(outputs, leaf);
  parameters.allocate(scope);
  parameters.upload(scope, ({ name, shape }) =>
    Float32Array.from(valueOf(values ? { values } : {}, name, size(shape))),
  );
  const gradients = parameters.twin(scope, 'gradients');
  addBackward(graph, builder, loss, { gradientOf: gradients.of });
  const result = emptyRegion(scope, 'outputs', size(outputs.shape));
  graph.pin(outputs, result);
  const program = await compile(scope, graph, 'model');
  const encoder = scope.device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  program.encode(pass, new Set(phases));
  pass.end();
  scope.device.queue.submit([encoder.finish()]);
  const contents = await readRegions(scope, [result, ...parameters.all.map((p) => gradients.of.get(p)!)]);
  releaseScope(scope);
  const [first, ...rest] = contents.map((bytes) => new Float32Array(bytes));
  return {
    outputs: first!,
    gradients: new Map(parameters.all.map(({ name }, i) => [name, rest[i]!])),
    parameters: parameters.all,
  };
}

/**
 * Outputs, and gradients of `lossOf` (a function of the outputs in float64) by every parameter; of large ones by `most` of
 * their numbers only, spread evenly.
 */
export async function checkPass(
  model: CheckedModel,
  forward: Forward,
  lossOf: (outputs: Float64Array) => number,
  tolerance: number,
  most = Infinity,
): Promise<void> {
  const pass = await passOf(model);
  const given = new Map<string, Float64Array>();
  const valuesOf = (name: string, count: number): Float64Array => {
    const known = given.get(name) ?? valueOf(model.values ? { values: model.values } : {}, name, count);
    given.set(name, known);
    return known;
  };
  const at = (): number => lossOf(forward(new Tape(valuesOf)));
  expectClose(pass.outputs, forward(new Tape(valuesOf)), tolerance, 'outputs');
  expect([...given.keys()].sort()).toEqual(pass.parameters.map(({ name }) => name).sort());
  for (const [name, values] of given) {
    const stride = Math.max(1, Math.floor(values.length / most));
    const places = Array.from({ length: Math.ceil(values.length / stride) }, (_, i) => i * stride);
    const slope = places.map((i) => {
      const value = values[i]!;
      values[i] = value + 1e-5;
      const up = at();
      values[i] = value - 1e-5;
      const down = at();
      values[i] = value;
      return (up - down) / 2e-5;
    });
    const gradient = pass.gradients.get(name)!;
    const got = places.map((i) => gradient[i]!);
    expectClose(got, slope, tolerance, `gradient of ${name}`);
  }
}

export interface FactorExpectation {
  /** Vectors that are sent back, as flat outputs; the mean over `terms` of them makes G. */
  columns: (outputs: Float64Array) => Float64Array[];
  terms: number;
  /** Layers by name, with how many outputs each has. */
  layers: readonly (readonly [name: string, outputs: number])[];
  tolerance: number;
}

/** Type-2 factors of both flavours against second moments of the reference's rows. */
export async function checkFactors(
  model: CheckedModel,
  forward: Forward,
  { columns, terms, layers, tolerance }: FactorExpectation,
): Promise<void> {
  const { values } = model;
  const one = values ? { values } : {};
  const net = new ReferenceNet((name, count) => valueOf(one, name, count), forward);
  const vectors = columns(net.outputs);
  for (const flavour of ['expand', 'reduce'] as const) {
    const { of, set } = await factorsOf({
      build: (builder, leaf) => model.loss(model.build(builder, leaf), leaf),
      fisher: 'type2',
      flavour,
      ...one,
    });
    expect(set.layers.map(({ layer }) => layer.name).sort()).toEqual(layers.map(([name]) => name).sort());
    for (const [name, outputs] of layers) {
      const counts = net.counts(name);
      const rows = counts.reduce((a, b) => a + b, 0);
      const present = counts.filter((count) => count > 0).length;
      const A =
        flavour === 'expand'
          ? secondMoment(net.input(name), 1 / rows)
          : secondMoment(
              byExample(net.input(name), counts, (n) => 1 / counts[n]!),
              1 / present,
            );
      const back = vectors.map((vector) => net.pullBack(name, outputs, vector));
      const G = sum(
        back.map((g) => secondMoment(flavour === 'expand' ? g : byExample(g, counts), 1 / terms)),
      );
      expectClose(of(inputFactor(set, name)).data, A.data, tolerance, `A of ${name}, ${flavour}`);
      expectClose(of(`G of ${name}`).data, G.data, tolerance, `G of ${name}, ${flavour}`);
    }
  }
}

/** Layers that read one tensor share a factor, which has the first one's name. */
function inputFactor(set: Awaited<ReturnType<typeof factorsOf>>['set'], name: string): string {
  return set.layers.find(({ layer }) => layer.name === name)!.a.name;
}
