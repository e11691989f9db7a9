/** The data sets the lab knows. A new one is a file with its reader, and a line here and in `web.ts`. */
import { KronlabError } from '../contract/errors.ts';
import type { DatasetEntry } from './dataset.ts';
import { digits } from './digits.ts';
import { mobyDick } from './moby-dick.ts';
import { solubility, solubilityClasses } from './solubility.ts';
import { deepLinear, spirals, teacher } from './synthetic.ts';

export const datasets: readonly DatasetEntry[] = [
  digits,
  solubility,
  solubilityClasses,
  mobyDick,
  spirals,
  teacher,
  deepLinear,
];

/** The data set with this id. Throws `KronlabError` (`not-found`) that lists the known ids. */
export function findDataset(id: string): DatasetEntry {
  const entry = datasets.find((d) => d.id === id);
  if (entry !== undefined) return entry;
  const known = datasets.map((d) => d.id).join(', ');
  throw new KronlabError('not-found', `unknown data set "${id}"; known data sets: ${known}`);
}
