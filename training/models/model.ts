/** From a model's description to its outputs: one plain function per family, chosen here. */
import { KronlabError } from '../../contract/errors.ts';
import type { ModelSpec } from '../../contract/run-spec.ts';
import type { Tensor } from '../program/graph.ts';
import { cnn } from './cnn.ts';
import { mlp } from './mlp.ts';
import type { ModelBuilder } from './model-builder.ts';
import { vit } from './vit.ts';

/** Logits [N, classes] of images [N, C, H, W]. */
export function buildModel(builder: ModelBuilder, spec: ModelSpec, images: Tensor, classes: number): Tensor {
  switch (spec.kind) {
    case 'mlp':
      return mlp(builder, spec, images, classes);
    case 'cnn':
      return cnn(builder, spec, images, classes);
    case 'vit':
      return vit(builder, spec, images, classes);
    default:
      spec satisfies never;
      throw new KronlabError('invalid', 'unknown model; known: mlp, cnn, vit');
  }
}
