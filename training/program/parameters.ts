/**
 * The parameters of a model as named leaves in one flat arena. Gradients and optimiser moments use arenas of the same
 * layout, so an optimiser step is one launch over all of them. Every parameter starts at a multiple of 64 numbers (256
 * bytes, where a binding may start), which also lets a small table say what kind of parameter each block belongs to.
 */
import { KronlabError } from '../../contract/errors.ts';
import type { GpuContext } from '../../gpu-kernels/device.ts';
import { placeInNewBuffer, Region, regionAlignment, writeRegion } from '../../gpu-kernels/region.ts';
import { upload } from '../../gpu-kernels/upload.ts';
import type { Random } from '../../datasets/random.ts';
import { size } from './graph.ts';

/** Numbers per block of the arena; no block holds two parameters. */
export const blockLength = regionAlignment / 4;

/**
 * `weight`: a matrix or filter of a linear or convolution layer. `bias`: that layer's bias. `other`: norms,
 * positions and everything else, which first-order rules train.
 */
export type ParameterKind = 'weight' | 'bias' | 'other';

export type Initialiser = (random: Random, count: number) => Float32Array;

export interface Parameter {
  readonly name: string;
  readonly shape: readonly number[];
  readonly kind: ParameterKind;
  readonly initialise: Initialiser;
  readonly region: Region;
  /** Position in every arena, in numbers. Known once `allocate` has run. */
  offset: number;
}

/** Numbers that belong to a model but are not trained: running statistics, fixed positions. Named as in PyTorch. */
export interface ModelBuffer {
  readonly name: string;
  readonly shape: readonly number[];
  /** What a fresh run finds there: one number in every place, or all of them. */
  readonly initial: number | Float32Array;
  readonly region: Region;
}

export class Parameters {
  private readonly byName = new Map<string, Parameter>();
  private readonly buffersByName = new Map<string, ModelBuffer>();
  private length = 0;
  private buffer: GPUBuffer | null = null;

  /** The parameter of that name; made on first use, the same one for every program traced later. */
  obtain(name: string, shape: readonly number[], kind: ParameterKind, initialise: Initialiser): Parameter {
    const known = this.byName.get(name);
    if (known) return sameShape(known, shape);
    if (this.buffer) throw new KronlabError('internal', `${name} was declared after memory was allocated`);
    const region = new Region(name, size(shape) * 4);
    const parameter: Parameter = { name, shape, kind, initialise, region, offset: 0 };
    this.byName.set(name, parameter);
    return parameter;
  }

  /** The buffer of that name, under the same rules as a parameter. */
  obtainBuffer(name: string, shape: readonly number[], initial: ModelBuffer['initial']): ModelBuffer {
    const known = this.buffersByName.get(name);
    if (known) return sameShape(known, shape);
    if (this.buffer) throw new KronlabError('internal', `${name} was declared after memory was allocated`);
    const buffer: ModelBuffer = { name, shape, initial, region: new Region(name, size(shape) * 4) };
    this.buffersByName.set(name, buffer);
    return buffer;
  }

  get all(): Parameter[] {
    return [...this.byName.values()];
  }

  get buffers(): ModelBuffer[] {
    return [...this.buffersByName.values()];
  }

  get(name: string): Parameter {
    const parameter = this.byName.get(name);
    if (!parameter) throw new KronlabError('internal', `there is no parameter ${name}`);
    return parameter;
  }

  /** Trainable numbers, padding left out. */
  get count(): number {
    return this.all.reduce((sum, p) => sum + size(p.shape), 0);
  }

  /** Numbers in an arena, padding included. */
  get arenaLength(): number {
    return this.length;
  }

  /** Reserves the arena of the values, and the buffers with what a fresh run finds in them. */
  allocate(gpu: GpuContext): void {
    for (const parameter of this.all) {
      parameter.offset = this.length;
      this.length += Math.ceil(size(parameter.shape) / blockLength) * blockLength;
    }
    this.buffer = placeInNewBuffer(
      gpu,
      'parameters',
      this.all.map((p) => p.region),
    );
    if (this.buffers.length === 0) return;
    placeInNewBuffer(
      gpu,
      'model buffers',
      this.buffers.map((b) => b.region),
    );
    this.resetBuffers(gpu);
  }

  /** Gives the buffers what a fresh run finds in them. */
  resetBuffers(gpu: GpuContext): void {
    for (const { region, shape, initial } of this.buffers) {
      const isEven = typeof initial === 'number';
      writeRegion(gpu, region, isEven ? new Float32Array(size(shape)).fill(initial) : initial);
    }
  }

  /** The values as one region. */
  get arena(): Region {
    return this.whole('parameters', this.storage);
  }

  /** Another arena of the same layout (gradients, moments): the whole, and one region per parameter. */
  twin(gpu: GpuContext, label: string): { arena: Region; of: Map<Parameter, Region> } {
    const regions = this.all.map((p) => new Region(`${label} of ${p.name}`, size(p.shape) * 4));
    const buffer = placeInNewBuffer(gpu, label, regions);
    return {
      arena: this.whole(label, buffer),
      of: new Map(this.all.map((p, i) => [p, regions[i] as Region])),
    };
  }

  /** Uploads values by name; every parameter must be given, in the arena's shapes. */
  upload(gpu: GpuContext, values: (parameter: Parameter) => Float32Array): void {
    for (const parameter of this.all) {
      const data = values(parameter);
      if (data.length !== size(parameter.shape)) {
        throw new KronlabError(
          'invalid',
          `${parameter.name} has ${data.length} values; its shape [${parameter.shape.join(', ')}] needs ${size(parameter.shape)}`,
        );
      }
      upload(gpu.device, this.storage, parameter.offset * 4, data);
    }
  }

  private get storage(): GPUBuffer {
    if (!this.buffer) throw new KronlabError('internal', 'parameters were used before memory was allocated');
    return this.buffer;
  }

  private whole(label: string, buffer: GPUBuffer): Region {
    const region = new Region(label, this.length * 4);
    region.locate(buffer, 0);
    return region;
  }
}

function sameShape<T extends { name: string; shape: readonly number[] }>(
  known: T,
  shape: readonly number[],
): T {
  if (known.shape.join() === shape.join()) return known;
  throw new KronlabError(
    'internal',
    `${known.name} is [${known.shape.join(', ')}], not [${shape.join(', ')}]`,
  );
}
