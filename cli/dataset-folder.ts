/** Where the imported data sets of a database are: beside it. */
import { dirname, join, resolve } from 'node:path';
import { dataDirectory } from '../main/services/paths.ts';

/** @param database as given with `--db`; undefined for the app's own */
export function datasetFolder(database: string | undefined): string {
  return join(database === undefined ? dataDirectory() : dirname(resolve(database)), 'datasets');
}
