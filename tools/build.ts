/**
 * Builds what a window needs, and only when a source is newer than what was built. A second start compares a few
 * hundred time stamps and builds nothing.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { KronlabError } from '../contract/errors.ts';
import { projectRoot } from './setup.mjs';

const rendererSources = [
  'renderer',
  'training',
  'gpu-kernels',
  'datasets',
  'contract',
  'vite.config.ts',
  'package-lock.json',
];
const shellSources = [...rendererSources, 'main', 'db', 'electron.vite.config.ts'];

/** The latest change in ms since the epoch below `paths`, tests left out; folders count too, so that a deleted file shows. */
export function newestChange(root: string, paths: readonly string[]): number {
  let newest = 0;
  for (const path of paths) {
    const full = join(root, path);
    if (!existsSync(full) || path.endsWith('.test.ts')) continue;
    const stats = statSync(full);
    newest = Math.max(newest, stats.mtimeMs);
    if (stats.isDirectory()) newest = Math.max(newest, newestChange(full, readdirSync(full)));
  }
  return newest;
}

/** Whether `product` is missing or older than one of its sources. */
export function isStale(root: string, product: string, sources: readonly string[]): boolean {
  const built = join(root, product);
  return !existsSync(built) || statSync(built).mtimeMs < newestChange(root, sources);
}

/** Builds `out/renderer` for the browser host. */
export function buildRenderer(): void {
  if (!isStale(projectRoot, 'out/renderer/index.html', rendererSources)) return;
  build('node_modules/vite/bin/vite.js', ['build', '--logLevel', 'warn']);
}

/** Builds `out/main`, `out/preload` and `out/renderer` for the desktop shell. */
export function buildShell(): void {
  if (!isStale(projectRoot, 'out/main/main.js', shellSources)) return;
  build('node_modules/electron-vite/bin/electron-vite.js', ['build', '--logLevel', 'warn']);
}

function build(script: string, args: readonly string[]): void {
  const result = spawnSync(process.execPath, [join(projectRoot, script), ...args], {
    cwd: projectRoot,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  if (result.status === 0) return;
  throw new KronlabError(
    'internal',
    `${result.stdout}${result.stderr}\nThe window could not be built; the lines above say why.`,
  );
}
