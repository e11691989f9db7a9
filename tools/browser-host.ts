/**
 * Starts the browser host (`main/browser/main.ts`) as a process of its own and waits for the address it prints. Used
 * by `npm start` and by the end-to-end tests, so that both open the very same program.
 */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { KronlabError } from '../contract/errors.ts';
import { nodeArguments } from './node24.mjs';
import { projectRoot } from './setup.mjs';

export interface BrowserHost {
  /** The address with its one-time token; good for one window. */
  url: string;
  /** Resolves with the exit code when the host has ended, by itself or after `stop`. */
  ended: Promise<number>;
  /** Asks the host to close its database and end; resolves when it has. */
  stop(): Promise<number>;
}

/** Generous: a machine with other things to do may take this long, and a host that fails ends by itself. */
const startLimitMs = 120_000;

/** Starts the host on `dataDir`. Rejects with what the host said when it ends before it is ready. */
export async function startBrowserHost(dataDir: string): Promise<BrowserHost> {
  const child = spawn(process.execPath, nodeArguments('main/browser/main.ts', ['--data', dataDir]), {
    cwd: projectRoot,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said: string[] = [];
  child.stderr.setEncoding('utf8').on('data', (text: string) => said.push(text));
  const ended = new Promise<number>((resolve) => {
    child.once('error', (error) => {
      said.push(error.message);
      resolve(1);
    });
    child.once('exit', (code) => resolve(code ?? 1));
  });
  const stop = () => {
    child.kill('SIGTERM');
    return ended;
  };

  const address = new Promise<string>((resolve) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      const url = /^KRONLAB_URL (http:\/\/127\.0\.0\.1:\d+\/\S*)$/.exec(line)?.[1];
      if (url === undefined) said.push(`${line}\n`);
      else resolve(url);
    });
  });
  let timer: NodeJS.Timeout | undefined;
  let silence = 'The browser host ended without saying why.';
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => {
      silence = `The browser host was not ready after ${startLimitMs / 1000} seconds; start it again when the machine is less busy.`;
      resolve(null);
    }, startLimitMs);
  });
  const url = await Promise.race([address, late, ended.then(() => null)]);
  clearTimeout(timer);
  if (url === null) {
    await stop();
    throw new KronlabError('unavailable', said.join('').trim() || silence);
  }
  child.stderr.pipe(process.stderr);
  return { url, ended, stop };
}
