/**
 * What `npm start` does once everything is installed: opens the lab in the best window there is, or runs the default
 * comparison in the terminal where there is no display. The desktop shell comes first, then a Chromium-family browser
 * in app mode against the browser host, then the terminal.
 */
import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { KronlabError } from '../contract/errors.ts';
import { dataDirectory } from '../main/services/paths.ts';
import { startBrowserHost } from './browser-host.ts';
import { buildRenderer, buildShell } from './build.ts';
import { chromiumSwitches, ensureChromium, surroundings } from './chromium.ts';
import { electronBinary, fetchElectron } from './electron.ts';
import { hasDisplay } from './display.ts';
import { nodeArguments } from './node24.mjs';
import { projectRoot } from './setup.mjs';

/** A shell that ends this soon with an error never showed a window. */
const failedStartMs = 10_000;
/** A browser that ends this soon without an error has passed the address on to one that was running. */
const handedOverMs = 3_000;

const say = (line: string) => console.log(line);

interface Ended {
  code: number;
  afterMs: number;
}

function runToEnd(file: string, args: readonly string[], stdio: 'inherit' | 'ignore'): Promise<Ended> {
  const began = performance.now();
  const child = spawn(file, args, { cwd: projectRoot, stdio });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => resolve({ code: code ?? 1, afterMs: performance.now() - began }));
  });
}

/** Opens the desktop shell; false when it is not there or does not come up, so that the browser gets its turn. */
async function openElectron(): Promise<boolean> {
  const binary = electronBinary() ?? fetchElectron(say);
  if (binary === null) return false;
  buildShell();
  const rootSwitches = surroundings().isRoot ? ['--no-sandbox'] : [];
  const { code, afterMs } = await runToEnd(binary, [projectRoot, ...rootSwitches], 'inherit');
  if (code === 0 || afterMs > failedStartMs) return true;
  say(`Electron ended with code ${code} before it showed a window; opening a browser window instead.`);
  return false;
}

async function openBrowser(dataDir: string): Promise<number> {
  const chromium = ensureChromium(say);
  buildRenderer();
  const host = await startBrowserHost(dataDir);
  // Ctrl+C reaches the host and the browser too; waiting for both keeps the order: window first, database last.
  process.on('SIGINT', () => undefined);
  process.on('SIGTERM', () => void host.stop());
  say('Kronlab is open in its own window; close it or press Ctrl+C to end.');
  const browser = runToEnd(
    chromium,
    [
      `--app=${host.url}`,
      `--user-data-dir=${join(dataDir, 'browser')}`,
      '--window-size=1280,860',
      ...chromiumSwitches(),
    ],
    'ignore',
  );
  // A host that ends well at once has only asked the lab that is open already for another way in.
  const broken = host.ended.then((code) => (code === 0 ? browser : { code, afterMs: Infinity }));
  const { code, afterMs } = await Promise.race([browser, broken]);
  if (code === 0 && afterMs < handedOverMs) {
    say('A browser that was open already shows the window; press Ctrl+C here to end the lab.');
    return host.ended;
  }
  await host.stop();
  if (code !== 0 && afterMs < failedStartMs) {
    throw new KronlabError(
      'unavailable',
      `${chromium} ended with code ${code} before it showed a window; start it by hand to see why, or set KRONLAB_CHROMIUM to another browser.`,
    );
  }
  return 0;
}

async function runInTerminal(dataDir: string): Promise<number> {
  ensureChromium(say);
  const out = join(dataDir, 'first-light');
  say('No display here: running the default comparison in the terminal.');
  const args = nodeArguments('cli/main.ts', ['compare', '--preset', 'first-light', '--out', out]);
  return (await runToEnd(process.execPath, args, 'inherit')).code;
}

async function launch(): Promise<number> {
  const dataDir = dataDirectory();
  mkdirSync(dataDir, { recursive: true });
  if (!hasDisplay(process.platform, process.env)) return runInTerminal(dataDir);
  return (await openElectron()) ? 0 : openBrowser(dataDir);
}

try {
  process.exitCode = await launch();
} catch (error) {
  if (!(error instanceof KronlabError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
