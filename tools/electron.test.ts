import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { hasDisplay } from './display.ts';
import { electronBinary } from './electron.ts';

describe('electronBinary', () => {
  let root = '';
  const folder = () => join(root, 'node_modules', 'electron');
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'kronlab-electron-'));
    await mkdir(join(folder(), 'dist'), { recursive: true });
  });
  afterEach(() => rm(root, { recursive: true, force: true }));

  it('is null for the bare package and for a path without a file behind it', async () => {
    expect(electronBinary(root, {})).toBeNull();
    await writeFile(join(folder(), 'path.txt'), 'electron');
    expect(electronBinary(root, {})).toBeNull();
  });

  it('finds the binary, in its place or where the environment says', async () => {
    await writeFile(join(folder(), 'path.txt'), 'electron');
    await writeFile(join(folder(), 'dist', 'electron'), '');
    expect(electronBinary(root, {})).toBe(join(folder(), 'dist', 'electron'));
    expect(electronBinary(root, { ELECTRON_OVERRIDE_DIST_PATH: join(root, 'other') })).toBeNull();
    expect(electronBinary(root, { ELECTRON_OVERRIDE_DIST_PATH: join(folder(), 'dist') })).toBe(
      join(folder(), 'dist', 'electron'),
    );
  });
});

describe('hasDisplay', () => {
  it.each<[NodeJS.Platform, Record<string, string>, boolean]>([
    ['linux', {}, false],
    ['linux', { DISPLAY: '' }, false],
    ['linux', { DISPLAY: ':0' }, true],
    ['linux', { WAYLAND_DISPLAY: 'wayland-0' }, true],
    ['darwin', {}, true],
    ['win32', {}, true],
  ])('on %s with %j: %s', (platform, env, expected) => {
    expect(hasDisplay(platform, env)).toBe(expected);
  });
});
