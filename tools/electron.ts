/**
 * Finds Electron's binary without its own helper, which would start a download as soon as it is asked, and fetches
 * the binary at most once per version, so that a machine without access to it is not slow at every start.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from './setup.mjs';

const fetchLimitMs = 180_000;

/** The executable inside `node_modules/electron`, or under `ELECTRON_OVERRIDE_DIST_PATH`; null when it is not there. */
export function electronBinary(
  root: string = projectRoot,
  env: Readonly<Record<string, string | undefined>> = process.env,
): string | null {
  const pathFile = join(root, 'node_modules', 'electron', 'path.txt');
  const name = existsSync(pathFile) ? readFileSync(pathFile, 'utf8').trim() : '';
  const override = env['ELECTRON_OVERRIDE_DIST_PATH'];
  if (!override && name === '') return null;
  const binary = override
    ? join(override, name || 'electron')
    : join(root, 'node_modules', 'electron', 'dist', name);
  return existsSync(binary) ? binary : null;
}

/** Tries Electron's own installer unless it failed for this version before. Answers like `electronBinary`. */
export function fetchElectron(say: (line: string) => void): string | null {
  const folder = join(projectRoot, 'node_modules', 'electron');
  const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string };
  const marker = join(projectRoot, 'node_modules', '.kronlab-electron-unavailable');
  if (existsSync(marker) && readFileSync(marker, 'utf8') === version) return null;
  say(`Fetching Electron ${version} (once) ...`);
  const result = spawnSync(process.execPath, [join(folder, 'install.js')], {
    cwd: folder,
    encoding: 'utf8',
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: fetchLimitMs,
  });
  const binary = result.status === 0 ? electronBinary() : null;
  if (binary === null) {
    writeFileSync(marker, version);
    say('Electron cannot be fetched here; the lab opens in a browser window instead.');
  }
  return binary;
}
