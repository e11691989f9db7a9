/**
 * How examples get from a prepared data set into a program: the part lies on the GPU or is streamed to it, a step is
 * told which examples it takes, and the batch is put together on the GPU. One class for each kind of data that needs
 * another way of choosing.
 */
import type { DatasetPart, DatasetShape, PreparedDataset } from '../../datasets/dataset.ts';
import { epochWindows, windowCount } from '../../datasets/epoch-length.ts';
import type { GpuContext } from '../../gpu-kernels/device.ts';
import { BatchOrder } from '../loop/batches.ts';
import type { ModelInputs } from '../models/inputs.ts';
import type { Graph, Tensor } from '../program/graph.ts';
import type { MixedLabels } from '../program/operations/loss.ts';
import type { Augmentation } from './augmentation.ts';
import { capacityOf, GraphFeeding } from './graph-feeding.ts';
import { answersName, gpuTensors, ResidentPart, type PartSource } from './part-source.ts';
import { RowFeeding } from './row-feeding.ts';
import { StreamedPart, usualAhead, type Room, type RoomByTensor } from './streamed-part.ts';
import { WindowFeeding } from './window-feeding.ts';

/** What a program reads of one batch. */
export interface FedBatch {
  inputs: ModelInputs;
  /** u32 labels [N] or [N, L], numbers [N, T], or bits of numbers u32 [N, T] (multi-label). */
  targets: Tensor;
  /** Labels that count beside the targets, where images are mixed. */
  mixed?: MixedLabels;
}

export interface Feeding {
  /** Batches that `expect` can have on their way beside the chosen one. */
  readonly ahead: number;
  /** The batch as symbols of a program's graph. */
  trace(graph: Graph): FedBatch;
  /** Chooses the examples of everything submitted afterwards; of a text the tokens at which windows begin. */
  choose(rows: Uint32Array): void;
  /** Says what will be chosen next, after everything said before; what else is chosen costs time, not exactness. */
  expect(rows: Uint32Array): void;
}

/** What `createFeeding` reads `batch` examples at a time from; `inOrder` as there. */
export function openSource(
  scope: GpuContext,
  shape: DatasetShape,
  part: DatasetPart,
  isStreamed: boolean,
  batch: number,
  inOrder = false,
): PartSource {
  return isStreamed
    ? new StreamedPart(scope, part, roomOf(shape, part, batch, inOrder), inOrder ? 1 : usualAhead)
    : new ResidentPart(scope, part);
}

/**
 * Feeds `batch` examples at a time; `inOrder`: only ever consecutive ones, as an evaluation takes them. An augmentation
 * fits the data set: it is one of images.
 */
export function createFeeding(
  scope: GpuContext,
  shape: DatasetShape,
  source: PartSource,
  batch: number,
  inOrder = false,
  augmentation: Augmentation | null = null,
): Feeding {
  switch (shape.kind) {
    case 'images':
    case 'table':
      return new RowFeeding(scope, shape.kind, source, batch, augmentation);
    case 'text':
      return new WindowFeeding(scope, shape, source, batch);
    case 'graphs':
      return new GraphFeeding(scope, source, batch, inOrder);
    default:
      return shape.kind satisfies never;
  }
}

/** What `batch` examples take of each tensor at most. */
export function roomOf(shape: DatasetShape, part: DatasetPart, batch: number, inOrder = false): RoomByTensor {
  const rows = (entries: number): Room => ({ entries, rowsPerEntry: 1 });
  switch (shape.kind) {
    case 'images':
    case 'table':
      return Object.fromEntries(gpuTensors(part).map((name) => [name, rows(batch)]));
    case 'text':
      // A window, and the token to predict after its last.
      return { tokens: { entries: batch, rowsPerEntry: (shape.example[0] ?? 1) + 1 } };
    case 'graphs': {
      const { nodes, edges } = capacityOf(part, batch, inOrder);
      return { nodes: rows(nodes), edgeFeatures: rows(edges), [answersName(part)]: rows(batch) };
    }
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
