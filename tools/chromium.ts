/**
 * Finds the Chromium-family browser that shows the lab and runs its end-to-end tests, installs it where that is
 * allowed (Debian and its kin, as root), and knows the switches that give it WebGPU.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { KronlabError } from '../contract/errors.ts';
import { hasHardwareVulkan } from './vulkan.ts';

export interface Surroundings {
  platform: NodeJS.Platform;
  env: Readonly<Record<string, string | undefined>>;
  exists: (path: string) => boolean;
  /** Windows has no user ids; nobody is root there. */
  isRoot: boolean;
}

export const surroundings = (): Surroundings => ({
  platform: process.platform,
  env: process.env,
  exists: existsSync,
  isRoot: process.getuid?.() === 0,
});

const commands = [
  'chromium',
  'chromium-browser',
  'google-chrome-stable',
  'google-chrome',
  'microsoft-edge-stable',
  'microsoft-edge',
  'brave-browser',
];
const macApplications = ['Google Chrome', 'Chromium', 'Microsoft Edge', 'Brave Browser'];
const windowsPrograms = [
  ['Google', 'Chrome', 'Application', 'chrome.exe'],
  ['Chromium', 'Application', 'chrome.exe'],
  ['Microsoft', 'Edge', 'Application', 'msedge.exe'],
];

function candidates({ platform, env }: Surroundings): string[] {
  if (platform === 'darwin') {
    return macApplications.map((name) => `/Applications/${name}.app/Contents/MacOS/${name}`);
  }
  if (platform === 'win32') {
    const roots = [env['PROGRAMFILES'], env['PROGRAMFILES(X86)'], env['LOCALAPPDATA']].filter(
      (r) => r !== undefined,
    );
    return windowsPrograms.flatMap((parts) => roots.map((root) => join(root, ...parts)));
  }
  const folders = (env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  return commands.flatMap((command) => folders.map((folder) => join(folder, command)));
}

/** The executable of a browser, or null. `KRONLAB_CHROMIUM` names one by hand; an error says when it is not there. */
export function findChromium(around: Surroundings = surroundings()): string | null {
  const chosen = around.env['KRONLAB_CHROMIUM'];
  if (chosen) {
    if (around.exists(chosen)) return chosen;
    throw new KronlabError(
      'not-found',
      `KRONLAB_CHROMIUM names ${chosen}, which does not exist; give the path of a Chromium, Chrome or Edge executable.`,
    );
  }
  return candidates(around).find(around.exists) ?? null;
}

/** Debian packages that are missing: the browser, and the Vulkan loader Dawn in Node needs. */
export function missingPackages(around: Surroundings = surroundings()): string[] {
  if (around.platform !== 'linux') return [];
  const loaderFolders = ['/lib', '/usr/lib', '/usr/lib64', '/lib64', '/usr/local/lib'].flatMap((folder) => [
    folder,
    join(folder, 'x86_64-linux-gnu'),
    join(folder, 'aarch64-linux-gnu'),
  ]);
  const hasLoader = loaderFolders.some((folder) => around.exists(join(folder, 'libvulkan.so.1')));
  return [...(findChromium(around) === null ? ['chromium'] : []), ...(hasLoader ? [] : ['libvulkan1'])];
}

/** What to do by hand, in one sentence. */
export function installAdvice(platform: NodeJS.Platform, packages: readonly string[]): string {
  const override = 'or set KRONLAB_CHROMIUM to the executable of one';
  if (platform === 'darwin' || platform === 'win32') {
    return `Kronlab needs a Chromium-family browser: install Google Chrome, Chromium or Microsoft Edge, ${override}.`;
  }
  return `Kronlab needs ${packages.join(' and ')}: install with \`sudo apt-get install ${packages.join(' ')}\` (or your distribution's packages of that name), ${override}.`;
}

/**
 * Makes sure that a browser and, on Linux, the Vulkan loader are there, and answers with the browser's path.
 * Installs through apt where we are root on a Debian-like system; otherwise throws one sentence on what to install.
 */
export function ensureChromium(say: (line: string) => void, around: Surroundings = surroundings()): string {
  const packages = missingPackages(around);
  if (packages.length > 0 && around.isRoot && around.exists('/usr/bin/apt-get')) {
    say(`Installing ${packages.join(' and ')} through apt (once) ...`);
    aptGet(['update']);
    aptGet(['install', '-y', '--no-install-recommends', ...packages]);
  }
  const found = findChromium(around);
  const stillMissing = missingPackages(around);
  if (found === null || stillMissing.length > 0) {
    const needed = stillMissing.length > 0 ? stillMissing : ['chromium'];
    throw new KronlabError('not-found', installAdvice(around.platform, needed));
  }
  return found;
}

function aptGet(args: readonly string[]): void {
  const result = spawnSync('/usr/bin/apt-get', ['-q', ...args], {
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  if (result.status === 0) return;
  const tail = `${result.stdout}${result.stderr}`.trim().split('\n').slice(-12).join('\n');
  throw new KronlabError(
    'unavailable',
    `${tail}\n\`apt-get ${args.join(' ')}\` failed; the lines above say why.`,
  );
}

/**
 * Switches that every window of ours needs: WebGPU on (Linux hides it behind a flag), recovery after more than one
 * crash of the GPU process, and nothing that talks to the network by itself.
 */
export function chromiumSwitches(
  around: Pick<Surroundings, 'platform' | 'isRoot'> = surroundings(),
  hardware: boolean = around.platform !== 'linux' || hasHardwareVulkan(),
): string[] {
  return [
    '--enable-unsafe-webgpu',
    '--disable-domain-blocking-for-3d-apis',
    '--no-first-run',
    '--no-default-browser-check',
    '--disable-quic',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    ...(around.platform === 'linux'
      ? [hardware ? '--enable-features=Vulkan' : '--use-webgpu-adapter=swiftshader']
      : []),
    // Chromium refuses to run its sandbox as root; every other user keeps it.
    ...(around.isRoot ? ['--no-sandbox'] : []),
  ];
}
