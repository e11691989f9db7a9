import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { installCovers, nodeBinary, setUp, unsupportedNode } from './setup.mjs';

describe('unsupportedNode', () => {
  it.each(['20.19.0', '20.20.2', '22.0.0', '24.21.0'])('accepts %s', (version) => {
    expect(unsupportedNode(version)).toBeNull();
  });
  it.each(['16.20.2', '18.20.8', '20.18.3'])('refuses %s with one sentence', (version) => {
    expect(unsupportedNode(version)).toContain(
      `Node ${version} is too old: Kronlab needs Node 20.19 or newer`,
    );
  });
});

describe('installCovers', () => {
  const wanted = {
    packages: {
      '': { version: '0.1.0' },
      'node_modules/zod': { version: '4.6.7' },
      'node_modules/fsevents': { version: '2.3.3', optional: true },
    },
  };
  it.each([
    ['the same versions', { 'node_modules/zod': { version: '4.6.7' } }, true],
    ['nothing', {}, false],
    ['another version', { 'node_modules/zod': { version: '4.6.8' } }, false],
    [
      'another version of an optional package',
      { 'node_modules/zod': { version: '4.6.7' }, 'node_modules/fsevents': { version: '2.3.2' } },
      false,
    ],
    [
      'more than is wanted',
      { 'node_modules/zod': { version: '4.6.7' }, 'node_modules/x': { version: '1.0.0' } },
      true,
    ],
  ])('given %s', (_what, packages, expected) => {
    expect(installCovers(wanted, { packages })).toBe(expected);
  });
});

describe('setUp', () => {
  it('leaves a complete installation alone', async () => {
    const root = await mkdtemp(join(tmpdir(), 'kronlab-setup-'));
    const lock = '{"packages":{}}';
    await mkdir(dirname(nodeBinary(root)), { recursive: true });
    await writeFile(nodeBinary(root), 'never run');
    await writeFile(join(root, 'package-lock.json'), lock);
    const stamp = join(root, 'node_modules', '.kronlab-stamp');
    await writeFile(stamp, createHash('sha256').update(lock).digest('hex'));
    const before = await stat(stamp);
    expect(() => setUp(root)).not.toThrow();
    expect((await stat(stamp)).mtimeMs).toBe(before.mtimeMs);
    await rm(root, { recursive: true });
  });
});
