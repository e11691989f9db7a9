/**
 * The shapes data takes on its way from the common form (`tensor-dataset.ts`) to the training loop: split, standardised
 * and of one number type. Everything that trains takes this form.
 */
import type { DatasetKind, DatasetTask } from '../contract/data-kinds.ts';
import type { GivenSplit, TensorDataset } from './tensor-dataset.ts';

/** What a model must know of a data set, which can be told before anything of it is read. */
export interface DatasetShape {
  kind: DatasetKind;
  task: DatasetTask;
  /** Of one example: images `[C, H, W]`, table `[D]`, text `[L]`, graphs `[Fn, Fe]`: features of a node and of an edge. */
  example: readonly number[];
  /** Numbers that a model answers with for an example: one for each class, target or token. */
  outputs: number;
}

/** Row-major; the product of `shape` is the length of `data`. */
export interface PreparedTensor {
  shape: readonly number[];
  data: Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>;
}

/**
 * One part of a split, n examples (of a text: tokens). By kind:
 *
 * - images, table: `inputs` `[n, ...]`
 * - text: `tokens` `[n]`
 * - graphs: `nodes` `[V, Fn]`, `edgeFeatures` `[E, Fe]`, `senders` and `receivers` `[E]`, counted within their graph,
 *   `nodeOffsets` and `edgeOffsets` `[n + 1]`
 *
 * and by task: `labels` `[n]`; regression: `targets` `[n, T]`, standardised; multi-label: `targets` `[n, T]`, the bits of
 * float32 numbers as uint32, NaN where a label is missing, because bits are copied as they are.
 */
export interface DatasetPart {
  count: number;
  tensors: Readonly<Record<string, PreparedTensor>>;
}

/** What was subtracted from each channel or column, and what it was then divided by: `(x - mean) / std`. */
export interface Scaling {
  mean: number[];
  std: number[];
}

/** A data set ready for training: disjoint parts, standardised with the statistics of the training part. */
export interface PreparedDataset extends DatasetShape {
  id: string;
  name: string;
  /** Names of the classes, tokens or targets: of the outputs, in order. */
  outputNames: readonly string[];
  train: DatasetPart;
  validation: DatasetPart;
  /** Of each tensor that was standardised, by name, in the units of the file: `inputs`, `nodes`, `edgeFeatures`, `targets`. */
  scaling: Readonly<Record<string, Scaling>>;
  /** One sentence for people: how many examples in which part, and how they were chosen. */
  splitDescription: string;
}

/** A data set that is part of the lab: what the UI shows of it before anything is read, and how its files are read. */
export interface DatasetEntry extends DatasetShape {
  id: string;
  name: string;
  /** Paths below `datasets/bundled/`; none where it is computed. */
  files: readonly string[];
  /** N; of a text the number of tokens. */
  examples: number;
  /** Names of the outputs, where they are known without reading; else empty. */
  classes: readonly string[];
  /** Names of the columns of what is predicted. */
  targets: readonly string[];
  /** Of all tensors. */
  bytes: number;
  /** The split that the data set itself makes; empty where it makes none. */
  splits: readonly GivenSplit[];
  licence: string;
  source: string;
  /** What a computed set is drawn from where a run names no seed; left out where the set is not computed. */
  usualSeed?: number;
  /**
   * Makes the data set of its decompressed files, in the order of `files`, or of a seed where it is computed. Throws
   * `KronlabError`.
   */
  read(contents: readonly Uint8Array<ArrayBuffer>[], seed: number): TensorDataset | Promise<TensorDataset>;
}

/** The part's tensor of this name; a defect of the caller where it has none. */
export function partTensor(part: DatasetPart, name: string): PreparedTensor {
  const tensor = part.tensors[name];
  if (tensor === undefined) throw new Error(`this part of a data set has no tensor "${name}"`);
  return tensor;
}
