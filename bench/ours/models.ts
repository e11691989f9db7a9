/** The models of the benchmarks in our own terms. */
import { buildModel } from '../../training/models/model.ts';
import type { ModelBuilder } from '../../training/models/model-builder.ts';
import { size, type Tensor } from '../../training/program/graph.ts';
import { relu } from '../../training/program/operations/elementwise.ts';
import { permute } from '../../training/program/operations/permute.ts';
import { maxPool } from '../../training/program/operations/pooling.ts';
import type { BenchModel } from '../tasks.ts';

/** Logits [N, classes] of images [N, C, H, W]. */
export function buildLogits(
  builder: ModelBuilder,
  model: BenchModel,
  images: Tensor,
  classes: number,
): Tensor {
  return model.kind === 'convnet'
    ? convnet(builder, model.channels, images, classes)
    : buildModel(builder, model, { kind: 'images', images }, classes);
}

function convnet(
  builder: ModelBuilder,
  channels: readonly number[],
  images: Tensor,
  classes: number,
): Tensor {
  let x = permute(images, [0, 2, 3, 1]);
  channels.forEach((count, i) => {
    const z = builder.convolution(`convolutions.${i}`, x, count, { kernel: 3, padding: 1 });
    x = maxPool(relu(z), { kernel: 2, stride: 2 });
  });
  const [n = 1] = x.shape;
  return builder.linear('head', builder.graph.reshape(x, [n, size(x.shape) / n]), classes);
}
