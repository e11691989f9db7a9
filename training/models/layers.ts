/**
 * What K-FAC has to know of a model: every layer whose weight is applied linearly, where it is applied, and which rows of
 * what it reads are real. Model code declares layers through the builder, which writes them down here.
 */
import type { Window } from '../../gpu-kernels/convolution/window.ts';
import { size, type Tensor } from '../program/graph.ts';
import type { Parameter } from '../program/parameters.ts';

/** Where the rows of a layer's input belong. Rows that are padding take no part in factors and are not counted. */
export type Positions =
  /** Input [N, R..., inputs]: R positions for every example; `mask` [N, R] (f32 0 or 1) tells the real ones. */
  | { kind: 'dense'; examples: number; perExample: number; mask: Tensor | null }
  /**
   * Input [rows, inputs]: example n has the rows offsets[n] to offsets[n + 1] - 1, perhaps none, and what lies beyond the
   * last offset is padding. Offsets are u32 [N + 1]: nodes, edges or other parts of graphs.
   */
  | { kind: 'ragged'; examples: number; offsets: Tensor };

/** What a layer reads at one of its uses. */
export type Source =
  /** [N, R..., inputs] or [rows, inputs] */
  | { kind: 'rows'; rows: Tensor }
  /** An image [N, H, W, C] that a convolution walks over. */
  | { kind: 'image'; image: Tensor; window: Window }
  /** u32 numbers [N, R...] of rows of a table: one-hot vectors. */
  | { kind: 'ids'; ids: Tensor };

/** One application of a layer's weight. */
export interface LayerUse {
  readonly source: Source;
  /**
   * What the weight is applied to, [..., inputs], for use behind the forward pass: the source's rows, or the patches of a
   * convolution, which are added to the graph when first asked for, in the phase that asks. Null for ids, whose one-hot vectors
   * are never written down.
   */
  readonly input: Tensor | null;
  /** [..., outputs] */
  readonly output: Tensor;
  readonly positions: Positions;
}

/** A layer z = W a + b, or several of them side by side (`groups`). */
export interface LinearLayer {
  readonly name: string;
  readonly weight: Parameter;
  readonly bias: Parameter | null;
  /** Width of what one row of the weight is multiplied with, and of the whole output. */
  readonly inputs: number;
  readonly outputs: number;
  /**
   * Group k makes outputs k * outputs / groups and so on from the inputs k * inputs and so on of its use's input, which is
   * groups * inputs wide.
   */
  readonly groups: number;
  /** The weight is stored as [inputs, outputs]: a table of embeddings. */
  readonly isTransposed: boolean;
  /** Softmax ignores a shift of the keys, which makes the reduce factor G of a key projection exactly zero. */
  readonly isAttentionKey: boolean;
  /** Every place where the model applies the weight; more than one where it is tied. */
  readonly uses: LayerUse[];
}

/** R: positions per example, of all uses together; of ragged rows as many as there is room for, on average. */
export function sharingOf(layer: LinearLayer): number {
  return layer.uses.reduce((sum, use) => sum + positionsPerExample(use), 0);
}

function positionsPerExample({ positions, output }: LayerUse): number {
  if (positions.kind === 'dense') return positions.perExample;
  return (output.shape[0] ?? 1) / positions.examples;
}

/** Positions of a tensor [N, R..., width]. */
export function densePositions(x: Tensor, mask: Tensor | null = null): Positions {
  const [examples = 1] = x.shape;
  return { kind: 'dense', examples, perExample: size(x.shape.slice(1, -1)), mask };
}
