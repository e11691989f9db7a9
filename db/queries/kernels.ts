/**
 * Which kernel variants were measured to be the fastest, one row per adapter beside the settings. A table of another
 * version of the kernels, or one that does not read as a table, is none: everything is then measured again.
 */
import { z } from 'zod';
import { kernelChoicesSchema } from '../../contract/api.ts';
import type { Db } from '../sqlite.ts';

export type KernelQueries = ReturnType<typeof createKernelQueries>;

const rowSchema = z.object({ version: z.string(), choices: kernelChoicesSchema });

export function createKernelQueries(db: Db) {
  const select = db.prepare<{ json: string }>('SELECT json FROM setting WHERE key = ?');
  const upsert = db.prepare('INSERT OR REPLACE INTO setting (key, json) VALUES (?, ?)');
  const keyOf = (adapter: string): string => `kernels of ${adapter}`;
  return {
    get(adapter: string, version: string): Record<string, string> {
      const row = rowSchema.safeParse(readJson(select.get(keyOf(adapter))?.json));
      return row.success && row.data.version === version ? row.data.choices : {};
    },

    set(adapter: string, version: string, choices: Readonly<Record<string, string>>): void {
      upsert.run(keyOf(adapter), JSON.stringify({ version, choices }));
    },
  };
}

function readJson(text: string | undefined): unknown {
  try {
    return text === undefined ? null : JSON.parse(text);
  } catch {
    return null;
  }
}
