/** Inverse roots of one linear layer whose factors are written by hand: updates of them alone, without a net around. */
import { optimizerSpecSchema, type InverseFreeSpec } from '../../../contract/run-spec.ts';
import { openScope, type GpuContext } from '../../../gpu-kernels/device.ts';
import { record, replay } from '../../../gpu-kernels/dispatch.ts';
import { readFloats, readRegions } from '../../../gpu-kernels/readback.ts';
import { writeRegion } from '../../../gpu-kernels/region.ts';
import { emptyRegion, testGpu } from '../../../gpu-kernels/test-gpu.ts';
import { ModelBuilder } from '../../models/model-builder.ts';
import { Graph } from '../../program/graph.ts';
import { Parameters } from '../../program/parameters.ts';
import { createFactors, type Factor } from '../factors.ts';
import { bothSides } from '../flavour.ts';
import { layOutJoint } from '../joint-layout.ts';
import { entry, matrix, type Matrix } from '../test-reference.ts';
import { InverseRoots } from './inverse-roots.ts';

export function inverseFreeSpec(settings: object): InverseFreeSpec {
  const spec = optimizerSpecSchema.parse({ name: 'ikfac', lr: 0.02, flavour: 'expand', ...settings });
  if (spec.name !== 'ikfac' && spec.name !== 'singd')
    throw new Error('these tests are about IKFAC and SINGD');
  return spec;
}

export interface TestRoots {
  gpu: GpuContext;
  roots: InverseRoots;
  /** Writes the factors A and G of the layer. */
  write(factors: [Matrix, Matrix]): void;
  /** Updates the roots so many times. */
  update(times: number): void;
  /** K and C, and what they stand for, K K^T and C C^T. */
  read(): Promise<{ roots: [Matrix, Matrix]; inverses: [Matrix, Matrix]; failures: number[] }>;
}

/** A layer [outputs, inputs] with a bias. */
export async function prepareRoots(
  spec: InverseFreeSpec,
  inputs: number,
  outputs: number,
): Promise<TestRoots> {
  const gpu = openScope(await testGpu());
  const graph = new Graph();
  const parameters = new Parameters();
  const builder = new ModelBuilder(graph, parameters);
  builder.linear('layer', graph.leaf('x', [1, inputs], emptyRegion(gpu, 'x', inputs)), outputs);
  parameters.allocate(gpu);
  const set = createFactors(gpu, builder.layers, () => bothSides('expand'));
  const roots = new InverseRoots(gpu, set, layOutJoint(gpu, set.layers), spec);
  const recorded = await record(gpu, roots.lower());
  const [layer] = set.layers;
  if (!layer) throw new Error('the net has a layer');
  return {
    gpu,
    roots,
    write([a, g]) {
      writeFactor(gpu, layer.a, a);
      writeFactor(gpu, layer.g, g);
    },
    update(times) {
      const encoder = gpu.device.createCommandEncoder();
      const pass = encoder.beginComputePass();
      for (let i = 0; i < times; i++) replay(pass, recorded);
      pass.end();
      gpu.device.queue.submit([encoder.finish()]);
    },
    async read() {
      const squares = async (side: 'a' | 'g') => {
        const { size, padded } = layer[side];
        const region = roots.inverses[0]?.[side];
        if (!region) throw new Error('the layer has inverses');
        return unpadded(await readFloats(gpu, region), 0, size, padded);
      };
      const all = await readFloats(gpu, roots.roots.whole);
      const root = (side: 'a' | 'g') => {
        const place = roots.sides.matrices.find((m) => m.side === side);
        if (!place) throw new Error('the layer has roots');
        return unpadded(all, place.offset, place.size, place.padded);
      };
      const [counts] = await readRegions(gpu, [roots.failures]);
      return {
        roots: [root('a'), root('g')],
        inverses: [await squares('a'), await squares('g')],
        failures: [...new Uint32Array(counts ?? []).subarray(0, 2)],
      };
    },
  };
}

function writeFactor(gpu: GpuContext, factor: Factor, values: Matrix): void {
  const { size, padded } = factor;
  const data = matrix(padded, padded, (i, j) => (i < size && j < size ? entry(values, i, j) : 0)).data;
  writeRegion(gpu, factor.average, Float32Array.from(data));
}

function unpadded(data: Float32Array, offset: number, size: number, padded: number): Matrix {
  return matrix(size, size, (i, j) => data[offset + i * padded + j] ?? NaN);
}
