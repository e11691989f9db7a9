/**
 * Files on their way into the lab. A page never names a path: it gets the number of an inbox, and its host puts files
 * into that, either uploaded ones, which lie in a folder of their own until the inbox ends, or those that a person chose
 * in a native dialog or dropped on the window, which stay where they are.
 */
import { randomBytes } from 'node:crypto';
import { createWriteStream, rmSync } from 'node:fs';
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Transform, type Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { KronlabError } from '../../contract/errors.ts';
import { isAlive } from '../../datasets/node/store.ts';

export interface InboxLimits {
  /** Bytes of all uploaded files of one inbox. */
  bytes: number;
  files: number;
}

const defaultLimits: InboxLimits = { bytes: 2 ** 34, files: 2_000_000 };
const mostInboxes = 8;
const deepest = 32;

interface Inbox {
  client: string;
  /** Files and folders of a person, in place. */
  paths: string[];
  /** Of uploaded files. */
  folder: string;
  bytes: number;
  files: number;
}

export class Inboxes {
  readonly #folder: string;
  readonly #limits: InboxLimits;
  readonly #inboxes = new Map<string, Inbox>();
  #isSwept = false;

  /** @param folder for uploads, made when the first one comes */
  constructor(folder: string, limits: InboxLimits = defaultLimits) {
    this.#folder = folder;
    this.#limits = limits;
  }

  /** An empty inbox of this window. Throws `invalid` where it has too many. */
  open(client: string): string {
    const own = this.of(client);
    if (own.length >= mostInboxes)
      throw new KronlabError(
        'invalid',
        `this window has ${own.length} imports open; close one of them first`,
      );
    const id = randomBytes(12).toString('hex');
    const folder = join(this.#folder, `${process.pid}-${id}`);
    this.#inboxes.set(id, { client, paths: [], folder, bytes: 0, files: 0 });
    return id;
  }

  /** Adds files or folders that a person chose. Throws `not-found`. */
  async add(id: string, client: string, paths: readonly string[]): Promise<void> {
    const inbox = this.#get(id, client);
    for (const path of paths) {
      await stat(path).catch((error: unknown) => {
        throw new KronlabError('not-found', `cannot read ${path}: ${reasonOf(error)}`);
      });
    }
    inbox.paths.push(...paths);
  }

  /**
   * Writes one uploaded file. Throws `invalid` for a name that leads anywhere else, for a file that is there and beyond
   * the limits, `storage` where the disk does not take it; what was written of it is removed.
   */
  async receive(id: string, client: string, name: string, content: Readable): Promise<void> {
    const inbox = this.#get(id, client);
    const segments = safeSegments(name);
    if (segments === null)
      throw new KronlabError('invalid', `"${name.slice(0, 200)}" is no name for an uploaded file`);
    inbox.files += 1;
    if (inbox.files > this.#limits.files)
      throw new KronlabError('invalid', `more than ${this.#limits.files} files were uploaded`);
    await this.#sweep();
    const path = join(inbox.folder, ...segments);
    try {
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      await pipeline(
        content,
        this.#counter(inbox),
        createWriteStream(path, { flags: 'wx', mode: 0o600, flush: false }),
      );
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') await rm(path, { force: true });
      if (!this.#inboxes.has(id)) await rm(inbox.folder, { recursive: true, force: true });
      if (error instanceof KronlabError) throw error;
      throw new KronlabError('storage', `cannot keep the upload "${name}": ${reasonOf(error)}`);
    }
    // Discarded while the last bytes came.
    if (!this.#inboxes.has(id)) await rm(inbox.folder, { recursive: true, force: true });
  }

  /** What lies in it, as files and folders. Throws `invalid` where it is empty. */
  async paths(id: string, client: string): Promise<string[]> {
    const { paths, folder } = this.#get(id, client);
    const uploaded = await readdir(folder).catch(() => []);
    const all = [...paths, ...uploaded.sort().map((name) => join(folder, name))];
    if (all.length === 0) throw new KronlabError('invalid', 'no file was chosen');
    return all;
  }

  /** A folder for files that are fetched, made now. */
  async folder(id: string, client: string): Promise<string> {
    const { folder } = this.#get(id, client);
    await this.#sweep();
    await mkdir(folder, { recursive: true, mode: 0o700 });
    return folder;
  }

  /** Throws `not-found` where there is no such inbox of this window. */
  check(id: string, client: string): void {
    this.#get(id, client);
  }

  async discard(id: string): Promise<void> {
    const inbox = this.#inboxes.get(id);
    this.#inboxes.delete(id);
    if (inbox !== undefined) await rm(inbox.folder, { recursive: true, force: true });
  }

  /** The inboxes of a window. */
  of(client: string): string[] {
    return [...this.#inboxes].filter(([, inbox]) => inbox.client === client).map(([id]) => id);
  }

  /** Removes all uploads now: nobody waits for an app that ends. */
  close(): void {
    for (const { folder } of this.#inboxes.values()) rmSync(folder, { recursive: true, force: true });
    this.#inboxes.clear();
  }

  #get(id: string, client: string): Inbox {
    const inbox = this.#inboxes.get(id);
    if (inbox?.client === client) return inbox;
    throw new KronlabError('not-found', 'this import is over; choose the files again');
  }

  #counter(inbox: Inbox): Transform {
    const { bytes: most } = this.#limits;
    return new Transform({
      transform(chunk: Buffer, _encoding, done) {
        inbox.bytes += chunk.length;
        if (inbox.bytes <= most) done(null, chunk);
        else
          done(new KronlabError('invalid', `the upload is larger than ${most} bytes; import a part of it`));
      },
    });
  }

  /** Once: removes what processes that are no more left behind. */
  async #sweep(): Promise<void> {
    if (this.#isSwept) return;
    this.#isSwept = true;
    for (const name of await readdir(this.#folder).catch(() => []))
      if (!isAlive(Number(name.split('-')[0])))
        await rm(join(this.#folder, name), { recursive: true, force: true });
  }
}

/** The parts of a relative path with forward slashes, or null where it could lead out of its folder on any system. */
export function safeSegments(name: string): string[] | null {
  const segments = name.split('/');
  const isBad = (part: string) =>
    part === '' || part === '.' || part === '..' || part.length > 200 || /[\0-\x1f\\:]/.test(part);
  return segments.length > deepest || segments.some(isBad) ? null : segments;
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : null;
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
