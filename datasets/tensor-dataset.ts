/**
 * The common form of every data set, whatever file it came from: named tensors and what is needed to read them as
 * examples. Readers of formats make it, the store keeps it, training takes it from there. `docs/data.md` describes the
 * tensors of each kind.
 */

import type { DatasetKind, DatasetTask } from '../contract/data-kinds.ts';

/** Element types: bytes and float32 for values, uint32 for what counts or points at something. */
export type TensorType = 'u8' | 'u32' | 'f32';
export type TensorValues = Uint8Array<ArrayBuffer> | Uint32Array<ArrayBuffer> | Float32Array<ArrayBuffer>;

/** Row-major; the product of `shape` is the length of `data`. */
export interface Tensor {
  type: TensorType;
  shape: readonly number[];
  data: TensorValues;
}

/**
 * The tensors by kind:
 *
 * - `images`: `inputs` `[N, C, H, W]`
 * - `table`: `inputs` `[N, D]`
 * - `text`: `tokens` `[N]`, one stream
 * - `graphs`: `nodes` `[V, Fn]`, `edges` `[E, 2]` (sender and receiver, counted within their graph), `edgeFeatures`
 *   `[E, Fe]`, `nodeOffsets` and `edgeOffsets` `[N + 1]`
 *
 * and by task: `classification` has `labels` `[N]`, `regression` `targets` `[N, T]`, `multi-label` `targets` `[N, T]` of
 * bytes (0, 1 or `missingLabel`), `language` nothing more.
 */
export type { DatasetKind, DatasetTask };

/** The byte that stands for a missing label among the targets of `multi-label`; the others are 0 and 1. */
export const missingLabel = 255;

/** One column of `inputs` of a table, of the features of nodes or edges, or of `targets`. */
export interface Column {
  name: string;
  /** `category`: 1 where the text of the file's column is `value`, else 0. */
  type: 'number' | 'category';
  value?: string;
}

/** Consecutive examples that the file itself sets apart. */
export interface GivenSplit {
  name: string;
  start: number;
  count: number;
}

/** What an import left out. */
export interface SkipReport {
  total: number;
  reasons: { reason: string; count: number; first: string }[];
  /** Columns of the file that are no inputs. */
  columns?: { name: string; reason: string }[];
}

export interface TensorDataset {
  name: string;
  kind: DatasetKind;
  task: DatasetTask;
  /** N; of a text the number of tokens. */
  examples: number;
  tensors: Readonly<Record<string, Tensor>>;
  /** Names of the classes, or of a text's tokens; a label or token is an index into them. Empty for regression. */
  classes: readonly string[];
  /** Names of the columns of `inputs` (table) or `nodes` (graphs); empty where they have none. */
  columns: readonly Column[];
  /** Names of the columns of `edgeFeatures`. */
  edgeColumns: readonly Column[];
  /** Names of the columns of `targets`, or of what the labels say. */
  targets: readonly string[];
  /** In order, covering all examples; empty where the file makes no split. */
  splits: readonly GivenSplit[];
  skipped: SkipReport;
}

export const nothingSkipped: SkipReport = { total: 0, reasons: [] };

/** Elements of tensors, wherever they are. */
export interface TensorReader {
  /** Null where the data set has no such tensor. */
  shape(name: string): readonly number[] | null;
  /** `count` elements from `start`, row-major. */
  read(name: string, start: number, count: number): Promise<ArrayLike<number>>;
}

/** Bytes of one element. */
export const elementBytes: Readonly<Record<TensorType, number>> = { u8: 1, u32: 4, f32: 4 };

/** How many elements a tensor of this shape has. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** Bytes of all tensors. */
export function datasetBytes(tensors: Readonly<Record<string, Tensor>>): number {
  return Object.values(tensors).reduce((sum, { data }) => sum + data.byteLength, 0);
}

/**
 * Values in their one canonical type: bytes where all are whole numbers from 0 to 255, else float32. So the same pixels
 * are the same tensor whether a file held them as bytes, floats or text. Negative zero becomes zero.
 */
export function valueTensor(shape: readonly number[], values: Uint8Array | Float32Array): Tensor {
  if (values instanceof Uint8Array) return { type: 'u8', shape, data: ownBuffer(values) };
  if (values.every((value) => value >= 0 && value <= 255 && Number.isInteger(value)))
    return { type: 'u8', shape, data: Uint8Array.from(values) };
  return { type: 'f32', shape, data: Float32Array.from(values, (value) => value + 0) };
}

/** Indices as they are. */
export function indexTensor(shape: readonly number[], data: Uint32Array): Tensor {
  return { type: 'u32', shape, data: data as Uint32Array<ArrayBuffer> };
}

/** The data set's tensor of this name; a defect of the caller where it has none. */
export function tensorOf(dataset: TensorDataset, name: string): Tensor {
  const tensor = dataset.tensors[name];
  if (tensor === undefined) throw new Error(`the data set "${dataset.name}" has no tensor "${name}"`);
  return tensor;
}

/** The tensors of a data set in memory, for whoever reads them piece by piece. */
export function memoryReader({ tensors }: Pick<TensorDataset, 'tensors'>): TensorReader {
  return {
    shape: (name) => tensors[name]?.shape ?? null,
    read: async (name, start, count) => tensors[name]?.data.subarray(start, start + count) ?? [],
  };
}

function ownBuffer(values: Uint8Array): Uint8Array<ArrayBuffer> {
  const owns = values.byteLength === values.buffer.byteLength && values.buffer instanceof ArrayBuffer;
  return owns ? (values as Uint8Array<ArrayBuffer>) : Uint8Array.from(values);
}
