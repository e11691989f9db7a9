/** From raw examples to what the training loop takes: split first, then standardise, so that nothing leaks. */
import type { DatasetSpec } from '../contract/run-spec.ts';
import type { ImageDataset, LabelledImages, PreparedDataset } from './dataset.ts';
import { splitStratified } from './split.ts';
import { channelStatistics, standardise, type ChannelStatistics } from './standardise.ts';

/**
 * Splits and standardises `raw` as `spec` says; `raw` is left as it is. Throws `KronlabError` (`invalid`) when the
 * fraction leaves a part empty.
 */
export function prepareDataset(raw: ImageDataset, spec: DatasetSpec): PreparedDataset {
  const { train, validation } = splitStratified(
    raw.labels,
    raw.classes.length,
    spec.validationFraction,
    spec.splitSeed,
  );
  const pixels = raw.height * raw.width;
  const statistics = channelStatistics(take(raw, train).images, raw.channels, pixels);
  return {
    id: raw.id,
    name: raw.name,
    channels: raw.channels,
    height: raw.height,
    width: raw.width,
    classes: raw.classes,
    train: standardisePart(take(raw, train), statistics, pixels),
    validation: standardisePart(take(raw, validation), statistics, pixels),
    ...statistics,
    splitDescription:
      `${train.length} training and ${validation.length} validation examples, ` +
      `stratified by class, split seed ${spec.splitSeed}`,
  };
}

function take(raw: ImageDataset, indices: Uint32Array): LabelledImages {
  const size = raw.channels * raw.height * raw.width;
  const images = new Float32Array(indices.length * size);
  indices.forEach((from, to) => images.set(raw.images.subarray(from * size, (from + 1) * size), to * size));
  return { count: indices.length, images, labels: indices.map((index) => raw.labels[index] ?? 0) };
}

function standardisePart(
  part: LabelledImages,
  statistics: ChannelStatistics,
  pixels: number,
): LabelledImages {
  return { ...part, images: standardise(part.images, statistics, pixels) };
}
