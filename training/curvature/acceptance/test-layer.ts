/** One layer whose factors and gradient are given: what the GPU makes of them, by any damping. For tests. */
import { openScope } from '../../../gpu-kernels/device.ts';
import { readFloats } from '../../../gpu-kernels/readback.ts';
import { writeRegion, type Region } from '../../../gpu-kernels/region.ts';
import { emptyRegion, testGpu } from '../../../gpu-kernels/test-gpu.ts';
import { ModelBuilder } from '../../models/model-builder.ts';
import { compile } from '../../program/compile.ts';
import { Graph } from '../../program/graph.ts';
import { Parameters } from '../../program/parameters.ts';
import { StepUniform } from '../../program/step-scalars.ts';
import { createCurvature, productsOf } from '../curvature.ts';
import type { DampingSettings } from '../damping.ts';
import { createFactors, type Factor } from '../factors.ts';
import { bothSides } from '../flavour.ts';
import { layOutJoint } from '../joint-layout.ts';
import { Preconditioner } from '../precondition.ts';
import { entry, matrix, type Matrix } from '../test-reference.ts';
import type { LayerUpdateSettings } from '../update-rule.ts';

export interface LayerProblem {
  /** [inputs + 1, inputs + 1] and [outputs, outputs] */
  A: Matrix;
  G: Matrix;
  /** Of the mean loss by [W b]. */
  gradient: Matrix;
}

/** The preconditioned gradient of a layer, and what a first step adds to [W b]. */
export async function preconditioned(
  { A, G, gradient }: LayerProblem,
  settings: DampingSettings,
  update: LayerUpdateSettings & { lr: number } = {
    ...{ recipe: 'classic', momentum: 0, eps: 1e-8, weightDecay: 0, lr: 1 },
  },
): Promise<{ direction: Matrix; change: Matrix }> {
  const gpu = openScope(await testGpu());
  const [outputs, inputs] = [G.rows, A.rows - 1];
  const graph = new Graph();
  const parameters = new Parameters();
  const builder = new ModelBuilder(graph, parameters);
  builder.linear('layer', graph.leaf('x', [1, inputs], emptyRegion(gpu, 'x', inputs)), outputs);
  parameters.allocate(gpu);
  parameters.upload(gpu, ({ shape }) => new Float32Array(shape.reduce((a, b) => a * b, 1)));
  const step = new StepUniform(gpu);
  const set = createFactors(gpu, builder.layers, () => bothSides('expand'));
  const layout = layOutJoint(gpu, set.layers);
  const twin = (label: string) => parameters.twin(gpu, label);
  const gradients = twin('gradients');
  const arenas = {
    values: parameters.arena,
    gradients: gradients.arena,
    first: twin('first').arena,
    second: twin('second').arena,
    rules: emptyRegion(gpu, 'rules', 4),
    clipScale: null,
    length: parameters.arenaLength,
  };
  const curvature = createCurvature(gpu, set, layout, settings);
  const preconditioner = new Preconditioner(gpu, layout, productsOf(gpu, layout, curvature));
  graph.effect('inverses', [], (lowering) => curvature.lower(lowering, step));
  graph.effect('precondition', [], () => preconditioner.precondition(arenas.gradients));
  graph.effect('update', [], () => preconditioner.update(arenas, step, update));
  const program = await compile(gpu, graph, 'layer');
  const [layer] = set.layers;
  if (!layer) throw new Error('the net has one layer');
  const writeFactor = (factor: Factor, values: Matrix) => {
    const padded = new Float32Array(factor.padded ** 2);
    values.data.forEach((x, i) => {
      padded[Math.floor(i / values.columns) * factor.padded + (i % values.columns)] = x;
    });
    writeRegion(gpu, factor.average, padded);
  };
  writeFactor(layer.a, A);
  writeFactor(layer.g, G);
  const part = (name: string): Region => gradients.of.get(parameters.get(name)) ?? emptyRegion(gpu, name, 0);
  const weights = matrix(outputs, inputs, (i, j) => entry(gradient, i, j));
  writeRegion(gpu, part('layer.weight'), Float32Array.from(weights.data));
  writeRegion(
    gpu,
    part('layer.bias'),
    Float32Array.from({ length: outputs }, (_, i) => entry(gradient, i, inputs)),
  );
  step.write({ index: 1, seed: 0, slot: 0, lr: update.lr, correction1: 1, correction2: 1, factorMix: 0 });
  const encoder = gpu.device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  program.encode(pass, new Set(['forward']));
  pass.end();
  gpu.device.queue.submit([encoder.finish()]);
  const joint = await readFloats(gpu, preconditioner.direction);
  const [weight, bias] = await Promise.all(
    ['layer.weight', 'layer.bias'].map((name) => readFloats(gpu, parameters.get(name).region)),
  );
  const columns = layout.groups[0]?.columns ?? 0;
  return {
    direction: matrix(outputs, inputs + 1, (i, j) => joint[i * columns + j] ?? NaN),
    change: matrix(outputs, inputs + 1, (i, j) => (j < inputs ? weight?.[i * inputs + j] : bias?.[i]) ?? NaN),
  };
}
