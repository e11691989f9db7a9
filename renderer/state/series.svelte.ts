/** Curves of stored runs, fetched once and kept until the run changes, so that tables and charts share them. */
import { SvelteMap } from 'svelte/reactivity';
import type { Client } from '../../contract/api.ts';
import type { MetricKey, Series } from '../../contract/runs.ts';

const BATCH = 200;

export class SeriesStore {
  #client: Client;
  #known = new SvelteMap<string, Series>();
  #wanted = new Set<string>();

  constructor(client: Client) {
    this.#client = client;
    client.on('runs.changed', ({ ids }) => {
      const changed = new Set(ids);
      for (const name of this.#wanted) if (changed.has(runOf(name))) this.#wanted.delete(name);
    });
  }

  /** The curve if it is here already; call `want` to fetch it. */
  get(runId: string, key: MetricKey): Series | null {
    return this.#known.get(nameOf(runId, key)) ?? null;
  }

  /** Fetches what is missing or has changed since. Throws `KronlabError`. */
  async want(runIds: readonly string[], keys: readonly MetricKey[]): Promise<void> {
    const missing = runIds.filter((id) => keys.some((key) => !this.#wanted.has(nameOf(id, key))));
    for (let start = 0; start < missing.length; start += BATCH) {
      const part = missing.slice(start, start + BATCH);
      for (const id of part) for (const key of keys) this.#wanted.add(nameOf(id, key));
      try {
        const answer = await this.#client.call('runs.series', { runIds: part, keys: [...keys] });
        for (const series of answer) this.#known.set(nameOf(series.runId, series.key), series);
      } catch (error) {
        for (const id of part) for (const key of keys) this.#wanted.delete(nameOf(id, key));
        throw error;
      }
    }
  }
}

function nameOf(runId: string, key: MetricKey): string {
  return `${key} ${runId}`;
}

function runOf(name: string): string {
  return name.slice(name.indexOf(' ') + 1);
}
