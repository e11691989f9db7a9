import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { dataDirectory } from './paths.ts';

const home = resolve('/home/ada');

describe('dataDirectory', () => {
  it.each<[NodeJS.Platform, Record<string, string>, string]>([
    ['linux', {}, join(home, '.local', 'share', 'kronlab')],
    ['linux', { XDG_DATA_HOME: join(home, 'xdg') }, join(home, 'xdg', 'kronlab')],
    ['linux', { XDG_DATA_HOME: '' }, join(home, '.local', 'share', 'kronlab')],
    ['darwin', { XDG_DATA_HOME: join(home, 'xdg') }, join(home, 'Library', 'Application Support', 'kronlab')],
    ['win32', { LOCALAPPDATA: join(home, 'L') }, join(home, 'L', 'kronlab')],
    ['win32', {}, join(home, 'AppData', 'Local', 'kronlab')],
    ['linux', { KRONLAB_DATA: join(home, 'lab'), XDG_DATA_HOME: '/x' }, join(home, 'lab')],
  ])('on %s with %j is %s', (platform, env, expected) => {
    expect(dataDirectory({ platform, home, env })).toBe(expected);
  });

  it('makes a relative override absolute', () => {
    expect(dataDirectory({ platform: 'linux', home, env: { KRONLAB_DATA: 'lab' } })).toBe(resolve('lab'));
  });
});
