/** The actions that every page has: going places, the theme, undo, the palette and the sheet of keys. */
import type { Command } from '../state/commands.svelte.ts';
import type { Lab } from '../state/lab.svelte.ts';

export const pages = [
  { path: '/compare', label: 'Compare', icon: 'compare', page: 'compare', section: 'Lab' },
  { path: '/runs', label: 'Runs', icon: 'runs', page: 'runs', section: 'Lab' },
  { path: '/new', label: 'New comparison', icon: 'sweep', page: 'new', section: 'Lab' },
  { path: '/data', label: 'Data sets', icon: 'data', page: 'data', section: 'Lab' },
  { path: '/gpu', label: 'GPU', icon: 'gpu', page: 'gpu', section: 'Machine' },
  { path: '/settings', label: 'Settings', icon: 'gear', page: 'settings', section: 'Machine' },
] as const;

export function shellCommands(lab: Lab): Command[] {
  const goTo: Command[] = pages.map((page) => ({
    id: `page.${page.page}`,
    label: page.label,
    section: 'Pages',
    run: () => lab.router.go(page.path),
  }));
  return [
    ...goTo,
    {
      id: 'palette',
      label: 'Search pages, runs and commands',
      section: 'Everywhere',
      key: 'ctrl+k',
      keyOnly: true,
      run: () => {
        lab.overlay = 'palette';
      },
    },
    {
      id: 'undo',
      label: 'Undo the last action',
      section: 'Everywhere',
      key: 'ctrl+z',
      run: () => lab.toasts.undoLast(),
    },
    {
      id: 'theme',
      label: 'Switch between light and dark',
      section: 'Everywhere',
      run: () => lab.settings.toggleTheme(),
    },
    {
      id: 'keys',
      label: 'Show all keys',
      section: 'Everywhere',
      key: '?',
      run: () => {
        lab.overlay = 'keys';
      },
    },
  ];
}
