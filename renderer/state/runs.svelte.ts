/**
 * The runs in the store, as lists that follow the Node side's `runs.changed` events. Old rows stay on screen while
 * newer ones are fetched.
 */
import type { Client } from '../../contract/api.ts';
import { KronlabError } from '../../contract/errors.ts';
import type { Comparison, RunSummary } from '../../contract/runs.ts';

export type LoadState = 'loading' | 'ready' | 'error';

/** Appends of a live run arrive up to four times a second; the lists follow more calmly. */
const REFRESH_MS = 500;
/** Up to so many changed runs are fetched one by one, more as a whole list. */
const SINGLE_FETCHES = 4;

export class RunsStore {
  #client: Client;
  #changed = new Set<string>();
  #timer: ReturnType<typeof setTimeout> | null = null;
  list = $state.raw<readonly RunSummary[]>([]);
  /** Runs in the trash; null before they were asked for. */
  trashed = $state.raw<readonly RunSummary[] | null>(null);
  comparisons = $state.raw<readonly Comparison[]>([]);
  state = $state<LoadState>('loading');
  error = $state.raw<KronlabError | null>(null);
  readonly byId = $derived(new Map(this.list.map((run) => [run.id, run])));

  constructor(client: Client) {
    this.#client = client;
    client.on('runs.changed', ({ ids }) => this.#note(ids));
  }

  async load(): Promise<void> {
    try {
      const [list, comparisons] = await Promise.all([
        this.#client.call('runs.list', { trashed: false }),
        this.#client.call('comparisons.list', {}),
      ]);
      this.list = list;
      this.comparisons = comparisons;
      this.error = null;
      this.state = 'ready';
    } catch (error) {
      this.error = KronlabError.from(error);
      if (this.state === 'loading') this.state = 'error';
    }
  }

  async loadTrash(): Promise<void> {
    this.trashed = await this.#client.call('runs.list', { trashed: true });
  }

  /** Moves runs to the trash or back and answers how many changed. Throws `KronlabError`, e.g. for a running run. */
  async trash(ids: readonly string[], trashed: boolean): Promise<number> {
    const { changed } = await this.#client.call('runs.trash', { ids: [...ids], trashed });
    await Promise.all([this.load(), this.trashed ? this.loadTrash() : null]);
    return changed;
  }

  /** Deletes these runs of the trash for good and answers how many there were. */
  async emptyTrash(ids: readonly string[]): Promise<number> {
    const gone = await this.#client.call('runs.emptyTrash', { ids: [...ids] });
    await Promise.all([this.load(), this.loadTrash()]);
    return gone.ids.length;
  }

  async rename(id: string, name: string): Promise<void> {
    this.#replace(await this.#client.call('runs.rename', { id, name }));
  }

  /** Puts newer rows in, e.g. those a comparison was created with. */
  merge(rows: readonly RunSummary[]): void {
    const fresh = new Map(rows.map((run) => [run.id, run]));
    const kept = this.list.map((run) => {
      const newer = fresh.get(run.id);
      fresh.delete(run.id);
      return newer ?? run;
    });
    this.list = [...fresh.values(), ...kept].filter((run) => run.trashedMs === null);
  }

  #replace(run: RunSummary): void {
    if (this.byId.has(run.id)) this.merge([run]);
  }

  #note(ids: readonly string[]): void {
    for (const id of ids) this.#changed.add(id);
    this.#timer ??= setTimeout(() => void this.#refresh(), REFRESH_MS);
  }

  async #refresh(): Promise<void> {
    const ids = [...this.#changed];
    this.#changed.clear();
    this.#timer = null;
    const known = ids.filter((id) => this.byId.has(id));
    if (known.length < ids.length || ids.length > SINGLE_FETCHES) {
      await this.load();
      if (this.trashed) await this.loadTrash();
      return;
    }
    try {
      const answers = await Promise.all(known.map((id) => this.#client.call('runs.get', { id })));
      this.merge(answers.map((answer) => answer.run));
    } catch (error) {
      this.error = KronlabError.from(error);
    }
  }
}
