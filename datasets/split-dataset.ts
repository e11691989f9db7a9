/** Which examples of a data set are trained on and which are validated with: its own split, else one by seed. */
import { KronlabError } from '../contract/errors.ts';
import type { DatasetSpec } from '../contract/run-spec.ts';
import { splitEnd, splitPlain, splitStratified, type Split } from './split.ts';
import { tensorOf, type TensorDataset } from './tensor-dataset.ts';

export interface DescribedSplit extends Split {
  /** One sentence for people. */
  description: string;
}

/**
 * Takes the data set's own parts where it has them; a test part is kept aside, and without a validation part one is held
 * out of the rest: of classes the same share each, of texts the end, of everything else whatever the seed draws. Throws
 * `KronlabError` (`invalid`) where a part would be empty.
 */
export function splitDataset(dataset: TensorDataset, spec: DatasetSpec): DescribedSplit {
  const aside = examplesOf(dataset, 'test');
  const validation = examplesOf(dataset, 'validation');
  const isTaken = new Uint8Array(dataset.examples);
  for (const index of aside) isTaken[index] = 1;
  for (const index of validation) isTaken[index] = 1;
  const rest = Uint32Array.from(isTaken.keys()).filter((index) => isTaken[index] === 0);
  if (rest.length === 0) {
    const parts = dataset.splits.map(({ name }) => name).join(' and ');
    throw new KronlabError(
      'invalid',
      `dataset: "${dataset.name}" has nothing to train on, only ${parts} examples`,
    );
  }
  const isGiven = validation.length > 0;
  const held = isGiven ? null : holdOut(dataset, rest, spec);
  const split: Split = held ?? { train: rest, validation };
  const unit = dataset.kind === 'text' ? 'tokens' : 'examples';
  const description =
    `${split.train.length} training and ${split.validation.length} validation ${unit}, ` +
    (held?.how ?? 'as the data set divides them') +
    (aside.length > 0 ? `; ${aside.length} test ${unit} are kept aside` : '');
  return { ...split, description };
}

function examplesOf(dataset: TensorDataset, name: string): Uint32Array {
  const split = dataset.splits.find((given) => given.name === name);
  return Uint32Array.from({ length: split?.count ?? 0 }, (_, i) => (split?.start ?? 0) + i);
}

/** Splits the examples with these numbers, ascending. */
function holdOut(
  dataset: TensorDataset,
  rest: Uint32Array,
  { validationFraction: fraction, splitSeed: seed }: DatasetSpec,
): Split & { how: string } {
  const { train, validation, how } = splitRest();
  const back = (indices: Uint32Array) => indices.map((index) => rest[index] ?? 0);
  return { train: back(train), validation: back(validation), how };

  function splitRest(): Split & { how: string } {
    if (dataset.kind === 'text') return { ...splitEnd(rest.length, fraction), how: 'the end of the text' };
    if (dataset.task === 'classification') {
      const { data } = tensorOf(dataset, 'labels');
      const labels = rest.map((index) => data[index] ?? 0);
      const split = splitStratified(labels, dataset.classes.length, fraction, seed);
      return { ...split, how: `stratified by class, split seed ${seed}` };
    }
    return { ...splitPlain(rest.length, fraction, seed), how: `drawn by split seed ${seed}` };
  }
}
