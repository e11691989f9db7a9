/**
 * Solubility of molecules in water, as numbers and as three classes. What reads molecules is large, so it is loaded with
 * the first of these sets that is read, and not with whatever lists data sets.
 */
import { KronlabError } from '../contract/errors.ts';
import type { DatasetEntry } from './dataset.ts';
import { bytesSource } from './import/byte-source.ts';
import { defaultLimits } from './import/limits.ts';
import { joinGraphs } from './join-graphs.ts';
import type { GivenSplit, TensorDataset } from './tensor-dataset.ts';

const files = ['solubility/solubility.train.sdf.gz', 'solubility/solubility.test.sdf.gz'] as const;
const classes = ['(A) low', '(B) medium', '(C) high'];

/** The published test part validates: nothing is chosen here that a third part would have to judge. */
const splits: readonly GivenSplit[] = [
  { name: 'train', start: 0, count: 1025 },
  { name: 'validation', start: 1025, count: 257 },
];

const common = {
  kind: 'graphs',
  example: [15, 5],
  files,
  examples: 1282,
  bytes: 1_461_458,
  splits,
  licence: 'BSD 3-Clause, as part of RDKit',
  source:
    'J. Huuskonen, Estimation of Aqueous Solubility for a Diverse Set of Organic Compounds Based on Molecular Topology, ' +
    'J. Chem. Inf. Comput. Sci. 40, 773-777, 2000, doi:10.1021/ci9901338',
} as const satisfies Partial<DatasetEntry>;

export const solubility: DatasetEntry = {
  ...common,
  id: 'solubility',
  name: 'Huuskonen solubility',
  task: 'regression',
  outputs: 1,
  classes: [],
  targets: ['SOL'],
  read: (contents) => readParts(contents, solubility),
};

export const solubilityClasses: DatasetEntry = {
  ...common,
  id: 'solubility-classes',
  name: 'Huuskonen solubility, three classes',
  task: 'classification',
  outputs: classes.length,
  classes,
  targets: ['SOL_classification'],
  read: (contents) => readParts(contents, solubilityClasses),
};

/** Both files as one set. A molecule that cannot be read is a fault here: its neighbours would move to another part. */
async function readParts(
  contents: readonly Uint8Array<ArrayBuffer>[],
  { name, task, targets, classes: expected }: DatasetEntry,
): Promise<TensorDataset> {
  const { readSdf } = await import('./import/formats/sdf.ts');
  const parts: TensorDataset[] = [];
  for (const [i, file] of files.entries()) {
    const source = bytesSource(contents[i] ?? new Uint8Array(0), file);
    const options = { target: targets[0], task: task === 'regression' ? task : 'classification' } as const;
    const part = await readSdf(source, options, name, { limits: defaultLimits });
    const [skipped] = part.skipped.reasons;
    if (skipped !== undefined) throw damaged(file, `${skipped.first} ${skipped.reason}`);
    if (part.examples !== splits[i]?.count)
      throw damaged(file, `holds ${part.examples} molecules; expected ${splits[i]?.count ?? 0}`);
    if (part.classes.join() !== expected.join())
      throw damaged(file, `has the classes ${part.classes.join(', ')}; expected ${expected.join(', ')}`);
    parts.push(part);
  }
  return { ...joinGraphs(parts), splits };
}

function damaged(file: string, problem: string): KronlabError {
  return new KronlabError(
    'invalid',
    `${file}: ${problem}; restore the file from a fresh copy of the project`,
  );
}
