/** Files on their way into an app, for tests: written as an upload, as a browser host would. */
import { Readable } from 'node:stream';
import type { ApiOutput } from '../../contract/api.ts';
import type { App } from './create-app.ts';

export type TestFile = readonly [name: string, content: string | Uint8Array];

/** Opens an inbox and uploads the files; answers its id. */
export async function uploadFiles(app: App, files: readonly TestFile[], client = 'direct'): Promise<string> {
  const { id } = (await app.handle('imports.open', {}, client)) as { id: string };
  for (const [name, content] of files)
    await app.inboxes.receive(id, client, name, Readable.from([Buffer.from(content)]));
  return id;
}

/** Imports a text of `length` characters that counts through the alphabet; answers the id of the data set. */
export async function importText(app: App, length: number): Promise<string> {
  const text = 'abcdefghijklmnopqrstuvwxyz'.repeat(Math.ceil(length / 26)).slice(0, length);
  const id = await uploadFiles(app, [['alphabet.txt', text]], 'importing-window');
  const answer = await app.handle('imports.run', { id, options: {} }, 'importing-window');
  return (answer as ApiOutput<'imports.run'>).record.id;
}
