/** What a model reads of a batch, by the kind of its data. Feeding makes it, models take it, and neither knows the other. */
import { KronlabError } from '../../contract/errors.ts';
import type { Tensor } from '../program/graph.ts';

export interface ImageInputs {
  kind: 'images';
  /** [N, C, H, W] */
  images: Tensor;
}

export interface TableInputs {
  kind: 'table';
  /** [N, D] */
  rows: Tensor;
}

export interface TokenInputs {
  kind: 'text';
  /** u32 [N, L]: windows of a text; what is predicted at a position is the token after it. */
  tokens: Tensor;
  /** How many different tokens there are. */
  vocabulary: number;
}

/**
 * N graphs, one after the other. Graph i has the node rows nodeOffsets[i] to nodeOffsets[i + 1] - 1, and edges likewise;
 * rows beyond the last offset are room for larger batches: zeros, with edges from and to the node 0.
 */
export interface GraphInputs {
  kind: 'graphs';
  /** [V, Fn] */
  nodes: Tensor;
  /** [E, Fe] */
  edges: Tensor;
  /** u32 [E]: rows of `nodes` that an edge leaves and enters. */
  senders: Tensor;
  receivers: Tensor;
  /** u32 [N + 1] */
  nodeOffsets: Tensor;
  edgeOffsets: Tensor;
}

export type ModelInputs = ImageInputs | TableInputs | TokenInputs | GraphInputs;

/** The inputs as what a model takes. Throws `invalid` that names the model and what it reads. */
export function inputsOf<Kind extends ModelInputs['kind']>(
  inputs: ModelInputs,
  model: string,
  ...kinds: Kind[]
): Extract<ModelInputs, { kind: Kind }> {
  if ((kinds as string[]).includes(inputs.kind)) return inputs as Extract<ModelInputs, { kind: Kind }>;
  throw new KronlabError(
    'invalid',
    `model.kind: ${model} reads ${kinds.join(' or ')}; this data set has ${inputs.kind}`,
  );
}
