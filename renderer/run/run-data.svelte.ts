/**
 * Everything the run page shows about one run, wherever it comes from: this window's own training while the run is
 * live here, the store otherwise.
 */
import type { Client } from '../../contract/api.ts';
import { KronlabError } from '../../contract/errors.ts';
import type { MetricKey, RunEvent, RunSummary, Series } from '../../contract/runs.ts';
import type { Lab } from '../state/lab.svelte.ts';
import type { LiveRun } from '../state/live-run.svelte.ts';

/** What the page shows of every run, beside its target's metric. */
const KEYS: readonly MetricKey[] = ['train.loss', 'val.loss', 'curvature.damping', 'time.step_ms'];

export class RunData {
  #lab: Lab;
  #id: string;
  #fetched = $state.raw<RunSummary | null>(null);
  #storedEvents = $state.raw<readonly RunEvent[]>([]);
  /** This window's own training of the run, kept after its end until the store has answered. */
  #kept = $state.raw<LiveRun | null>(null);
  error = $state.raw<KronlabError | null>(null);

  readonly live: LiveRun | null = $derived.by(() => {
    const live = this.#lab.trainer.live;
    return live?.run.id === this.#id ? live : null;
  });
  readonly run: RunSummary | null = $derived.by(
    () => this.#lab.runs.byId.get(this.#id) ?? this.#fetched ?? null,
  );
  readonly events: readonly RunEvent[] = $derived(
    this.live && this.live.events.length > 0 ? this.live.events : this.#storedEvents,
  );
  /** The other runs of the group, by seed. */
  readonly siblings: readonly RunSummary[] = $derived.by(() => {
    const run = this.run;
    if (!run) return [];
    return this.#lab.runs.list
      .filter((other) => other.groupHash === run.groupHash && other.id !== run.id)
      .toSorted((a, b) => a.seed - b.seed);
  });

  constructor(lab: Lab, id: string) {
    this.#lab = lab;
    this.#id = id;
  }

  /** The last progress of a run that was trained in this window. */
  get lastProgress(): LiveRun['progress'] {
    return (this.live ?? this.#kept)?.progress ?? null;
  }

  keep(live: LiveRun): void {
    this.#kept = live;
  }

  get #client(): Client {
    return this.#lab.client;
  }

  /** Reads the run, its events and the curves. Read again whenever the list says that the run has changed. */
  async load(): Promise<void> {
    try {
      const { run, events } = await this.#client.call('runs.get', { id: this.#id });
      this.#fetched = run;
      this.#storedEvents = events;
      await this.#lab.series.want([this.#id], [...new Set([...KEYS, run.spec.target.metric])]);
      this.error = null;
    } catch (error) {
      this.error = KronlabError.from(error);
    }
  }

  async loadSiblings(key: MetricKey): Promise<void> {
    const ids = this.siblings.filter((other) => other.metrics.length > 0).map((other) => other.id);
    try {
      await this.#lab.series.want(ids, [key]);
    } catch (error) {
      this.error = KronlabError.from(error);
    }
  }

  series(key: MetricKey): Series | null {
    const own = (this.live ?? this.#kept)?.series(key) ?? null;
    const stored = this.#lab.series.get(this.#id, key);
    return own && own.steps.length >= (stored?.steps.length ?? 0) ? own : stored;
  }

  siblingSeries(key: MetricKey): { run: RunSummary; series: Series }[] {
    return this.siblings.flatMap((run) => {
      const series = this.#lab.series.get(run.id, key);
      return series && series.steps.length > 0 ? [{ run, series }] : [];
    });
  }
}
