/** Imported images in the form that splitting and training take, the same as a bundled set's. */
import { KronlabError } from '../contract/errors.ts';
import type { ImageDataset } from './dataset.ts';
import { tensorOf, type TensorDataset } from './tensor-dataset.ts';

/** Throws `KronlabError` (`invalid`) for anything but images with classes. */
export function toImageDataset(id: string, dataset: TensorDataset): ImageDataset {
  if (dataset.kind !== 'images' || dataset.task !== 'classification') {
    throw new KronlabError(
      'invalid',
      `dataset: "${dataset.name}" is ${dataset.kind} for ${dataset.task}; images with classes are needed`,
    );
  }
  const { shape, data } = tensorOf(dataset, 'inputs');
  const [examples, channels, height, width] = shape as [number, number, number, number];
  return {
    ...{ id, name: dataset.name, kind: 'images', examples, channels, height, width },
    classes: [...dataset.classes],
    images: Float32Array.from(data),
    labels: Uint32Array.from(tensorOf(dataset, 'labels').data),
  };
}
