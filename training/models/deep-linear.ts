/**
 * A deep linear net: linear layers and nothing between them, for which K-FAC's approximations can be exact. Where positions
 * share the weights (patches of an image, nodes of a graph) the outputs are their mean: there reduce is exact, and expand
 * is not (Eschenhagen et al. 2023, propositions 1 and 2).
 */
import type { ModelSpec } from '../../contract/run-spec.ts';
import { meanAxes } from '../program/operations/reduce.ts';
import { segmentMean } from '../program/operations/segments.ts';
import { size, type Tensor } from '../program/graph.ts';
import type { GraphInputs, ImageInputs, TableInputs } from './inputs.ts';
import type { LinearOptions, ModelBuilder } from './model-builder.ts';
import { patchRows } from './patch-rows.ts';

export type DeepLinearSpec = Extract<ModelSpec, { kind: 'deep-linear' }>;

export function deepLinear(
  builder: ModelBuilder,
  spec: DeepLinearSpec,
  inputs: ImageInputs | TableInputs | GraphInputs,
  outputs: number,
): Tensor {
  const layers = (rows: Tensor, options: LinearOptions = {}): Tensor => {
    const hidden = spec.hidden.reduce(
      (x, width, i) => builder.linear(`layers.${i}`, x, width, options),
      rows,
    );
    return builder.linear('head', hidden, outputs, options);
  };
  switch (inputs.kind) {
    case 'table':
      return layers(inputs.rows);
    case 'graphs':
      return segmentMean(layers(inputs.nodes, { offsets: inputs.nodeOffsets }), inputs.nodeOffsets);
    case 'images': {
      const { images } = inputs;
      if (spec.sharing === 'patches') return meanAxes(layers(patchRows(images, spec.patch)), 1, 1);
      const [n = 1] = images.shape;
      return layers(builder.graph.reshape(images, [n, size(images.shape) / n]));
    }
    default:
      return inputs satisfies never;
  }
}
