/**
 * Where a program finds the rows of a part of a data set on the GPU: all of them (`ResidentPart`), or those of the
 * batches at hand (`StreamedPart`). A program reads a leaf by row numbers either way and knows no difference.
 */
import { partTensor, type DatasetPart } from '../../datasets/dataset.ts';
import type { GpuContext } from '../../gpu-kernels/device.ts';
import { uploadTable, type Region } from '../../gpu-kernels/region.ts';
import type { Graph, Tensor } from '../program/graph.ts';

/** Which rows of which tensors, by name; `noRow` where a batch has room that it does not need. */
export type RowsByTensor = Readonly<Record<string, Uint32Array>>;

export interface PartSource {
  readonly part: DatasetPart;
  /** Batches that can be on their way to the GPU beside the one in use. */
  readonly ahead: number;
  /** The tensor as a leaf; throws where the part has none of this name. */
  leaf(graph: Graph, name: string): Tensor;
  /**
   * Has these rows on the GPU for everything submitted afterwards, until others are brought. Answers their numbers
   * within the leaves.
   */
  bring(rows: RowsByTensor): RowsByTensor;
  /** Begins to move rows that will be brought after all that were expected before. */
  expect(rows: RowsByTensor): void;
}

/** Tensors of a part on the GPU, uploaded once and shared by the programs that read them. */
export class ResidentPart implements PartSource {
  readonly part: DatasetPart;
  readonly ahead = 0;
  private readonly regions: ReadonlyMap<string, Region>;

  constructor(scope: GpuContext, part: DatasetPart) {
    this.part = part;
    this.regions = new Map(
      gpuTensors(part).map((name) => [name, uploadTable(scope, name, partTensor(part, name).data)]),
    );
  }

  leaf(graph: Graph, name: string): Tensor {
    const { shape, data } = partTensor(this.part, name);
    const region = this.regions.get(name);
    if (!region) throw new Error(`"${name}" is kept on the host alone`);
    return graph.leaf(name, shape, region, data instanceof Uint32Array ? 'u32' : 'f32');
  }

  bring(rows: RowsByTensor): RowsByTensor {
    return rows;
  }

  expect(): void {
    // All rows are there.
  }
}

/** Read by the host alone, which works out from them which rows a batch takes. */
const hostOnly: ReadonlySet<string> = new Set(['senders', 'receivers', 'nodeOffsets', 'edgeOffsets']);

/** Names of the tensors that programs read rows of. */
export function gpuTensors(part: DatasetPart): string[] {
  return Object.keys(part.tensors).filter((name) => !hostOnly.has(name));
}

/** The tensor that is to be predicted. */
export function answersName(part: DatasetPart): 'labels' | 'targets' {
  return 'labels' in part.tensors ? 'labels' : 'targets';
}
