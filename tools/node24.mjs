// Runs the project's TypeScript entry points from source on the Node 24 that the set-up installed, whatever Node the
// caller is, with `.wgsl` imports and the Vulkan driver chosen.
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { nodeBinary, projectRoot, setUp, SetupError } from './setup.mjs';

/**
 * Arguments for Node 24 that run `entry` (a path from the project's root) with `args`.
 * @param {string} entry
 * @param {readonly string[]} args
 * @returns {string[]}
 */
export function nodeArguments(entry, args = []) {
  const preload = (/** @type {string} */ name) => pathToFileURL(join(projectRoot, 'tools', name)).href;
  return [
    ...['guard-node.mjs', 'wgsl-loader.mjs', 'prepare-vulkan.ts'].flatMap((name) => [
      '--import',
      preload(name),
    ]),
    join(projectRoot, entry),
    ...args,
  ];
}

/**
 * Runs `entry` to its end in the caller's terminal and answers with its exit code. Ctrl+C reaches the child by itself
 * (one process group), so the parent only waits; other requests to stop are passed on.
 * @param {string} entry
 * @param {readonly string[]} args
 * @returns {Promise<number>}
 */
export function runNode24(entry, args) {
  const child = spawn(nodeBinary(), nodeArguments(entry, args), { stdio: 'inherit' });
  process.on('SIGINT', () => undefined);
  for (const signal of /** @type {const} */ (['SIGTERM', 'SIGHUP']))
    process.on(signal, () => child.kill(signal));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => resolve(code ?? 128 + (signal ? constants.signals[signal] : 0)));
  });
}

/**
 * The whole life of a command: set up, run `entry`, leave with its exit code.
 * @param {string} entry
 * @param {readonly string[]} args
 */
export async function command(entry, args) {
  try {
    setUp();
    process.exitCode = await runNode24(entry, args);
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    console.error(error.message);
    process.exitCode = 1;
  }
}
