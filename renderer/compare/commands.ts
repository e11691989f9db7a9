/** The keys of the compare page. */
import type { Command } from '../state/commands.svelte.ts';
import type { CompareView } from './compare-view.svelte.ts';

/** Id of the slider, so that `T` finds it. */
export const targetSliderId = 'compare-target';

export function compareCommands(view: CompareView, openExport: () => boolean): Command[] {
  const section = 'Compare';
  return [
    { id: 'compare.target', label: 'Focus the target', section, key: 't', run: focusTarget },
    {
      id: 'compare.axis',
      label: 'Change the horizontal axis',
      section,
      key: 'x',
      run: () => view.nextAxis(),
    },
    { id: 'compare.preset', label: 'Back to the preset target', section, run: () => view.backToPreset() },
    {
      id: 'compare.table',
      label: 'Show the curves as a table or as charts',
      section,
      run: () => {
        view.asTable = !view.asTable;
      },
    },
    { id: 'compare.export', label: 'Export', section, key: 'e', run: openExport },
  ];
}

function focusTarget(): boolean {
  const slider = document.getElementById(targetSliderId);
  slider?.focus();
  return slider !== null;
}
