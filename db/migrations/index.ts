/** Every step the schema ever took, in order. A shipped migration is never edited: the next change is the next number. */
import type { Migration } from '../migrate.ts';
import { migration as runs } from './0001-runs.ts';

export const migrations: readonly Migration[] = [runs];
