/** A multi-layer perceptron on the flattened image. */
import type { ModelSpec } from '../../contract/run-spec.ts';
import { gelu, relu, tanh } from '../program/operations/elementwise.ts';
import { size, type Tensor } from '../program/graph.ts';
import type { ModelBuilder } from './model-builder.ts';

const activations = { relu, tanh, gelu };

export function mlp(
  builder: ModelBuilder,
  spec: Extract<ModelSpec, { kind: 'mlp' }>,
  images: Tensor,
  classes: number,
): Tensor {
  const [n = 1] = images.shape;
  const activation = activations[spec.activation];
  let x = builder.graph.reshape(images, [n, size(images.shape) / n]);
  spec.hidden.forEach((width, i) => {
    x = activation(builder.linear(`layers.${i}`, x, width));
  });
  return builder.linear('head', x, classes);
}
