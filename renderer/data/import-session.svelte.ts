/** One import from the choice of files to its report. */
import type { Client } from '../../contract/api.ts';
import {
  importChoicesSchema,
  type DatasetRecord,
  type ImportChoices,
  type ImportFormat,
  type ImportOptions,
  type ImportOutcome,
  type ImportPreview,
} from '../../contract/datasets.ts';
import { KronlabError } from '../../contract/errors.ts';
import type { FileDoor, NamedFile } from '../transport/files.ts';

export type ImportStep = 'choose' | 'gather' | 'check' | 'run' | 'done';

export class ImportSession {
  #client: Client;
  #door: FileDoor;
  #inbox: string | null = null;
  #abort = new AbortController();
  #stop: () => void;
  /** Counts looks at the files: only the last one counts. */
  #looks = 0;
  step = $state<ImportStep>('choose');
  /** What is going on, while something is. */
  phase = $state('');
  fraction = $state(0);
  /** Looking at the files anew. */
  looking = $state(false);
  error = $state.raw<KronlabError | null>(null);
  preview = $state.raw<ImportPreview | null>(null);
  result = $state.raw<{ record: DatasetRecord; outcome: ImportOutcome } | null>(null);
  options = $state.raw<ImportOptions>({});
  /** What could be chosen, as the last error said that had something to say about it. */
  choices = $state.raw<ImportChoices>({});

  constructor(client: Client, door: FileDoor) {
    this.#client = client;
    this.#door = door;
    this.#stop = client.on('imports.progress', ({ id, phase, file, fraction }) => {
      if (id !== this.#inbox) return;
      const verbs = { fetching: 'Fetching', reading: 'Reading', keeping: 'Keeping' };
      this.phase = `${verbs[phase]} ${file}`;
      this.fraction = fraction;
    });
  }

  /** Whether the host asks for files with its native dialog. */
  get asksNatively(): boolean {
    return this.#door.choose !== null;
  }

  /** Folders that are dropped are walked by the page where it has to upload what is in them. */
  get uploads(): boolean {
    return this.#door.choose === null;
  }

  async take(files: readonly NamedFile[]): Promise<void> {
    if (files.length === 0) return;
    const what = files.length === 1 ? files[0]!.name : `${files.length} files`;
    await this.#gather(`Taking in ${what}`, async (inbox) => {
      await this.#door.put(inbox, files, this.#abort.signal, (fraction) => (this.fraction = fraction));
      return true;
    });
  }

  /** Asks with the native dialog. */
  async choose(kind: 'files' | 'folder'): Promise<void> {
    await this.#gather('Waiting for your choice', async (inbox) => {
      return ((await this.#door.choose?.(inbox, kind)) ?? 0) > 0;
    });
  }

  async fetchFashionMnist(): Promise<void> {
    this.options = { name: 'Fashion-MNIST' };
    await this.#gather('Looking for Fashion-MNIST on this machine', async (inbox) => {
      await this.#client.call('imports.fetch', { id: inbox, set: 'fashion-mnist' });
      return true;
    });
  }

  /** Null while it is not known. */
  get format(): ImportFormat | null {
    return this.options.format ?? this.preview?.format ?? this.choices.format ?? null;
  }

  /** Another format knows other choices. */
  async setFormat(format: ImportFormat): Promise<void> {
    const { name } = this.options;
    this.options = withoutGaps({ name, format });
    this.choices = {};
    await this.#look();
  }

  /** Changes choices and looks at the files again. */
  async change(changes: Partial<ImportOptions>): Promise<void> {
    this.options = withoutGaps({ ...this.options, ...changes });
    await this.#look();
  }

  /** The name is no reason to look again. */
  rename(name: string): void {
    this.options = withoutGaps({ ...this.options, name: name.trim() === '' ? undefined : name.trim() });
  }

  async run(): Promise<void> {
    const id = this.#inbox;
    if (id === null) return;
    this.#looks += 1;
    this.looking = false;
    this.error = null;
    this.#begin('run', 'Reading');
    try {
      this.result = await this.#client.call('imports.run', { id, options: this.options });
      this.#inbox = null;
      this.step = 'done';
    } catch (error) {
      this.#fail(error, 'check');
    }
  }

  /** Ends what is going on; where that is the import, its choices stay. */
  async cancel(): Promise<void> {
    this.#abort.abort();
    const id = this.#inbox;
    if (id !== null) await this.#client.call('imports.cancel', { id }).catch(() => undefined);
  }

  /** Back to the choice of files. */
  async restart(): Promise<void> {
    await this.#discard();
    this.#looks += 1;
    this.options = {};
    this.choices = {};
    this.preview = null;
    this.error = null;
    this.step = 'choose';
  }

  /** Ends the session and everything it has not kept. */
  async close(): Promise<void> {
    this.#stop();
    this.#abort.abort();
    await this.#discard();
  }

  #begin(step: ImportStep, phase: string): void {
    this.#abort = new AbortController();
    this.step = step;
    this.phase = phase;
    this.fraction = 0;
  }

  async #gather(phase: string, work: (inbox: string) => Promise<boolean>): Promise<void> {
    await this.#discard();
    this.error = null;
    this.#begin('gather', phase);
    try {
      this.#inbox = (await this.#client.call('imports.open', {})).id;
      if (!(await work(this.#inbox))) {
        await this.restart();
        return;
      }
      this.phase = 'Looking at the files';
      await this.#look();
    } catch (error) {
      await this.#discard();
      this.#fail(error, 'choose');
    }
  }

  async #look(): Promise<void> {
    const id = this.#inbox;
    if (id === null) return;
    const look = (this.#looks += 1);
    this.looking = true;
    this.error = null;
    try {
      const preview = await this.#client.call('imports.preview', { id, options: this.options });
      if (look === this.#looks) {
        this.preview = preview;
        // It says itself what could be predicted; the file of labels may be chosen anew.
        const { files } = this.choices;
        this.choices = files === undefined ? {} : { files };
      }
    } catch (error) {
      // A choice that does not fit stays in the form, with the sentence that says why.
      if (look === this.#looks) this.#fail(error, 'check');
      else return;
    }
    if (look !== this.#looks) return;
    this.looking = false;
    this.step = 'check';
  }

  #fail(error: unknown, step: ImportStep): void {
    const failure = KronlabError.from(error);
    this.error = failure.code === 'cancelled' ? null : failure;
    const choices = importChoicesSchema.safeParse(failure.data);
    if (choices.success) this.choices = { ...this.choices, ...choices.data };
    this.step = step;
  }

  async #discard(): Promise<void> {
    const id = this.#inbox;
    this.#inbox = null;
    if (id !== null) await this.#client.call('imports.discard', { id }).catch(() => undefined);
  }
}

function withoutGaps(options: { [K in keyof ImportOptions]: ImportOptions[K] | undefined }): ImportOptions {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}
