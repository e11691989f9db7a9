import { describe, expect, it } from 'vitest';
import { allowsPermission, externalLink, isAppUrl, isTrustedSender } from './policy.ts';

describe('isAppUrl', () => {
  it.each<[string, boolean]>([
    ['app://bundle/index.html', true],
    ['app://bundle/', true],
    ['APP://bundle/index.html#/runs', true],
    ['app://bundle.evil.example/', false],
    ['app://evil/index.html', false],
    ['app://user@bundle/', false],
    ['app://bundle:80/', false],
    ['https://bundle/', false],
    // Contains the right text, and is somewhere else altogether.
    ['https://evil.example/?next=app://bundle/', false],
    ['https://app://bundle/', false],
    ['file:///index.html', false],
    ['data:text/html,hello', false],
    ['about:blank', false],
    ['javascript:alert(1)', false],
    ['', false],
    ['bundle', false],
  ])('%j: %s', (url, expected) => {
    expect(isAppUrl(url)).toBe(expected);
  });
});

describe('allowsPermission', () => {
  it.each<[string, string, boolean]>([
    ['clipboard-sanitized-write', 'app://bundle/index.html', true],
    ['fullscreen', 'app://bundle/index.html', true],
    ['fullscreen', 'https://evil.example/', false],
    ['fullscreen', '', false],
    ['clipboard-read', 'app://bundle/index.html', false],
    ['media', 'app://bundle/index.html', false],
    ['notifications', 'app://bundle/index.html', false],
    ['openExternal', 'app://bundle/index.html', false],
    ['fileSystem', 'app://bundle/index.html', false],
    ['unknown', 'app://bundle/index.html', false],
  ])('%s for %j: %s', (permission, url, expected) => {
    expect(allowsPermission(permission, url)).toBe(expected);
  });
});

describe('externalLink', () => {
  it.each<[string, string | null]>([
    ['https://arxiv.org/abs/2311.00636', 'https://arxiv.org/abs/2311.00636'],
    ['https://github.com/', 'https://github.com/'],
    ['http://arxiv.org/', null],
    ['https://arxiv.org.evil.example/', null],
    ['https://evil.example/?https://arxiv.org/', null],
    ['https://arxiv.org@evil.example/', null],
    ['https://user:word@arxiv.org/', null],
    ['https://arxiv.org:8443/', null],
    ['file:///etc/passwd', null],
    ['javascript:alert(1)', null],
    ['app://bundle/index.html', null],
    ['nonsense', null],
  ])('%j -> %j', (url, expected) => {
    expect(externalLink(url)).toBe(expected);
  });
});

describe('isTrustedSender', () => {
  it('is the page of the lab itself and nothing inside or beside it', () => {
    const page = { url: 'app://bundle/index.html', parent: null };
    expect(isTrustedSender(page)).toBe(true);
    expect(isTrustedSender({ url: page.url, parent: page })).toBe(false);
    expect(isTrustedSender({ url: 'https://evil.example/', parent: null })).toBe(false);
    expect(isTrustedSender(null)).toBe(false);
  });
});
