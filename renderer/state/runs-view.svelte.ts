/**
 * What a person has set on the Runs page: filter, order, folded groups, selection, scroll. It outlives the page, so
 * that Back finds everything as it was left.
 */
import { SvelteSet } from 'svelte/reactivity';

export type SortColumn =
  'name' | 'status' | 'best' | 'bestStep' | 'lr' | 'damping' | 'steps' | 'trained' | 'started';

export class RunsView {
  filter = $state('');
  sort = $state<{ column: SortColumn; descending: boolean }>({ column: 'started', descending: true });
  showTrash = $state(false);
  /** Run ids. */
  readonly selected = new SvelteSet<string>();
  /** Group hashes that a person has opened or closed; others follow the default. */
  readonly opened = new SvelteSet<string>();
  readonly closed = new SvelteSet<string>();
  /** The row the keyboard is on: a group hash or a run id. */
  cursor = $state<string | null>(null);
  scrollTop = 0;

  sortBy(column: SortColumn): void {
    const descending = this.sort.column === column ? !this.sort.descending : column !== 'name';
    this.sort = { column, descending };
  }

  isOpen(hash: string, byDefault: boolean): boolean {
    return this.opened.has(hash) || (byDefault && !this.closed.has(hash));
  }

  setOpen(hash: string, open: boolean): void {
    this.opened.delete(hash);
    this.closed.delete(hash);
    (open ? this.opened : this.closed).add(hash);
  }

  select(ids: readonly string[], on: boolean): void {
    for (const id of ids) {
      if (on) this.selected.add(id);
      else this.selected.delete(id);
    }
  }
}
