/** Where data sets, uploads and weights lie: beside the database, so that a copy of the folder is a copy of the lab. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

export interface DatasetFolders {
  datasets: string;
  uploads: string;
  weights: string;
  /** Removes what belongs to a database in memory. */
  close(): void;
}

/** @param databasePath as given by the user; undefined for the one in `dataDir` */
export function datasetFolders(dataDir: string, databasePath: string | undefined): DatasetFolders {
  const isInMemory = databasePath === ':memory:';
  const home = isInMemory
    ? mkdtempSync(join(tmpdir(), 'kronlab-memory-'))
    : databasePath === undefined
      ? dataDir
      : dirname(resolve(databasePath));
  return {
    datasets: join(home, 'datasets'),
    uploads: join(home, 'datasets', '.uploads'),
    weights: join(home, 'weights'),
    close() {
      if (isInMemory) rmSync(home, { recursive: true, force: true });
    },
  };
}
