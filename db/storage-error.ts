/** Turns what SQLite reports into one sentence that says which file, what is wrong and what to do. */
import { KronlabError } from '../contract/errors.ts';

/** `SQLITE_FULL` and the like; null for errors that are not SQLite's. */
export function sqliteCode(error: unknown): string | null {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return null;
  return error.code.startsWith('SQLITE_') ? error.code : null;
}

/** True for a file that is damaged or is no database at all. */
export function isDamage(error: unknown): boolean {
  const code = error instanceof KronlabError ? storedCode(error) : sqliteCode(error);
  return code !== null && /^SQLITE_(CORRUPT|NOTADB)/.test(code);
}

/** `KronlabError` as it is; SQLite's errors as `storage` or `unavailable`; anything else unchanged. */
export function toStorageError(error: unknown, path: string): unknown {
  const code = sqliteCode(error);
  if (code === null) return error;
  const [kind, sentence] = explain(code, path, error instanceof Error ? error.message : '');
  return new KronlabError(kind, sentence, { sqlite: code });
}

type Explanation = ['storage' | 'unavailable' | 'internal', string];

function explain(code: string, path: string, message: string): Explanation {
  const primary = code.split('_').slice(0, 2).join('_');
  switch (primary) {
    case 'SQLITE_FULL':
      return [
        'storage',
        `The disk with ${path} is full, so this was not saved. Free some space and try again; what was stored before is intact.`,
      ];
    case 'SQLITE_READONLY':
    case 'SQLITE_PERM':
    case 'SQLITE_AUTH':
      return ['storage', `${path} cannot be written: make the file and its folder writable for this user.`];
    case 'SQLITE_CANTOPEN':
      return [
        'storage',
        `${path} cannot be opened: check that its folder exists and that this user may write there.`,
      ];
    case 'SQLITE_IOERR':
      return [
        'storage',
        `Reading or writing ${path} failed (${message}), so this was not saved. Check the disk; what was stored before is intact.`,
      ];
    case 'SQLITE_CORRUPT':
    case 'SQLITE_NOTADB':
      return [
        'storage',
        `${path} is damaged or not a database (${message}). Restore it from a backup or choose another file.`,
      ];
    case 'SQLITE_BUSY':
    case 'SQLITE_LOCKED':
      return ['unavailable', `Another program is holding ${path}. Close it, or try again in a moment.`];
    default:
      return ['internal', `The store refused a statement (${code}: ${message}).`];
  }
}

function storedCode(error: KronlabError): string | null {
  const { data } = error;
  if (typeof data !== 'object' || data === null || !('sqlite' in data)) return null;
  return typeof data.sqlite === 'string' ? data.sqlite : null;
}
