/** The data sets the lab knows. A new one is a file with its reader, and a line here and in `web.ts`. */
import { KronlabError } from '../contract/errors.ts';
import type { DatasetEntry } from './dataset.ts';
import { digits } from './digits.ts';

export const datasets: readonly DatasetEntry[] = [digits];

/** The data set with this id. Throws `KronlabError` (`not-found`) that lists the known ids. */
export function findDataset(id: string): DatasetEntry {
  const entry = datasets.find((d) => d.id === id);
  if (entry !== undefined) return entry;
  const known = datasets.map((d) => d.id).join(', ');
  throw new KronlabError('not-found', `unknown data set "${id}"; known data sets: ${known}`);
}
