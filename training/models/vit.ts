/**
 * A vision transformer: linear patch embedding with learned positions, pre-norm blocks, a final norm, and a linear head over
 * the mean of the patches, or over a learned class token that stands before them.
 */
import type { ModelSpec } from '../../contract/run-spec.ts';
import { concat } from '../program/operations/concat.ts';
import { add, broadcastTo } from '../program/operations/elementwise.ts';
import { meanAxes } from '../program/operations/reduce.ts';
import { slice } from '../program/operations/slice.ts';
import type { Tensor } from '../program/graph.ts';
import { normal } from './initialisers.ts';
import type { ModelBuilder } from './model-builder.ts';
import { patchRows } from './patch-rows.ts';
import { transformerBlock } from './transformer-block.ts';

type VitSpec = Extract<ModelSpec, { kind: 'vit' }>;

export function vit(builder: ModelBuilder, spec: VitSpec, images: Tensor, classes: number): Tensor {
  const { width, pool } = spec;
  const patches = builder.linear('patch', patchRows(images, spec.patch), width);
  const tokens = pool === 'class' ? withClassToken(builder, patches, width) : patches;
  const [n = 1, length = 1] = tokens.shape;
  let x = add(tokens, builder.positions('positions', length, width));
  for (let i = 0; i < spec.blocks; i++) x = transformerBlock(builder, spec, `blocks.${i}`, x);
  if (pool === 'mean') return builder.linear('head', meanAxes(builder.layerNorm('norm', x), 1, 1), classes);
  const first = builder.graph.reshape(slice(x, 1, 0, 1), [n, width]);
  return builder.linear('head', builder.layerNorm('norm', first), classes);
}

/** [N, 1 + patches, width]: a learned token before the patches of every image. */
function withClassToken(builder: ModelBuilder, patches: Tensor, width: number): Tensor {
  const [n = 1] = patches.shape;
  const token = builder.parameter('class', [1, 1, width], normal(0.02));
  return concat([broadcastTo(token, [n, 1, width]), patches], 1);
}
