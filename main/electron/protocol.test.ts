import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { securityHeaders } from '../services/csp.ts';
import { answerAppRequest, parseAppRequest, type AppRequest } from './protocol.ts';

describe('parseAppRequest', () => {
  it.each<[string, string, AppRequest]>([
    ['GET', 'app://bundle/index.html?theme=dark#/runs', { pathname: '/index.html' }],
    ['HEAD', 'app://bundle/assets/a.js', { pathname: '/assets/a.js' }],
    ['GET', 'app://bundle', { pathname: '/' }],
    ['GET', 'app://bundle/../secret', { pathname: '/../secret' }],
    ['GET', 'app://bundle//host/share', { pathname: '//host/share' }],
    ['POST', 'app://bundle/index.html', { status: 405 }],
    ['DELETE', 'app://bundle/index.html', { status: 405 }],
    ['GET', 'app://other/index.html', { status: 404 }],
    ['GET', 'app://bundle:80/index.html', { status: 404 }],
    ['GET', 'app://user@bundle/index.html', { status: 404 }],
    ['GET', 'app:///index.html', { status: 404 }],
    ['GET', 'https://bundle/index.html', { status: 404 }],
    ['GET', 'nonsense', { status: 404 }],
  ])('%s %s', (method, url, expected) => {
    expect(parseAppRequest(method, url)).toEqual(expected);
  });
});

describe('answerAppRequest', () => {
  let folder = '';
  let root = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'kronlab-protocol-'));
    root = join(folder, 'renderer');
    await mkdir(root);
    await writeFile(join(root, 'index.html'), '<!doctype html>');
    await writeFile(join(folder, 'secret.txt'), 'secret');
    await symlink(join(folder, 'secret.txt'), join(root, 'leak.txt'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('serves the page with its type and the whole policy', async () => {
    const response = await answerAppRequest(root, { method: 'GET', url: 'app://bundle/index.html' });
    expect(response.status).toBe(200);
    expect(await response.text()).toBe('<!doctype html>');
    expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8');
    for (const [name, value] of Object.entries(securityHeaders()))
      expect(response.headers.get(name)).toBe(value);
  });

  it('answers HEAD without the page', async () => {
    const response = await answerAppRequest(root, { method: 'HEAD', url: 'app://bundle/' });
    expect([response.status, await response.text()]).toEqual([200, '']);
  });

  it.each<[string, number]>([
    ['app://bundle/../secret.txt', 400],
    ['app://bundle/%2e%2e/secret.txt', 400],
    ['app://bundle/..%2fsecret.txt', 400],
    ['app://bundle//secret.txt', 400],
    ['app://bundle/..\\secret.txt', 400],
    ['app://bundle/index.html%00.txt', 400],
    ['app://bundle/leak.txt', 404],
    ['app://bundle/missing.js', 404],
    ['app://other/index.html', 404],
  ])('refuses %s with %i, policy and nothing else', async (url, status) => {
    const response = await answerAppRequest(root, { method: 'GET', url });
    expect([response.status, await response.text()]).toEqual([status, '']);
    expect(response.headers.get('content-security-policy')).toContain("default-src 'none'");
  });
});
