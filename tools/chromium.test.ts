import { describe, expect, it } from 'vitest';
import {
  chromiumSwitches,
  ensureChromium,
  findChromium,
  missingPackages,
  type Surroundings,
} from './chromium.ts';

function machine(files: readonly string[], more: Partial<Surroundings> = {}): Surroundings {
  return {
    platform: 'linux',
    env: { PATH: '/usr/local/bin:/usr/bin' },
    exists: (path) => files.includes(path),
    isRoot: false,
    ...more,
  };
}
const loader = '/usr/lib/x86_64-linux-gnu/libvulkan.so.1';

describe('findChromium', () => {
  it.each([
    ['Debian', machine(['/usr/bin/chromium', '/usr/bin/google-chrome']), '/usr/bin/chromium'],
    ['Ubuntu', machine(['/usr/bin/chromium-browser']), '/usr/bin/chromium-browser'],
    ['only Edge', machine(['/usr/bin/microsoft-edge']), '/usr/bin/microsoft-edge'],
    ['nothing', machine(['/usr/bin/firefox']), null],
    [
      'macOS',
      machine(['/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge'], {
        platform: 'darwin',
        env: {},
      }),
      '/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge',
    ],
  ])('on a machine with %s', (_what, around, expected) => {
    expect(findChromium(around)).toBe(expected);
  });

  it('takes the browser named by hand, and says when it is not there', () => {
    const env = { PATH: '/usr/bin', KRONLAB_CHROMIUM: '/opt/mine' };
    expect(findChromium(machine(['/opt/mine', '/usr/bin/chromium'], { env }))).toBe('/opt/mine');
    expect(() => findChromium(machine(['/usr/bin/chromium'], { env }))).toThrow(
      'KRONLAB_CHROMIUM names /opt/mine, which does not exist',
    );
  });
});

describe('what is missing', () => {
  it('is the browser and the Vulkan loader, on Linux only', () => {
    expect(missingPackages(machine([]))).toEqual(['chromium', 'libvulkan1']);
    expect(missingPackages(machine(['/usr/bin/chromium']))).toEqual(['libvulkan1']);
    expect(missingPackages(machine(['/usr/bin/chromium', loader]))).toEqual([]);
    expect(missingPackages(machine([], { platform: 'darwin' }))).toEqual([]);
  });

  it('is said in one sentence where it may not be installed', () => {
    const say = (line: string) => expect.unreachable(line);
    expect(() => ensureChromium(say, machine([]))).toThrow(
      'Kronlab needs chromium and libvulkan1: install with `sudo apt-get install chromium libvulkan1`',
    );
    expect(() => ensureChromium(say, machine([], { isRoot: true }))).toThrow(
      'Kronlab needs chromium and libvulkan1',
    );
    expect(() => ensureChromium(say, machine([], { platform: 'win32', env: {} }))).toThrow(
      'install Google Chrome, Chromium or Microsoft Edge',
    );
  });

  it('is nothing on a complete machine', () => {
    const say = (line: string) => expect.unreachable(line);
    expect(ensureChromium(say, machine(['/usr/bin/chromium', loader]))).toBe('/usr/bin/chromium');
  });
});

describe('chromiumSwitches', () => {
  it('turn WebGPU on, on the card where there is one and in software where there is none', () => {
    expect(chromiumSwitches({ platform: 'linux', isRoot: false }, true)).toContain(
      '--enable-features=Vulkan',
    );
    const software = chromiumSwitches({ platform: 'linux', isRoot: false }, false);
    expect(software).toEqual(
      expect.arrayContaining(['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader']),
    );
    expect(software).not.toContain('--enable-features=Vulkan');
    expect(chromiumSwitches({ platform: 'darwin', isRoot: false }).join()).not.toMatch(/Vulkan|swiftshader/);
  });

  it('give up the sandbox only as root', () => {
    expect(chromiumSwitches({ platform: 'linux', isRoot: true }, false)).toContain('--no-sandbox');
    expect(chromiumSwitches({ platform: 'linux', isRoot: false }, false)).not.toContain('--no-sandbox');
  });
});
