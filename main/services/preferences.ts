/** Settings, what was measured of adapters, and what the app can say about itself. */
import type { AppInfo } from '../../contract/api.ts';
import type { Services } from '../../contract/router.ts';
import type { Surroundings } from './surroundings.ts';

export function createPreferences(
  { store }: Surroundings,
  about: Pick<AppInfo, 'version' | 'host'>,
): Pick<Services, 'app.info' | 'settings.get' | 'settings.set' | 'kernels.read' | 'kernels.keep'> {
  return {
    'app.info': () => ({
      ...about,
      databasePath: store.path,
      databaseBytes: store.bytes(),
      nodeVersion: process.versions.node,
      sqliteVersion: store.sqliteVersion,
      notices: [...store.notices],
    }),

    'settings.get': () => store.settings.get(),

    'settings.set'(patch) {
      store.transaction(() => store.settings.set(patch));
      if (patch.durability !== undefined) store.applyDurability();
      return store.settings.get();
    },

    'kernels.read': ({ adapter, version }) => store.kernels.get(adapter, version),

    'kernels.keep'({ adapter, version, choices }) {
      store.transaction(() => store.kernels.set(adapter, version, choices));
      return { kept: Object.keys(choices).length };
    },
  };
}
