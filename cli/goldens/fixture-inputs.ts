/** The inputs of a net fixture as leaves of a program, with what the engine wants to know of graphs besides. */
import { KronlabError } from '../../contract/errors.ts';
import type { NetFixture } from '../../goldens/fixture.ts';
import type { GpuContext } from '../../gpu-kernels/device.ts';
import { uploadTable } from '../../gpu-kernels/region.ts';
import type { Graph, Tensor } from '../../training/program/graph.ts';
import { inverseIndexOf, type InverseIndex } from '../../training/program/operations/inverse-index.ts';

export class FixtureInputs {
  private readonly scope: GpuContext;
  private readonly graph: Graph;
  private readonly inputs: NetFixture['inputs'];
  private readonly known = new Map<string, Tensor>();

  constructor(scope: GpuContext, graph: Graph, { inputs }: NetFixture) {
    this.scope = scope;
    this.graph = graph;
    this.inputs = inputs;
  }

  /** `inputs[name]` as f32. */
  values(name: string): Tensor {
    const { shape, data } = this.input(name);
    return this.leaf(name, shape, () => Float32Array.from(data));
  }

  /** `inputs[name]` as u32. */
  integers(name: string): Tensor {
    const { shape, data } = this.input(name);
    return this.leaf(name, shape, () => Uint32Array.from(data));
  }

  /** Where each graph's nodes or edges start, u32 [N + 1]. */
  offsets(part: 'node' | 'edge'): Tensor {
    const counts = this.input(`n_${part}`).data;
    return this.leaf(`offsets of ${part}s`, [counts.length + 1], () => {
      const offsets = new Uint32Array(counts.length + 1);
      counts.forEach((count, i) => (offsets[i + 1] = (offsets[i] ?? 0) + count));
      return offsets;
    });
  }

  /** The most nodes or edges of a graph. */
  most(part: 'node' | 'edge'): number {
    return Math.max(...this.input(`n_${part}`).data);
  }

  /** An index into `rows` rows with its inverse. */
  index(name: string, rows: number): { index: Tensor; inverse: InverseIndex } {
    const { offsets, order } = inverseIndexOf(this.input(name).data, rows);
    return {
      index: this.integers(name),
      inverse: {
        offsets: this.leaf(`${name} offsets`, [offsets.length], () => offsets),
        order: this.leaf(`${name} order`, [order.length], () => order),
      },
    };
  }

  /** Numbers that a net is made with and no file has. */
  constant(name: string, shape: readonly number[], numbers: Float32Array): Tensor {
    return this.leaf(name, shape, () => numbers);
  }

  private input(name: string) {
    const input = this.inputs[name];
    if (input) return input;
    throw new KronlabError('invalid', `inputs.${name} is missing; the net of this file reads it`);
  }

  private leaf(name: string, shape: readonly number[], data: () => Float32Array | Uint32Array): Tensor {
    const known = this.known.get(name);
    if (known) return known;
    const numbers = data();
    const type = numbers instanceof Uint32Array ? 'u32' : 'f32';
    const leaf = this.graph.leaf(name, shape, uploadTable(this.scope, name, numbers), type);
    this.known.set(name, leaf);
    return leaf;
  }
}
