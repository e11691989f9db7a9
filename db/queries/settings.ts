/** The app's settings: one row per field, so that a field added later simply has no row yet. */
import { settingsSchema, type Settings, type SettingsPatch } from '../../contract/api.ts';
import type { Db } from '../sqlite.ts';

export type SettingQueries = ReturnType<typeof createSettingQueries>;

export function createSettingQueries(db: Db) {
  const select = db.prepare<{ key: string; json: string }>('SELECT key, json FROM setting');
  const upsert = db.prepare('INSERT OR REPLACE INTO setting (key, json) VALUES (?, ?)');
  return {
    /** Defaults where nothing was stored. Rows of fields this version does not know are left alone. */
    get(): Settings {
      const stored = select.all().filter(({ key }) => key in settingsSchema.shape);
      return settingsSchema.parse(Object.fromEntries(stored.map(({ key, json }) => [key, JSON.parse(json)])));
    },

    set(patch: SettingsPatch): void {
      for (const [key, value] of Object.entries(patch)) {
        if (value !== undefined) upsert.run(key, JSON.stringify(value));
      }
    },
  };
}
