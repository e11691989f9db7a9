import { mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isStale, newestChange } from './build.ts';

describe('isStale', () => {
  let root = '';
  const touch = async (path: string, second: number) => {
    await writeFile(join(root, path), '');
    await utimes(join(root, path), second, second);
  };
  const settle = async (folder: string, second: number) => utimes(join(root, folder), second, second);

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'kronlab-build-'));
    await mkdir(join(root, 'src', 'deep'), { recursive: true });
    await touch('src/deep/a.ts', 100);
    await touch('src/b.ts', 90);
    await settle('src/deep', 100);
    await settle('src', 100);
  });
  afterEach(() => rm(root, { recursive: true, force: true }));

  it('is true without a product and false with a newer one', async () => {
    expect(isStale(root, 'product', ['src'])).toBe(true);
    await touch('product', 101);
    await touch('src/b.test.ts', 200);
    await settle('src', 100);
    expect(isStale(root, 'product', ['src', 'not-there'])).toBe(false);
  });

  it('is true when a file deep below changed or went away', async () => {
    await touch('product', 101);
    await touch('src/deep/a.ts', 102);
    await settle('src/deep', 100);
    expect(isStale(root, 'product', ['src'])).toBe(true);
    await rm(join(root, 'src/deep/a.ts'));
    expect(newestChange(root, ['src'])).toBeGreaterThan(102_000);
    expect(isStale(root, 'product', ['src'])).toBe(true);
  });
});
