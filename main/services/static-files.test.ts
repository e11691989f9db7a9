import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { locateStaticFile, staticSegments } from './static-files.ts';

describe('staticSegments', () => {
  it.each<[string, string[] | null]>([
    ['/', ['index.html']],
    ['/index.html', ['index.html']],
    ['/assets/app%20one.js', ['assets', 'app one.js']],
    ['', null],
    ['index.html', null],
    ['/../secret', null],
    ['/assets/../../secret', null],
    ['/%2e%2e/secret', null],
    ['/%2E./secret', null],
    ['/..%2fsecret', null],
    ['/./index.html', null],
    ['//host/share', null],
    ['/assets//app.js', null],
    ['/assets/', null],
    ['/..\\secret', null],
    ['/%5c..%5csecret', null],
    ['/index.html%00.png', null],
    ['/c:/windows', null],
    ['/%', null],
    // Decoded once only: what is left is a file name with a percent sign in it, which nothing decodes again.
    ['/%252e%252e/secret', ['%2e%2e', 'secret']],
  ])('%j -> %j', (pathname, expected) => {
    expect(staticSegments(pathname)).toEqual(expected);
  });
});

describe('locateStaticFile', () => {
  let outside = '';
  let root = '';
  beforeAll(async () => {
    outside = await mkdtemp(join(tmpdir(), 'kronlab-static-'));
    root = join(outside, 'root');
    await mkdir(join(root, 'assets'), { recursive: true });
    await writeFile(join(root, 'index.html'), '<!doctype html>');
    await writeFile(join(root, 'assets', 'app.js'), '');
    await writeFile(join(outside, 'secret.txt'), 'secret');
    await symlink(join(outside, 'secret.txt'), join(root, 'leak.txt'));
    await symlink(outside, join(root, 'up'));
    await symlink(join(root, 'assets'), join(root, 'inside'));
  });
  afterAll(() => rm(outside, { recursive: true, force: true }));

  it('finds files with their types', async () => {
    const inRoot = await realpath(root);
    expect(await locateStaticFile(root, '/')).toEqual({
      file: join(inRoot, 'index.html'),
      contentType: 'text/html; charset=utf-8',
    });
    expect(await locateStaticFile(root, '/inside/app.js')).toEqual({
      file: join(inRoot, 'assets', 'app.js'),
      contentType: 'text/javascript; charset=utf-8',
    });
  });

  it.each(['/runs', '/runs/4f2a91', '/compare', '/nowhere'])(
    'answers the page %s with the app',
    async (pathname) => {
      expect(await locateStaticFile(root, pathname)).toMatchObject({
        file: join(await realpath(root), 'index.html'),
      });
    },
  );

  it.each<[string, number]>([
    ['/leak.txt', 404],
    ['/up/secret.txt', 404],
    ['/assets', 404],
    ['/missing.js', 404],
    ['/%2e%2e/secret.txt', 400],
  ])('refuses %s with %i', async (pathname, status) => {
    expect(await locateStaticFile(root, pathname)).toEqual({ status });
  });

  it('refuses everything when the root is not there', async () => {
    expect(await locateStaticFile(join(outside, 'none'), '/')).toEqual({ status: 404 });
  });
});
