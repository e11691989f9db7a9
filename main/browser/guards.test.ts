import { describe, expect, it } from 'vitest';
import { readCookie, refuseBrowsers, refuseCrossSite, refuseForeign, refuseUnlessOwnPage } from './guards.ts';

const port = 4123;
const host = '127.0.0.1:4123';
const own = 'http://127.0.0.1:4123';

type Headers = Record<string, string>;

describe('which requests are refused', () => {
  // foreign: for anything; site: for what reads; page: for what acts; command: for the second start of the lab
  it.each<[string, Headers, { foreign: boolean; site: boolean; page: boolean; command: boolean }]>([
    [
      'typed into the address bar',
      { host, 'sec-fetch-site': 'none' },
      { foreign: false, site: false, page: true, command: true },
    ],
    [
      'own page, reading',
      { host, 'sec-fetch-site': 'same-origin' },
      { foreign: false, site: false, page: true, command: true },
    ],
    [
      'own page, acting',
      { host, origin: own, 'sec-fetch-site': 'same-origin' },
      { foreign: false, site: false, page: false, command: true },
    ],
    ['a command line', { host }, { foreign: false, site: false, page: true, command: false }],
    [
      'another site, following a link',
      { host, 'sec-fetch-site': 'cross-site' },
      { foreign: false, site: true, page: true, command: true },
    ],
    [
      'another port of this machine',
      { host, origin: 'http://127.0.0.1:4124', 'sec-fetch-site': 'same-site' },
      { foreign: true, site: true, page: true, command: true },
    ],
    [
      'another site, acting',
      { host, origin: 'https://evil.example' },
      { foreign: true, site: true, page: true, command: true },
    ],
    ['a sandboxed frame', { host, origin: 'null' }, { foreign: true, site: true, page: true, command: true }],
    [
      'https in place of http',
      { host, origin: 'https://127.0.0.1:4123' },
      { foreign: true, site: true, page: true, command: true },
    ],
    [
      'an origin that begins like ours',
      { host, origin: `${own}.evil.example` },
      { foreign: true, site: true, page: true, command: true },
    ],
    [
      'a rebound name',
      { host: 'evil.example:4123', origin: 'http://evil.example:4123' },
      { foreign: true, site: true, page: true, command: true },
    ],
    ['localhost', { host: 'localhost:4123' }, { foreign: true, site: true, page: true, command: true }],
    ['no port in Host', { host: '127.0.0.1' }, { foreign: true, site: true, page: true, command: true }],
    ['no Host', {}, { foreign: true, site: true, page: true, command: true }],
  ])('%s', (_what, headers, refused) => {
    expect({
      foreign: refuseForeign(headers, port) !== null,
      site: refuseCrossSite(headers, port) !== null,
      page: refuseUnlessOwnPage(headers, port) !== null,
      command: refuseBrowsers(headers, port) !== null,
    }).toEqual(refused);
  });
});

describe('readCookie', () => {
  it.each<[string | undefined, string | null]>([
    [undefined, null],
    ['', null],
    ['a=1', null],
    ['kronlab_4123=abc', 'abc'],
    ['a=1; kronlab_4123=abc=; b=2', 'abc='],
    ['xkronlab_4123=abc', null],
    ['kronlab_41234=abc', null],
    ['kronlab_4123', ''],
  ])('%j -> %j', (header, value) => {
    expect(readCookie(header, 'kronlab_4123')).toBe(value);
  });
});
