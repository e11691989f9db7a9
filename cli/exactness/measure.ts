/**
 * One net on the GPU: its factors in both flavours by the engine's type-2 Fisher, and its exact GGN blocks from Jacobians,
 * which the engine's autodiff makes one output of one loss term at a time, without any code of the factors. Only the last
 * products, of numbers that the GPU made, are taken on the host, in float64.
 */
import { phases, type Phase } from '../../contract/runs.ts';
import { openScope, releaseScope, type GpuContext } from '../../gpu-kernels/device.ts';
import { readRegions } from '../../gpu-kernels/readback.ts';
import { uploadTable } from '../../gpu-kernels/region.ts';
import { addFactors, createFactors, type Factor, type FactorSet } from '../../training/curvature/factors.ts';
import { bothSides, type Flavour } from '../../training/curvature/flavour.ts';
import { ModelBuilder } from '../../training/models/model-builder.ts';
import { compile } from '../../training/program/compile.ts';
import { Graph, size } from '../../training/program/graph.ts';
import type { Loss } from '../../training/program/operations/loss.ts';
import { Parameters } from '../../training/program/parameters.ts';
import { StepUniform } from '../../training/program/step-scalars.ts';
import { kroneckerProduct, relativeError, sumOfOuterProducts, type Square } from './blocks.ts';
import { Jacobian } from './jacobian.ts';
import { buildLinearNet, isExact, layerNames, type LinearNet, type Pooling } from './linear-nets.ts';
import { createNoise } from './noise.ts';

export interface ExactnessRow {
  net: string;
  /** By the loss: a term per position, or one per example. */
  setting: 'expand' | 'reduce';
  pooling: Pooling;
  flavour: Flavour;
  layer: string;
  /** Of G (x) A against the exact GGN block, in the Frobenius norm. */
  relativeError: number;
  expected: 'exact' | 'approximate';
}

const flavours: readonly Flavour[] = ['expand', 'reduce'];

/** Rows of one net, layer by layer, expand before reduce. */
export async function measureNet(gpu: GpuContext, net: LinearNet, seed: number): Promise<ExactnessRow[]> {
  const scope = openScope(gpu);
  try {
    const blocks = await blocksOf(scope, net, seed);
    return layerNames.flatMap((layer, at) =>
      flavours.map((flavour): ExactnessRow => ({
        net: net.net,
        setting: net.pooling === 'none' ? 'expand' : 'reduce',
        pooling: net.pooling,
        flavour,
        layer,
        relativeError: relativeError(blocks.kronecker(flavour, layer), blocks.exact(layer)),
        expected: isExact(net, flavour, at) ? 'exact' : 'approximate',
      })),
    );
  } finally {
    releaseScope(scope);
  }
}

interface Blocks {
  kronecker(flavour: Flavour, layer: string): Square;
  exact(layer: string): Square;
}

async function blocksOf(scope: GpuContext, net: LinearNet, seed: number): Promise<Blocks> {
  const noise = createNoise(seed);
  const graph = new Graph();
  const parameters = new Parameters();
  const builder = new ModelBuilder(graph, parameters);
  const built = buildLinearNet(
    net,
    builder,
    (label, values, shape) =>
      graph.leaf(
        label,
        shape,
        uploadTable(scope, label, values),
        values instanceof Uint32Array ? 'u32' : 'f32',
      ),
    noise,
  );
  const { loss } = built;
  parameters.allocate(scope);
  parameters.upload(scope, ({ shape }) => noise(size(shape)));
  const step = new StepUniform(scope);
  step.write({ index: 1, seed: 0, slot: 0, lr: 0, correction1: 1, correction2: 1, factorMix: 1 });

  const sets = new Map<Flavour, FactorSet>();
  for (const flavour of flavours) {
    const set = createFactors(scope, builder.layers, () => bothSides(flavour), {
      convention: net.convention,
    });
    const column = uploadTable(scope, 'column', new Uint32Array(4));
    addFactors(set, { graph, step, column, outputGradients: new Map(), fisher: 'type2', ...built });
    sets.set(flavour, set);
  }
  const jacobian = new Jacobian(scope, builder, parameters, loss.outputs);
  const program = await compile(scope, graph, `exactness: ${net.net}`);
  const run = (due: ReadonlySet<Phase>): void => {
    const encoder = scope.device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    program.encode(pass, due);
    pass.end();
    scope.device.queue.submit([encoder.finish()]);
  };

  run(new Set(phases));
  const factors = await readFactors(scope, [...sets.values()]);
  const rows = await jacobian.read(run);
  return {
    exact: (layer) =>
      sumOfOuterProducts(
        rows.map((row) => row.get(layer) ?? new Float64Array()),
        curvatureOfTerm(loss),
      ),
    kronecker(flavour, layer) {
      const block = sets.get(flavour)?.layers.find((candidate) => candidate.layer.whole.name === layer);
      const [g, a] = [block?.g, block?.a].map((factor) => factor && factors.get(factor));
      if (!g || !a) throw new Error(`${layer} has no factors`);
      return kroneckerProduct(g, a);
    },
  };
}

/** Second derivative of the mean loss by any one output: squared error averaged over C outputs has 2/C per term, of M. */
function curvatureOfTerm({ classes, termCount }: Loss): number {
  return 2 / classes / termCount;
}

async function readFactors(scope: GpuContext, sets: readonly FactorSet[]): Promise<Map<Factor, Square>> {
  const all = sets.flatMap((set) => set.factors);
  const contents = await readRegions(
    scope,
    all.map((factor) => factor.average),
  );
  return new Map(
    all.map((factor, i) => {
      const numbers = new Float32Array(contents[i] ?? []);
      const { size: side, padded } = factor;
      const data = Float64Array.from(
        { length: side * side },
        (_, at) => numbers[Math.floor(at / side) * padded + (at % side)] ?? NaN,
      );
      return [factor, { side, data }];
    }),
  );
}
