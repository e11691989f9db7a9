/**
 * Derivatives of a net's outputs by the weights of its layers, by the engine's autodiff, one output of one loss term at a time,
 * without any code of the factors: what exact curvature is made of.
 */
import type { Phase } from '../../contract/runs.ts';
import type { GpuContext } from '../../gpu-kernels/device.ts';
import { readRegions } from '../../gpu-kernels/readback.ts';
import { placeInNewBuffer, Region, writeRegion } from '../../gpu-kernels/region.ts';
import type { ModelBuilder } from '../../training/models/model-builder.ts';
import { backward } from '../../training/program/backward.ts';
import { size, type Tensor } from '../../training/program/graph.ts';
import type { Parameters } from '../../training/program/parameters.ts';

/** What a jacobian's passes run. */
const passes: ReadonlySet<Phase> = new Set<Phase>(['forward', 'backward']);

export class Jacobian {
  private readonly scope: GpuContext;
  private readonly builder: ModelBuilder;
  private readonly seed: Region;
  private readonly rows: ReturnType<Parameters['twin']>;
  private readonly count: number;

  /** Adds a backward pass from `outputs` to the program that the builder's graph becomes. */
  constructor(scope: GpuContext, builder: ModelBuilder, parameters: Parameters, outputs: Tensor) {
    const { graph } = outputs;
    this.scope = scope;
    this.builder = builder;
    this.count = size(outputs.shape);
    this.seed = new Region('one output', this.count * 4);
    placeInNewBuffer(scope, this.seed.label, [this.seed]);
    this.rows = parameters.twin(scope, 'jacobian');
    graph.inPhase('backward', () => {
      const gradient = graph.leaf(this.seed.label, outputs.shape, this.seed);
      const all = backward(graph, [{ tensor: outputs, gradient }], [...builder.leaves.values()]);
      for (const [parameter, leaf] of builder.leaves) {
        const [tensor, region] = [all.get(leaf), this.rows.of.get(parameter)];
        if (tensor && region) graph.pin(tensor, region);
      }
    });
  }

  /** By output, then by layer: derivatives by [W b], index o * inputs + i, the bias last. `run` submits phases of the program. */
  async read(run: (due: ReadonlySet<Phase>) => void): Promise<Map<string, Float64Array>[]> {
    const all: Map<string, Float64Array>[] = [];
    for (let index = 0; index < this.count; index++) {
      const one = new Float32Array(this.count);
      one[index] = 1;
      writeRegion(this.scope, this.seed, one);
      run(passes);
      all.push(await this.readRow());
    }
    return all;
  }

  private async readRow(): Promise<Map<string, Float64Array>> {
    const { layers } = this.builder;
    const wanted = layers.flatMap(({ weight, bias }) => (bias ? [weight, bias] : [weight]));
    const contents = await readRegions(
      this.scope,
      wanted.map((parameter) => this.rows.of.get(parameter) as Region),
    );
    const numbers = new Map(wanted.map((parameter, i) => [parameter, new Float32Array(contents[i] ?? [])]));
    return new Map(
      layers.map(({ name, inputs, outputs, weight, bias }) => {
        const [w, b] = [numbers.get(weight), bias && numbers.get(bias)];
        const width = inputs + (bias ? 1 : 0);
        const joint = Float64Array.from({ length: outputs * width }, (_, at) => {
          const [o, column] = [Math.floor(at / width), at % width];
          return (column < inputs ? w?.[o * inputs + column] : b?.[o]) ?? Number.NaN;
        });
        return [name, joint];
      }),
    );
  }
}
