/** How many examples an epoch has, told from what is known of a data set before anything of it is read. */
import type { DatasetSpec } from '../contract/run-spec.ts';
import type { DatasetEntry } from './dataset.ts';
import { heldOutCount } from './split.ts';

/** Windows of `length` tokens, and one token to predict after the last, that fit into `tokens` after the first `skipped`. */
export function windowCount(tokens: number, length: number, skipped = 0): number {
  return Math.max(0, Math.floor((tokens - skipped - 1) / length));
}

/** Windows that an epoch trains on: one less than fit, so that all of them can be moved by up to a window's length. */
export function epochWindows(tokens: number, length: number): number {
  return windowCount(tokens, length, length - 1);
}

/** Training examples of an epoch, of a text its windows, as `splitDataset` and the order of batches make them. */
export function epochExamples(
  { kind, example, examples, splits }: Pick<DatasetEntry, 'kind' | 'example' | 'examples' | 'splits'>,
  { validationFraction, contextLength }: DatasetSpec,
): number {
  const given = (name: string) => splits.find((split) => split.name === name)?.count ?? 0;
  const rest = examples - given('test');
  const held = given('validation') || heldOutCount(rest, validationFraction);
  const training = rest - held;
  return kind === 'text' ? epochWindows(training, contextLength ?? example[0] ?? 1) : training;
}
