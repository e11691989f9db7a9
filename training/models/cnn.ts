/** A small convolutional net: 3 x 3 convolutions with ReLU, stride 2 from the second on, global mean pool, linear head. */
import type { ModelSpec } from '../../contract/run-spec.ts';
import { relu } from '../program/operations/elementwise.ts';
import { permute } from '../program/operations/permute.ts';
import { globalAveragePool } from '../program/operations/pooling.ts';
import type { Tensor } from '../program/graph.ts';
import type { ModelBuilder } from './model-builder.ts';

export function cnn(
  builder: ModelBuilder,
  spec: Extract<ModelSpec, { kind: 'cnn' }>,
  images: Tensor,
  classes: number,
): Tensor {
  let x = permute(images, [0, 2, 3, 1]);
  spec.channels.forEach((channels, i) => {
    const window = { kernel: 3, stride: i === 0 ? 1 : 2, padding: 1 };
    x = relu(builder.convolution(`convolutions.${i}`, x, channels, window));
  });
  return builder.linear('head', globalAveragePool(x), classes);
}
