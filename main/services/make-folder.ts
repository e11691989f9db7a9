/** Makes a folder of the lab's own, private to this user, with a sentence where that fails. */
import { mkdirSync } from 'node:fs';
import { KronlabError } from '../../contract/errors.ts';

/** Throws `storage`. */
export function makeFolder(path: string): void {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new KronlabError(
      'storage',
      `The data folder ${path} cannot be made (${reason}). Choose another with KRONLAB_DATA.`,
    );
  }
}
