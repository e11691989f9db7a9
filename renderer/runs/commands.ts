/** The keys of the Runs page. Moving is moving the focus from row to row, so that Space and Enter mean what they always do. */
import type { Command } from '../state/commands.svelte.ts';

export interface RunsActions {
  table: () => HTMLElement | null;
  compare: () => boolean;
  remove: () => void;
  clear: () => boolean;
  openExport: () => boolean;
}

export function runsCommands(actions: RunsActions): Command[] {
  const section = 'Runs';
  return [
    {
      id: 'runs.filter',
      label: 'Filter runs',
      section,
      key: '/',
      run: () => document.getElementById('run-filter')?.focus(),
    },
    {
      id: 'runs.down',
      label: 'Next row',
      section,
      key: 'j',
      keyOnly: true,
      run: () => moveFocus(actions.table(), 1),
    },
    {
      id: 'runs.up',
      label: 'Previous row',
      section,
      key: 'k',
      keyOnly: true,
      run: () => moveFocus(actions.table(), -1),
    },
    {
      id: 'runs.select',
      label: 'Select the row',
      section,
      key: ' ',
      keyOnly: true,
      run: () => false,
    },
    {
      id: 'runs.open',
      label: 'Open the run, or fold the group',
      section,
      key: 'enter',
      keyOnly: true,
      run: () => openRow(),
    },
    { id: 'runs.compare', label: 'Compare the selected runs', section, key: 'c', run: actions.compare },
    { id: 'runs.export', label: 'Export the selected runs', section, key: 'e', run: actions.openExport },
    { id: 'runs.delete', label: 'Delete the selected runs', section, key: 'delete', run: actions.remove },
    {
      id: 'runs.clear',
      label: 'Clear the selection',
      section,
      key: 'escape',
      keyLabel: 'Esc',
      keyOnly: true,
      run: actions.clear,
    },
  ];
}

/** False at either end and where there is no table. */
function moveFocus(table: HTMLElement | null, by: 1 | -1): boolean {
  const rows = [...(table?.querySelectorAll<HTMLElement>('tbody tr') ?? [])];
  const here = rows.findIndex((row) => row.contains(document.activeElement));
  const next = here < 0 ? (by > 0 ? rows[0] : rows.at(-1)) : rows[here + by];
  const box = next?.querySelector<HTMLElement>('input[type="checkbox"]');
  box?.focus();
  next?.scrollIntoView({ block: 'nearest' });
  return box !== undefined && box !== null;
}

function openRow(): boolean {
  const row = document.activeElement?.closest('tbody tr');
  const target = row?.querySelector<HTMLElement>('a[href], .disc');
  target?.click();
  return target !== undefined && target !== null;
}
