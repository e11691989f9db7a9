/** From a model's description to its outputs: one plain function per family, chosen here. */
import { KronlabError } from '../../contract/errors.ts';
import type { ModelSpec } from '../../contract/run-spec.ts';
import type { Tensor } from '../program/graph.ts';
import { cnn } from './cnn.ts';
import { decoder } from './decoder.ts';
import { deepLinear } from './deep-linear.ts';
import { graphNetwork } from './graph-network.ts';
import { inputsOf, type ModelInputs } from './inputs.ts';
import { mlp } from './mlp.ts';
import type { ModelBuilder } from './model-builder.ts';
import { vit } from './vit.ts';
import { wideResNet } from './wide-resnet.ts';

/**
 * Outputs [N, outputs] of a batch: logits of classes, or numbers; of a decoder [N, L, outputs], at every position. Throws `invalid` where the model cannot read such data.
 */
export function buildModel(
  builder: ModelBuilder,
  spec: ModelSpec,
  inputs: ModelInputs,
  outputs: number,
): Tensor {
  switch (spec.kind) {
    case 'mlp':
      return mlp(builder, spec, rowsOf(inputs), outputs);
    case 'cnn':
      return cnn(builder, spec, imagesOf(inputs, spec), outputs);
    case 'vit':
      return vit(builder, spec, imagesOf(inputs, spec), outputs);
    case 'wide-resnet':
      return wideResNet(builder, spec, imagesOf(inputs, spec), outputs);
    case 'decoder':
      return decoder(builder, spec, inputsOf(inputs, spec.kind, 'text'), outputs);
    case 'deep-linear':
      return deepLinear(builder, spec, inputsOf(inputs, spec.kind, 'images', 'table', 'graphs'), outputs);
    case 'graph-network':
      return graphNetwork(builder, spec, inputsOf(inputs, spec.kind, 'graphs'), outputs);
    default:
      spec satisfies never;
      throw new KronlabError('internal', 'a model of this kind is not built here');
  }
}

function imagesOf(inputs: ModelInputs, spec: ModelSpec): Tensor {
  return inputsOf(inputs, spec.kind, 'images').images;
}

/** What can be read as one row of numbers for each example. */
function rowsOf(inputs: ModelInputs): Tensor {
  const numbers = inputsOf(inputs, 'mlp', 'images', 'table');
  return numbers.kind === 'images' ? numbers.images : numbers.rows;
}
