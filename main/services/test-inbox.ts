/** Files on their way into an app, for tests: written as an upload, as a browser host would. */
import { Readable } from 'node:stream';
import type { App } from './create-app.ts';

export type TestFile = readonly [name: string, content: string | Uint8Array];

/** Opens an inbox and uploads the files; answers its id. */
export async function uploadFiles(app: App, files: readonly TestFile[], client = 'direct'): Promise<string> {
  const { id } = (await app.handle('imports.open', {}, client)) as { id: string };
  for (const [name, content] of files)
    await app.inboxes.receive(id, client, name, Readable.from([Buffer.from(content)]));
  return id;
}
