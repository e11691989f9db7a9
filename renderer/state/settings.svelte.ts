/** Settings of the lab as the Node side keeps them, and the theme they ask for. */
import type { Client, Settings, SettingsPatch } from '../../contract/api.ts';
import { settingsSchema } from '../../contract/api.ts';
import type { Toasts } from './toasts.svelte.ts';

/** Lets the next start paint in the right theme before the settings have arrived. */
const THEME_HINT = 'kronlab-theme';

export class SettingsStore {
  #client: Client;
  #toasts: Toasts;
  #systemDark = $state(false);
  value = $state.raw<Settings>(settingsSchema.parse({}));
  loaded = $state(false);

  /** True while the dark theme is shown, whoever asked for it. */
  readonly dark = $derived(
    this.value.theme === 'dark' || (this.value.theme === 'system' && this.#systemDark),
  );

  constructor(client: Client, toasts: Toasts) {
    this.#client = client;
    this.#toasts = toasts;
    const query = matchMedia('(prefers-color-scheme: dark)');
    this.#systemDark = query.matches;
    query.addEventListener('change', (event) => {
      this.#systemDark = event.matches;
    });
    const hint = localStorage.getItem(THEME_HINT);
    if (hint === 'light' || hint === 'dark') this.#accept({ ...this.value, theme: hint });
  }

  async load(): Promise<void> {
    this.#accept(await this.#client.call('settings.get', {}));
    this.loaded = true;
  }

  /** Applies at once; goes back and says why when it cannot be kept. */
  async set(patch: SettingsPatch): Promise<boolean> {
    const before = this.value;
    this.#accept({ ...before, ...definedOnly(patch) });
    try {
      await this.#client.call('settings.set', patch);
      return true;
    } catch (error) {
      this.#accept(before);
      this.#toasts.fail(error);
      return false;
    }
  }

  toggleTheme(): void {
    void this.set({ theme: this.dark ? 'light' : 'dark' });
  }

  #accept(settings: Settings): void {
    this.value = settings;
    const root = document.documentElement;
    if (settings.theme === 'system') {
      delete root.dataset.theme;
      localStorage.removeItem(THEME_HINT);
    } else {
      root.dataset.theme = settings.theme;
      localStorage.setItem(THEME_HINT, settings.theme);
    }
  }
}

function definedOnly(patch: SettingsPatch): Partial<Settings> {
  return Object.fromEntries(Object.entries(patch).filter(([, value]) => value !== undefined));
}
