/** The models of the benchmarks in our own terms. */
import { KronlabError } from '../../contract/errors.ts';
import { buildModel } from '../../training/models/model.ts';
import type { ModelBuilder } from '../../training/models/model-builder.ts';
import type { Tensor } from '../../training/program/graph.ts';
import type { BenchModel } from '../tasks.ts';

/** Logits [N, classes] of images [N, 1, H, W]. */
export function buildLogits(
  builder: ModelBuilder,
  model: BenchModel,
  images: Tensor,
  classes: number,
): Tensor {
  if (model.kind === 'convnet')
    throw new KronlabError('unavailable', 'convnet needs max pooling, which the engine does not have yet');
  return buildModel(builder, model, images, classes);
}
