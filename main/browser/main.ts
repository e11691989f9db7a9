/**
 * Starts the lab for a browser window. Prints one line, `KRONLAB_URL http://127.0.0.1:PORT/#token=TOKEN`, when the page
 * can be opened; everything else a person should read goes to standard error.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { KronlabError } from '../../contract/errors.ts';
import { createApp } from '../services/create-app.ts';
import { makeFolder } from '../services/make-folder.ts';
import { readArguments } from './arguments.ts';
import { askInstance, becomeInstance } from './instance.ts';
import { newSecret } from './keys.ts';
import { startBrowserHost } from './server.ts';

async function main(): Promise<void> {
  const { dataDir, port, root } = readArguments(
    process.argv.slice(2),
    fileURLToPath(new URL('../../out/renderer', import.meta.url)),
  );
  if (!existsSync(join(root, 'index.html'))) {
    throw new KronlabError(
      'not-found',
      `${root} has no built page. Build it with "npm run build", or name a folder with --renderer.`,
    );
  }
  makeFolder(dataDir);
  const instance = await becomeInstance(dataDir);
  if (instance === null) {
    const url = await askInstance(dataDir);
    process.stderr.write(
      `Kronlab is running already with the data folder ${dataDir}; here is another way in.\n`,
    );
    announce(url);
    return;
  }
  const app = createApp({ dataDir, host: 'browser' });
  const secret = newSecret();
  const host = await startBrowserHost({ app, root, port, instanceSecret: secret });
  await instance.announce({ port: host.port, secret });

  const stop = async () => {
    await host.close();
    app.close();
    await instance.release();
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void stop().catch(fail));
  announce(host.newUrl());
}

function announce(url: string): void {
  process.stdout.write(`KRONLAB_URL ${url}\n`);
}

function fail(error: unknown): void {
  process.stderr.write(`${KronlabError.from(error).message}\n`);
  process.exit(1);
}

await main().catch(fail);
