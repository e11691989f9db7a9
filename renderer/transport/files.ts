/** How files of a person get into an inbox, whichever host the page runs in. */
import type { ChosenKind, KronlabBridge } from '../../contract/bridge.ts';
import { fromEnvelope } from '../../contract/envelope.ts';
import { KronlabError } from '../../contract/errors.ts';
import { pageId } from './browser-host.ts';

/** A file and its path below what was chosen, with forward slashes. */
export interface NamedFile {
  name: string;
  file: File;
}

export interface FileDoor {
  /** Puts files into the inbox; `onProgress` hears 0 to 1. Rejects with `KronlabError`, `cancelled` when aborted. */
  put(
    inbox: string,
    files: readonly NamedFile[],
    signal: AbortSignal,
    onProgress: (fraction: number) => void,
  ): Promise<void>;
  /** Asks with the native dialog and answers how many were chosen; null where the page has to ask itself. */
  choose: ((inbox: string, kind: ChosenKind) => Promise<number>) | null;
}

/** Uploads at once: enough that many small files do not wait for each other. */
const lanes = 4;

/** The door of the host that this page runs in. */
export function fileDoor(bridge: KronlabBridge | undefined = window.kronlab): FileDoor {
  return bridge === undefined ? { put: upload, choose: null } : bridgeDoor(bridge);
}

function bridgeDoor(bridge: KronlabBridge): FileDoor {
  return {
    async put(inbox, files) {
      fromEnvelope(
        await bridge.dropFiles(
          inbox,
          files.map(({ file }) => file),
        ),
      );
    },
    async choose(inbox, kind) {
      return (fromEnvelope(await bridge.chooseFiles(inbox, kind)) as { added: number }).added;
    },
  };
}

const upload: FileDoor['put'] = async (inbox, files, signal, onProgress) => {
  const total = Math.max(
    1,
    files.reduce((sum, { file }) => sum + file.size, 0),
  );
  const waiting = [...files];
  let done = 0;
  const work = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      await uploadOne(inbox, next, signal);
      done += next.file.size;
      onProgress(done / total);
    }
  };
  await Promise.all(Array.from({ length: lanes }, work));
};

async function uploadOne(inbox: string, { name, file }: NamedFile, signal: AbortSignal): Promise<void> {
  const query = new URLSearchParams({ client: pageId, inbox, name });
  let response: Response;
  try {
    response = await fetch(`/upload?${query.toString()}`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/octet-stream' },
      body: file,
      signal,
    });
  } catch {
    if (signal.aborted) throw new KronlabError('cancelled', 'Cancelled; nothing was kept.');
    throw new KronlabError(
      'unavailable',
      `${name} could not be read or sent. Is it still there, and the lab?`,
    );
  }
  if (!response.ok) throw new KronlabError('unavailable', `The lab refused ${name} (${response.status}).`);
  fromEnvelope(await response.json());
}

/** The files of an input; those of a folder with their paths. */
export function filesOfInput(input: HTMLInputElement): NamedFile[] {
  return visible(
    Array.from(input.files ?? [], (file) => ({ name: file.webkitRelativePath || file.name, file })),
  );
}

/** What was dropped; folders with everything in them where `deep`. Call before the event is over. */
export async function filesOfDrop(data: DataTransfer, deep: boolean): Promise<NamedFile[]> {
  const flat = Array.from(data.files, (file) => ({ name: file.name, file }));
  if (!deep) return flat;
  const entries = Array.from(data.items, (item) => item.webkitGetAsEntry()).filter((entry) => entry !== null);
  if (!entries.some((entry) => entry.isDirectory)) return flat;
  return visible((await Promise.all(entries.map((entry) => walk(entry, '')))).flat());
}

async function walk(entry: FileSystemEntry, above: string): Promise<NamedFile[]> {
  const name = above + entry.name;
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) =>
      (entry as FileSystemFileEntry).file(resolve, reject),
    );
    return [{ name, file }];
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const found: NamedFile[] = [];
  for (;;) {
    // A reader gives a hundred at a time, and none at the end.
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) =>
      reader.readEntries(resolve, reject),
    );
    if (some.length === 0) return found;
    for (const below of some) found.push(...(await walk(below, `${name}/`)));
  }
}

/** Without hidden files, which systems leave in folders. */
function visible(files: NamedFile[]): NamedFile[] {
  return files.filter(({ name }) => !name.split('/').some((part) => part.startsWith('.')));
}
