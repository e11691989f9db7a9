/** The data sets of the lab, as a list that follows the Node side. */
import type { Client } from '../../contract/api.ts';
import type { DatasetSample, DatasetSummary } from '../../contract/datasets.ts';
import { KronlabError } from '../../contract/errors.ts';
import { datasets as bundled } from '../../datasets/registry.ts';
import type { LoadState } from './runs.svelte.ts';

const thumbnails = 24;

export class DatasetsStore {
  #client: Client;
  #samples = new Map<string, Promise<DatasetSample>>();
  list = $state.raw<readonly DatasetSummary[]>([]);
  /** Those in the trash; null before they were asked for. */
  trashed = $state.raw<readonly DatasetSummary[] | null>(null);
  state = $state<LoadState>('loading');
  error = $state.raw<KronlabError | null>(null);
  readonly byId = $derived(new Map(this.list.map((set) => [set.id, set])));

  constructor(client: Client) {
    this.#client = client;
    client.on('datasets.changed', () => void this.load());
  }

  async load(): Promise<void> {
    try {
      this.list = await this.#client.call('datasets.list', { trashed: false });
      if (this.trashed !== null) await this.loadTrash();
      this.error = null;
      this.state = 'ready';
    } catch (error) {
      this.error = KronlabError.from(error);
      if (this.state === 'loading') this.state = 'error';
    }
  }

  async loadTrash(): Promise<void> {
    this.trashed = await this.#client.call('datasets.list', { trashed: true });
  }

  /** A few examples for a thumbnail, asked for once: a data set is named by its content. */
  sample(id: string): Promise<DatasetSample> {
    const known = this.#samples.get(id);
    if (known !== undefined) return known;
    const asked = this.#client.call('datasets.sample', { id, count: thumbnails });
    this.#samples.set(id, asked);
    asked.catch(() => this.#samples.delete(id));
    return asked;
  }

  /** The name of a data set, also before the list is there; the id itself where the lab does not know it. */
  nameOf(id: string): string {
    return this.byId.get(id)?.name ?? bundled.find((entry) => entry.id === id)?.name ?? id;
  }

  async rename(id: string, name: string): Promise<void> {
    await this.#client.call('datasets.rename', { id, name });
    await this.load();
  }

  async tag(id: string, tags: readonly string[]): Promise<void> {
    await this.#client.call('datasets.tag', { id, tags: [...tags] });
    await this.load();
  }

  /** Deletes these sets of the trash for good. */
  async emptyTrash(ids: readonly string[]): Promise<{ ids: string[]; bytes: number }> {
    const gone = await this.#client.call('datasets.emptyTrash', { ids: [...ids] });
    await this.load();
    return gone;
  }

  /** Into the trash or back. Throws `KronlabError` that names the runs which need it. */
  async trash(id: string, trashed: boolean): Promise<void> {
    await this.#client.call('datasets.trash', { id, trashed });
    await this.load();
  }
}
