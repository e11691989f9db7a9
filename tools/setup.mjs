// The ground every command stands on: the right Node, the dependencies of the lock file, and the Node 24 that comes
// with them. Plain JavaScript without dependencies, because it runs before there are any, on whatever Node started it.
// Does nothing and says nothing when everything is in place.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const projectRoot = dirname(dirname(fileURLToPath(import.meta.url)));

/** A failure that a person can mend: printed as its sentence, without a stack. */
export class SetupError extends Error {}

/**
 * Why this Node cannot run the set-up, or null when it can.
 * @param {string} version e.g. `20.19.0`
 * @returns {string | null}
 */
export function unsupportedNode(version) {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return null;
  return `Node ${version} is too old: Kronlab needs Node 20.19 or newer to set itself up (it brings its own Node 24).`;
}

/**
 * The executable of the Node 24 that npm installs beside the other dependencies.
 * @param {string} root
 */
export function nodeBinary(root = projectRoot) {
  return join(root, 'node_modules', 'node', 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
}

/**
 * What is read of npm's lock files.
 * @typedef {{ packages: Record<string, { version?: string, optional?: boolean, devOptional?: boolean }> }} Lock
 */

/**
 * Whether what npm says it installed covers what the lock file asks for. Packages for other platforms and optional
 * ones may be missing; a different version of anything may not be there.
 * @param {Lock} wanted package-lock.json
 * @param {Lock} installed node_modules/.package-lock.json
 */
export function installCovers(wanted, installed) {
  return Object.entries(wanted.packages).every(([path, entry]) => {
    if (path === '') return true;
    const found = installed.packages[path];
    if (!found) return entry.optional === true || entry.devOptional === true;
    return found.version === entry.version;
  });
}

/**
 * Installs dependencies when they are missing or the lock file changed, and makes sure that Node 24 runs.
 * @param {string} root
 */
export function setUp(root = projectRoot) {
  const refusal = unsupportedNode(process.versions.node);
  if (refusal) throw new SetupError(refusal);
  const lock = readFileSync(join(root, 'package-lock.json'), 'utf8');
  const stamp = join(root, 'node_modules', '.kronlab-stamp');
  const hash = createHash('sha256').update(lock).digest('hex');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === hash && existsSync(nodeBinary(root))) return;
  if (!isInstalled(root, lock)) {
    console.log('Installing dependencies (first time or changed; about a minute) ...');
    runNpm(root, ['ci', '--no-audit', '--no-fund', '--loglevel=error']);
  }
  ensureNode24(root);
  writeFileSync(stamp, hash);
}

/**
 * @param {string} root
 * @param {string} lock
 */
function isInstalled(root, lock) {
  const hidden = join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(hidden)) return false;
  const wanted = /** @type {Lock} */ (JSON.parse(lock));
  const installed = /** @type {Lock} */ (JSON.parse(readFileSync(hidden, 'utf8')));
  return installCovers(wanted, installed);
}

/**
 * npm may have skipped the install script that fetches the binary (newer versions run only approved scripts), so the
 * binary is tried, and fetched here when it does not answer.
 * @param {string} root
 */
function ensureNode24(root) {
  if (nodeAnswers(root)) return;
  console.log('Fetching Node 24 ...');
  run(process.execPath, ['installArchSpecificPackage.js'], join(root, 'node_modules', 'node'), false);
  if (!nodeAnswers(root)) {
    throw new SetupError(
      `${nodeBinary(root)} does not run; delete node_modules and try again, or run \`npm rebuild node\` and read what it says.`,
    );
  }
}

/** @param {string} root */
function nodeAnswers(root) {
  const answer = spawnSync(nodeBinary(root), ['--version'], { encoding: 'utf8' });
  return answer.status === 0 && answer.stdout.startsWith('v24.');
}

/**
 * @param {string} root
 * @param {string[]} args
 */
function runNpm(root, args) {
  const npm = process.env['npm_execpath'];
  if (npm?.endsWith('.js')) run(process.execPath, [npm, ...args], root, false);
  else run('npm', args, root, process.platform === 'win32');
}

/**
 * Runs a command with its output kept back, and shows the end of that output only when the command failed.
 * @param {string} command
 * @param {string[]} args
 * @param {string} cwd
 * @param {boolean} shell npm is a script on Windows and needs one
 */
function run(command, args, cwd, shell) {
  const result = spawnSync(command, args, {
    cwd,
    shell,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  if (result.status === 0) return;
  // Both are null when the command could not start at all.
  const output = [result.stdout, result.stderr]
    .filter(Boolean)
    .join('')
    .trim()
    .split('\n')
    .slice(-30)
    .join('\n');
  const reason = result.error ? result.error.message : `it ended with code ${result.status}`;
  throw new SetupError(
    `${output}\n\`${[command, ...args].join(' ')}\` failed (${reason}); the lines above say why.`,
  );
}
