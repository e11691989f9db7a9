/** How acceptance tests get at factors: a net and its loss in a program of their own, run once, every factor read back. */
import { phases } from '../../../contract/runs.ts';
import { openScope, releaseScope, type GpuContext } from '../../../gpu-kernels/device.ts';
import { readRegions } from '../../../gpu-kernels/readback.ts';
import type { Region } from '../../../gpu-kernels/region.ts';
import { emptyRegion, testGpu, uploaded } from '../../../gpu-kernels/test-gpu.ts';
import { addBackward } from '../../loop/step-graph.ts';
import type { LinearLayer } from '../../models/layers.ts';
import { ModelBuilder } from '../../models/model-builder.ts';
import { compile } from '../../program/compile.ts';
import { Graph, size } from '../../program/graph.ts';
import type { Loss } from '../../program/operations/loss.ts';
import { Parameters } from '../../program/parameters.ts';
import { StepUniform } from '../../program/step-scalars.ts';
import { noise, type Leaf } from '../../program/test-program.ts';
import {
  createFactors,
  startFactors,
  type FactorOptions,
  type FactorProgram,
  type FactorSet,
} from '../factors.ts';
import { bothSides, type Flavour } from '../flavour.ts';
import { matrix, type Matrix } from '../test-reference.ts';

export interface FactorCase extends FactorOptions {
  /** Declares the net over leaves and answers its loss. */
  build: (builder: ModelBuilder, leaf: Leaf) => Loss;
  fisher: FactorProgram['fisher'];
  flavour: Flavour | ((layer: LinearLayer) => Flavour);
  /** Parameter values by name; those that are not given are noise of their own. */
  values?: Record<string, Float64Array>;
  samples?: number;
  /** Mean of so many steps, each with draws of its own. Default: 1. */
  steps?: number;
  seed?: number;
  /** What depends on leaves of the program: labels of `mc`. */
  program?: (leaf: Leaf) => Pick<FactorProgram, 'labels'>;
  embeddingsAreLayers?: boolean;
  /** What else to read while the factors are on the GPU. */
  inspect?: (gpu: GpuContext, set: FactorSet) => Promise<void>;
}

export interface ReadFactors {
  set: FactorSet;
  /** The moving average of a factor by its name, such as `A of first`. */
  of(name: string): Matrix;
  /** Labels of all launches of the program. */
  kernels: string[];
  /** The most bytes of intermediate tensors alive at once. */
  liveBytes: number;
}

export async function factorsOf(one: FactorCase): Promise<ReadFactors> {
  const scope = openScope(await testGpu());
  const graph = new Graph();
  const parameters = new Parameters();
  const { embeddingsAreLayers = false, steps = 1, seed = 0 } = one;
  const builder = new ModelBuilder(graph, parameters, 'training', { embeddingsAreLayers });
  const leaf: Leaf = (values, shape, label = 'input') =>
    graph.leaf(label, shape, uploaded(scope, label, values), values instanceof Uint32Array ? 'u32' : 'f32');
  const loss = one.build(builder, leaf);
  parameters.allocate(scope);
  parameters.upload(scope, ({ name, shape }) => Float32Array.from(valueOf(one, name, size(shape))));
  const step = new StepUniform(scope);
  const gradients = parameters.twin(scope, 'gradients');
  const { flavour } = one;
  const flavourOf = typeof flavour === 'string' ? () => flavour : flavour;
  const set = createFactors(scope, builder.layers, (layer) => bothSides(flavourOf(layer)), one);
  const update = startFactors(set, {
    ...{ graph, loss, step, fisher: one.fisher },
    column: emptyRegion(scope, 'column', 4),
    samples: one.samples ?? 1,
    ...one.program?.(leaf),
  });
  addBackward(graph, builder, loss, { gradientOf: gradients.of }, update.accept);
  update.finish();
  const program = await compile(scope, graph, 'factors');
  for (let index = 1; index <= steps; index++) {
    step.write({ index, seed, slot: 0, lr: 0, correction1: 1, correction2: 1, factorMix: 1 / index });
    const encoder = scope.device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    program.encode(pass, new Set(phases));
    pass.end();
    scope.device.queue.submit([encoder.finish()]);
  }
  const regions: Region[] = set.factors.map((factor) => factor.average);
  const contents = await readRegions(scope, regions);
  await one.inspect?.(scope, set);
  releaseScope(scope);
  return {
    set,
    liveBytes: program.statistics.largestLiveSet,
    kernels: program.statistics.kernels.map(({ label }) => label),
    of(name) {
      const at = set.factors.findIndex((factor) => factor.name === name);
      const factor = set.factors[at];
      if (!factor)
        throw new Error(`there is no ${name}; there are ${set.factors.map((f) => f.name).join(', ')}`);
      const numbers = new Float32Array(contents[at] ?? new ArrayBuffer(0));
      return matrix(factor.size, factor.size, (i, j) => numbers[i * factor.padded + j] ?? NaN);
    },
  };
}

/** Initial values of a parameter, exact in f32. */
export function valueOf({ values }: Pick<FactorCase, 'values'>, name: string, count: number): Float64Array {
  const codes = Array.from(name, (character) => character.codePointAt(0) ?? 0);
  const seed = codes.reduce((sum, code) => (sum * 31 + code) % 9973, 7);
  return values?.[name] ?? noise(count, seed);
}
