/**
 * What vision transformers and decoders are made of: a pre-norm block of multi-head attention and a GELU MLP, each added to
 * its input. Query, key, value and output projections are layers of their own, as K-FAC wants them.
 */
import { attention } from '../program/operations/attention.ts';
import { add, gelu } from '../program/operations/elementwise.ts';
import type { Tensor } from '../program/graph.ts';
import type { ModelBuilder } from './model-builder.ts';

export interface BlockSpec {
  width: number;
  heads: number;
  /** Hidden width of the MLP, as a multiple of `width`. */
  mlpRatio: number;
}

/** x [N, L, width] through the block; `causal` hides later positions. */
export function transformerBlock(
  builder: ModelBuilder,
  spec: BlockSpec,
  name: string,
  x: Tensor,
  causal = false,
): Tensor {
  const y = builder.layerNorm(`${name}.norm1`, x);
  const q = builder.linear(`${name}.attention.query`, y, spec.width);
  const k = builder.linear(`${name}.attention.key`, y, spec.width, { isAttentionKey: true });
  const v = builder.linear(`${name}.attention.value`, y, spec.width);
  const attended = attention(q, k, v, spec.heads, causal);
  const mixed = add(x, builder.linear(`${name}.attention.out`, attended, spec.width));
  const hidden = builder.linear(
    `${name}.mlp.in`,
    builder.layerNorm(`${name}.norm2`, mixed),
    Math.round(spec.width * spec.mlpRatio),
  );
  return add(mixed, builder.linear(`${name}.mlp.out`, gelu(hidden), spec.width));
}
