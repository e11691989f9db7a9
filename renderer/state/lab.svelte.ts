/** Everything the pages share, made once when the app starts and handed down by context. */
import { createContext } from 'svelte';
import type { Client } from '../../contract/api.ts';
import { Router } from '../router.svelte.ts';
import { Commands } from './commands.svelte.ts';
import { Connection, type Connect } from './connection.svelte.ts';
import { DatasetsStore } from './datasets.svelte.ts';
import { GroupColours } from './group-colours.svelte.ts';
import { RunsStore } from './runs.svelte.ts';
import { RunsView } from './runs-view.svelte.ts';
import { SeriesStore } from './series.svelte.ts';
import { SettingsStore } from './settings.svelte.ts';
import { Toasts } from './toasts.svelte.ts';
import { fileDoor, type FileDoor } from '../transport/files.ts';
import { TrainerStore, type TrainingPort } from './trainer.svelte.ts';

export interface LabOptions {
  connect: Connect;
  createPort: () => TrainingPort;
  /** How files come in; default: the way of the host. */
  files?: FileDoor;
}

export class Lab {
  readonly router = new Router();
  readonly toasts = new Toasts();
  readonly commands = new Commands();
  readonly connection: Connection;
  readonly settings: SettingsStore;
  readonly colours: GroupColours;
  readonly runs: RunsStore;
  readonly runsView = new RunsView();
  readonly series: SeriesStore;
  readonly trainer: TrainerStore;
  readonly datasets: DatasetsStore;
  readonly files: FileDoor;
  /** The palette and the sheet of keys; at most one is open. */
  overlay = $state<'palette' | 'keys' | null>(null);

  constructor(options: LabOptions) {
    this.connection = new Connection(options.connect);
    this.settings = new SettingsStore(this.connection, this.toasts);
    this.colours = new GroupColours(this.settings);
    this.runs = new RunsStore(this.connection);
    this.series = new SeriesStore(this.connection);
    this.trainer = new TrainerStore(this.connection, this.toasts, options.createPort);
    this.datasets = new DatasetsStore(this.connection);
    this.files = options.files ?? fileDoor();
    this.connection.onReopened(() => {
      void this.runs.load();
      void this.datasets.load();
    });
  }

  /** The typed calls of the contract. */
  get client(): Client {
    return this.connection;
  }

  /** First loads; each store keeps its own error. */
  async start(): Promise<void> {
    this.trainer.probe();
    await Promise.all([
      this.settings.load().catch((error: unknown) => this.toasts.fail(error)),
      this.runs.load(),
      this.datasets.load(),
      this.#tellNotices().catch((error: unknown) => this.toasts.fail(error)),
    ]);
  }

  /** What the Node side wants read once, e.g. that a damaged database was moved aside. Settings keeps showing it. */
  async #tellNotices(): Promise<void> {
    const { notices } = await this.client.call('app.info', {});
    for (const notice of notices) this.toasts.say(notice);
  }
}

export const [useLab, provideLab] = createContext<Lab>();
