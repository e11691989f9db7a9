/**
 * How examples get from a prepared data set into a program: the part lies on the GPU, a step is told which examples it
 * takes, and the batch is put together there. One class for each kind of data that needs another way of choosing.
 */
import type { DatasetPart, DatasetShape, PreparedDataset } from '../../datasets/dataset.ts';
import { partTensor } from '../../datasets/dataset.ts';
import { epochWindows, windowCount } from '../../datasets/epoch-length.ts';
import type { GpuContext } from '../../gpu-kernels/device.ts';
import { uploadTable, type Region } from '../../gpu-kernels/region.ts';
import { BatchOrder } from '../loop/batches.ts';
import type { ModelInputs } from '../models/inputs.ts';
import type { Graph, Tensor } from '../program/graph.ts';
import { GraphFeeding } from './graph-feeding.ts';
import { RowFeeding } from './row-feeding.ts';
import { WindowFeeding } from './window-feeding.ts';

/** What a program reads of one batch. */
export interface FedBatch {
  inputs: ModelInputs;
  /** u32 labels [N] or [N, L], numbers [N, T], or bits of numbers u32 [N, T] (multi-label). */
  targets: Tensor;
}

export interface Feeding {
  /** The batch as symbols of a program's graph. */
  trace(graph: Graph): FedBatch;
  /** Chooses the examples of everything submitted afterwards; of a text the tokens at which windows begin. */
  choose(rows: Uint32Array): void;
}

/** Tensors of a part on the GPU, uploaded once and shared by the programs that read them. */
export class ResidentPart {
  readonly part: DatasetPart;
  private readonly regions: ReadonlyMap<string, Region>;

  constructor(scope: GpuContext, part: DatasetPart) {
    this.part = part;
    const names = Object.keys(part.tensors).filter((name) => !hostOnly.has(name));
    this.regions = new Map(
      names.map((name) => [name, uploadTable(scope, name, partTensor(part, name).data)]),
    );
  }

  /** The tensor as a leaf; throws where the part has none of this name. */
  leaf(graph: Graph, name: string): Tensor {
    const { shape, data } = partTensor(this.part, name);
    const region = this.regions.get(name);
    if (!region) throw new Error(`"${name}" is kept on the host alone`);
    return graph.leaf(name, shape, region, data instanceof Uint32Array ? 'u32' : 'f32');
  }

  /** What is to be predicted: labels or targets. */
  answers(graph: Graph): Tensor {
    return this.leaf(graph, 'labels' in this.part.tensors ? 'labels' : 'targets');
  }
}

/** Read by the host alone, which works out from them which rows a batch takes. */
const hostOnly: ReadonlySet<string> = new Set(['senders', 'receivers', 'nodeOffsets', 'edgeOffsets']);

/** Feeds `batch` examples at a time; `inOrder`: only ever consecutive ones, as an evaluation takes them. */
export function createFeeding(
  scope: GpuContext,
  shape: DatasetShape,
  resident: ResidentPart,
  batch: number,
  inOrder = false,
): Feeding {
  switch (shape.kind) {
    case 'images':
    case 'table':
      return new RowFeeding(scope, shape.kind, resident, batch);
    case 'text':
      return new WindowFeeding(scope, shape, resident, batch);
    case 'graphs':
      return new GraphFeeding(scope, resident, batch, inOrder);
    default:
      return shape.kind satisfies never;
  }
}

/** How many examples of a part there are to choose from; of a text windows that do not overlap. */
export function exampleCount({ kind, example }: DatasetShape, part: DatasetPart): number {
  return kind === 'text' ? windowCount(part.count, example[0] ?? 1) : part.count;
}

/** Examples `first` to `first + count - 1` of a part, as `Feeding.choose` takes them; past the end the last one again. */
export function consecutive(
  shape: DatasetShape,
  part: DatasetPart,
  first: number,
  count: number,
): Uint32Array {
  const last = exampleCount(shape, part) - 1;
  const stride = shape.kind === 'text' ? (shape.example[0] ?? 1) : 1;
  return Uint32Array.from({ length: count }, (_, i) => Math.min(first + i, last) * stride);
}

/**
 * The order in which a run sees its training examples. Windows of a text begin at another token in every epoch, so that
 * in time every token is predicted from every number of tokens before it.
 */
export function batchOrder(data: PreparedDataset, seed: number): BatchOrder {
  const { kind, example, train } = data;
  if (kind !== 'text') return new BatchOrder(train.count, seed);
  const length = example[0] ?? 1;
  return new BatchOrder(epochWindows(train.count, length), seed, length);
}
