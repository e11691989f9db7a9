/** Fixtures from the disk, for the command line and the tests. */
import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { KronlabError } from '../contract/errors.ts';
import { parseFixture, type Fixture } from './fixture.ts';

/** The folder of the fixtures that ship with the project. */
export const goldensDirectory = fileURLToPath(new URL('.', import.meta.url));

/**
 * Paths of the fixtures in a folder: its `.json` files by name, without sub-folders. Throws `KronlabError`
 * (`not-found`) when the folder cannot be read or has none.
 */
export async function listFixtures(directory = goldensDirectory): Promise<string[]> {
  const entries = await readdir(directory, { withFileTypes: true }).catch((error: unknown) => {
    throw notFound(`cannot read the folder ${directory}`, error);
  });
  const names = entries.filter((e) => !e.isDirectory() && e.name.endsWith('.json')).map((e) => e.name);
  if (names.length === 0) {
    throw new KronlabError(
      'not-found',
      `no fixtures in ${directory}; expected .json files (format: goldens/README.md)`,
    );
  }
  return names.sort().map((name) => join(directory, name));
}

/**
 * Reads and checks one fixture. Throws `KronlabError`: `not-found` when it cannot be read, `invalid` naming file and key
 * when it is malformed.
 */
export async function loadFixture(path: string): Promise<Fixture> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw notFound(`cannot read the fixture ${path}`, error);
  });
  return parseFixture(basename(path), text);
}

function notFound(what: string, error: unknown): KronlabError {
  return new KronlabError('not-found', `${what}: ${error instanceof Error ? error.message : String(error)}`);
}
