/** A multi-layer perceptron on rows of a table, or on flattened images. */
import type { ModelSpec } from '../../contract/run-spec.ts';
import { gelu, relu, tanh } from '../program/operations/elementwise.ts';
import { size, type Tensor } from '../program/graph.ts';
import type { ModelBuilder } from './model-builder.ts';

const activations = { relu, tanh, gelu };

export function mlp(
  builder: ModelBuilder,
  spec: Extract<ModelSpec, { kind: 'mlp' }>,
  inputs: Tensor,
  outputs: number,
): Tensor {
  const [n = 1] = inputs.shape;
  const activation = activations[spec.activation];
  let x = builder.graph.reshape(inputs, [n, size(inputs.shape) / n]);
  spec.hidden.forEach((width, i) => {
    x = activation(builder.linear(`layers.${i}`, x, width));
  });
  return builder.linear('head', x, outputs);
}
