/** Factors of layers that no net is made of, and rounds over them, for tests of what is done with them. */
import { openScope, type GpuContext } from '../../gpu-kernels/device.ts';
import { writeRegion } from '../../gpu-kernels/region.ts';
import { emptyRegion, testGpu } from '../../gpu-kernels/test-gpu.ts';
import { ModelBuilder } from '../models/model-builder.ts';
import { compile } from '../program/compile.ts';
import { Graph } from '../program/graph.ts';
import { Parameters } from '../program/parameters.ts';
import type { StepUniform } from '../program/step-scalars.ts';
import { noise } from '../program/test-program.ts';
import type { Curvature } from './curvature.ts';
import { createFactors, type FactorSet } from './factors.ts';
import { bothSides } from './flavour.ts';

/** Layers of several sizes; two of them read the same input. */
const widths = [20, 12, 12, 40, 9];

export async function factorSet(maxSide = Infinity) {
  const gpu = openScope(await testGpu());
  const graph = new Graph();
  const parameters = new Parameters();
  const builder = new ModelBuilder(graph, parameters);
  const leaf = (width: number) => graph.leaf('x', [1, width], emptyRegion(gpu, 'x', width));
  widths.forEach((width, i) => builder.linear(`layer ${i}`, leaf(width), 7 + i));
  const shared = leaf(16);
  for (const name of ['query', 'key']) builder.linear(name, shared, 16);
  parameters.allocate(gpu);
  const set = createFactors(gpu, builder.layers, () => bothSides('expand'), { maxSide });
  set.factors.forEach((factor, f) => {
    writeRegion(gpu, factor.average, secondMoments(factor, f));
  });
  return { gpu, set };
}

/** Second moments of as many rows as the factor has, laid out as it is; others for every seed. */
export function secondMoments({ size, padded }: FactorSet['factors'][number], seed: number): Float32Array {
  const rows = noise(size * size, seed);
  const values = new Float32Array(padded * padded);
  for (let i = 0; i < size; i++)
    for (let j = 0; j < size; j++) {
      let sum = 0;
      for (let k = 0; k < size; k++) sum += (rows[k * size + i] ?? NaN) * (rows[k * size + j] ?? NaN);
      values[i * padded + j] = sum / size;
    }
  return values;
}

/** Inverts or decomposes the factors once: all of them, or those of a slice. */
export async function runRound(
  gpu: GpuContext,
  curvature: Curvature,
  step: StepUniform,
  slice: number | null,
): Promise<void> {
  const graph = new Graph();
  graph.effect('inverses', [], (lowering) => curvature.lower(lowering, step, slice));
  const program = await compile(gpu, graph, 'round');
  const encoder = gpu.device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  program.encode(pass, new Set(['forward']));
  pass.end();
  gpu.device.queue.submit([encoder.finish()]);
}
