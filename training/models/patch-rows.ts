/** Images cut into square patches: the positions that share a weight in vision transformers and deep linear nets. */
import { KronlabError } from '../../contract/errors.ts';
import type { Tensor } from '../program/graph.ts';
import { permute } from '../program/operations/permute.ts';

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
