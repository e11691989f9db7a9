/**
 * A vision transformer: linear patch embedding with learned positions, pre-norm blocks of multi-head attention and a
 * GELU MLP, a final norm, mean pooling over the patches, linear head. Query, key, value and output projections are
 * layers of their own, as K-FAC wants them.
 */
import { KronlabError } from '../../contract/errors.ts';
import type { ModelSpec } from '../../contract/run-spec.ts';
import { attention } from '../program/operations/attention.ts';
import { add, gelu } from '../program/operations/elementwise.ts';
import { permute } from '../program/operations/permute.ts';
import { meanAxes } from '../program/operations/reduce.ts';
import type { Tensor } from '../program/graph.ts';
import type { ModelBuilder } from './model-builder.ts';

type VitSpec = Extract<ModelSpec, { kind: 'vit' }>;

export function vit(builder: ModelBuilder, spec: VitSpec, images: Tensor, classes: number): Tensor {
  const patches = patchRows(images, spec.patch);
  const length = patches.shape[1] ?? 1;
  let x = builder.linear('patch', patches, spec.width);
  x = add(x, builder.positions('positions', length, spec.width));
  for (let i = 0; i < spec.blocks; i++) x = block(builder, spec, `blocks.${i}`, x);
  return builder.linear('head', meanAxes(builder.layerNorm('norm', x), 1, 1), classes);
}

function block(builder: ModelBuilder, spec: VitSpec, name: string, x: Tensor): Tensor {
  const y = builder.layerNorm(`${name}.norm1`, x);
  const q = builder.linear(`${name}.attention.query`, y, spec.width);
  const k = builder.linear(`${name}.attention.key`, y, spec.width, { isAttentionKey: true });
  const v = builder.linear(`${name}.attention.value`, y, spec.width);
  const mixed = add(x, builder.linear(`${name}.attention.out`, attention(q, k, v, spec.heads), spec.width));
  const hidden = builder.linear(
    `${name}.mlp.in`,
    builder.layerNorm(`${name}.norm2`, mixed),
    Math.round(spec.width * spec.mlpRatio),
  );
  return add(mixed, builder.linear(`${name}.mlp.out`, gelu(hidden), spec.width));
}

/** Images [N, C, H, W] as rows [N, patches, C * P * P]: patches row by row, pixels in the order (channel, row, column). */
export function patchRows(images: Tensor, patch: number): Tensor {
  const [n, c, h, w] = images.shape as [number, number, number, number];
  if (h % patch !== 0 || w % patch !== 0) {
    throw new KronlabError('invalid', `model.patch: ${patch} must divide the image, ${h} x ${w} pixels`);
  }
  const { graph } = images;
  const split = graph.reshape(images, [n, c, h / patch, patch, w / patch, patch]);
  const ordered = permute(split, [0, 2, 4, 1, 3, 5]);
  return graph.reshape(ordered, [n, (h / patch) * (w / patch), c * patch * patch]);
}
