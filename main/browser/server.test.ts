import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WebSocket as NodeSocket } from 'ws';
import { createClient } from '../../contract/client.ts';
import { presets, presetRuns } from '../../contract/presets.ts';
import { instanceSecret, openTestHost, type TestHost } from './test-host.ts';

const graceMs = 300;
let lab: TestHost;
beforeEach(async () => {
  lab = await openTestHost({ graceMs });
});
afterEach(() => lab.close());

const json = { 'Content-Type': 'application/json' };
const tokenOf = (url: string) => new URLSearchParams(new URL(url).hash.slice(1)).get('token') ?? '';

describe('the page', () => {
  it('is served with every security header', async () => {
    const { status, headers, text } = await lab.ask({ path: '/' });
    expect(status).toBe(200);
    expect(text).toContain('<title>Kronlab</title>');
    expect(headers['content-security-policy']).toContain(
      `connect-src 'self' ws://127.0.0.1:${lab.host.port};`,
    );
    expect(headers).toMatchObject({
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-embedder-policy': 'require-corp',
      'x-content-type-options': 'nosniff',
    });
    expect(headers['access-control-allow-origin']).toBeUndefined();
  });

  it.each([
    ['POST', '/', 405],
    ['GET', '/missing.js', 404],
    ['GET', '/..%2f..%2fetc%2fpasswd', 400],
    ['HEAD', '/', 200],
  ])('%s %s -> %i', async (method, path, status) => {
    expect((await lab.ask({ method, path })).status).toBe(status);
  });

  it('is not given to a rebound name, and neither is anything else', async () => {
    for (const path of ['/', '/session', '/instance/token']) {
      expect((await lab.ask({ path, headers: { Host: `evil.example:${lab.host.port}` } })).status).toBe(403);
    }
  });
});

describe('an upload', () => {
  const clientId = 'window-aaaa';
  const send = (query: Record<string, string>, headers: Record<string, string>, body = 'a,y\n1,2\n') =>
    lab.ask({ method: 'POST', path: `/upload?${new URLSearchParams(query).toString()}`, headers, body });
  const openInbox = () =>
    lab.app.handle('imports.open', {}, clientId).then((answer) => (answer as { id: string }).id);

  it('lands in the inbox of its window, which it can import', async () => {
    const cookie = await lab.enter();
    const own = { Origin: lab.origin, Cookie: cookie, 'Content-Type': 'application/octet-stream' };
    const inbox = await openInbox();
    const answer = await send({ client: clientId, inbox, name: 'set/m.csv' }, own);
    expect([answer.status, answer.text]).toEqual([200, '{"ok":true,"value":{}}']);
    expect(await lab.app.inboxes.paths(inbox, clientId)).toEqual([expect.stringMatching(/set$/)]);
    for (const query of [
      { client: clientId, inbox, name: '../m.csv' },
      { client: clientId, inbox, name: '' },
      { client: 'window-bbbb', inbox, name: 'm.csv' },
    ])
      expect(JSON.parse((await send(query, own)).text)).toMatchObject({ ok: false });
  });

  it.each([
    ['another page', { Origin: 'https://evil.example' }, 403],
    ['no page', { Origin: '' }, 403],
    ['a page without the cookie', { Cookie: '' }, 401],
    ['a form', { 'Content-Type': 'text/plain' }, 415],
    ['a page that another one opened', { 'Sec-Fetch-Site': 'cross-site' }, 403],
  ])('is refused from %s', async (_who, wrong, status) => {
    const own = { Origin: lab.origin, Cookie: await lab.enter(), 'Content-Type': 'application/octet-stream' };
    const headers = Object.fromEntries(
      Object.entries({ ...own, ...wrong }).filter(([, value]) => value !== ''),
    );
    const inbox = await openInbox();
    expect((await send({ client: clientId, inbox, name: 'm.csv' }, headers)).status).toBe(status);
    await expect(lab.app.inboxes.paths(inbox, clientId)).rejects.toThrow('no file was chosen');
  });
});

describe('the door', () => {
  const knock = (token: unknown, headers: Record<string, string>) =>
    lab.ask({ method: 'POST', path: '/session', headers, body: JSON.stringify({ token }) });

  it('opens once per token, with a cookie no script and no other site can use', async () => {
    const token = tokenOf(lab.host.newUrl());
    const own = { ...json, Origin: lab.origin };
    const answer = await knock(token, own);
    expect(answer.status).toBe(204);
    expect(answer.headers['set-cookie']).toEqual([
      expect.stringMatching(
        new RegExp(`^kronlab_${lab.host.port}=[\\w-]{43}; Path=/; HttpOnly; SameSite=Strict$`),
      ),
    ]);
    expect((await knock(token, own)).status).toBe(401);
    const cookie = answer.headers['set-cookie']?.[0]?.split(';')[0] ?? '';
    expect((await lab.ask({ path: '/session', headers: { Cookie: cookie } })).status).toBe(204);
    expect((await lab.ask({ path: '/session' })).status).toBe(401);
    expect(
      (await lab.ask({ path: '/session', headers: { Cookie: `kronlab_${lab.host.port}=guess` } })).status,
    ).toBe(401);
  });

  it('keeps the token of who may not knock', async () => {
    const token = tokenOf(lab.host.newUrl());
    expect((await knock(token, { ...json, Origin: 'https://evil.example' })).status).toBe(403);
    expect((await knock(token, json)).status).toBe(403);
    expect((await knock(token, { 'Content-Type': 'text/plain', Origin: lab.origin })).status).toBe(415);
    expect((await knock(token, { ...json, Origin: lab.origin })).status).toBe(204);
  });

  it.each<[string, string, number]>([
    ['an empty body', '', 400],
    ['no JSON', '{"token":', 400],
    ['no token', '{}', 401],
    ['a token that is no text', '{"token":7}', 401],
    ['a body too long', JSON.stringify({ token: 'x'.repeat(200_000) }), 413],
  ])('stays shut for %s', async (_what, body, status) => {
    const headers = { ...json, Origin: lab.origin };
    expect((await lab.ask({ method: 'POST', path: '/session', headers, body })).status).toBe(status);
  });
});

describe('a second start of the lab', () => {
  it('gets a fresh address for the right secret, and pages never do', async () => {
    const path = '/instance/token';
    const right = { Authorization: `Bearer ${instanceSecret}` };
    const { status, text } = await lab.ask({ method: 'POST', path, headers: right });
    expect(status).toBe(200);
    const { url } = JSON.parse(text) as { url: string };
    const body = JSON.stringify({ token: tokenOf(url) });
    const headers = { ...json, Origin: lab.origin };
    expect((await lab.ask({ method: 'POST', path: '/session', headers, body })).status).toBe(204);

    expect((await lab.ask({ method: 'POST', path })).status).toBe(401);
    expect((await lab.ask({ method: 'POST', path, headers: { Authorization: 'Bearer guess' } })).status).toBe(
      401,
    );
    expect((await lab.ask({ method: 'POST', path, headers: { ...right, Origin: lab.origin } })).status).toBe(
      403,
    );
    expect((await lab.ask({ path, headers: right })).status).toBe(405);
  });
});

describe('the socket', () => {
  /** The status of a refused upgrade, or `open`. */
  function upgrade(path: string, cookie: string, origin: string | undefined): Promise<number | 'open'> {
    return new Promise((resolve, reject) => {
      const socket = new NodeSocket(`ws://127.0.0.1:${lab.host.port}${path}`, {
        headers: { Cookie: cookie },
        ...(origin !== undefined && { origin }),
      });
      socket.on('unexpected-response', (_request, response) => {
        resolve(response.statusCode ?? 0);
        response.destroy();
      });
      socket.on('open', () => {
        resolve('open');
        socket.close();
      });
      socket.on('error', reject);
    });
  }

  it('opens for our page with its cookie and for nothing else', async () => {
    const cookie = await lab.enter();
    const path = '/rpc?client=window-one';
    expect(await upgrade(path, cookie, lab.origin)).toBe('open');
    expect(await upgrade(path, cookie, 'https://evil.example')).toBe(403);
    expect(await upgrade(path, cookie, undefined)).toBe(403);
    expect(await upgrade(path, '', lab.origin)).toBe(401);
    expect(await upgrade(path, 'kronlab_1=x', lab.origin)).toBe(401);
    expect(await upgrade('/other?client=window-one', cookie, lab.origin)).toBe(404);
    expect(await upgrade('/rpc', cookie, lab.origin)).toBe(400);
  });

  it.each<[string, string | Buffer]>([
    ['text that is no JSON', 'hello'],
    ['a frame without an id', '{"name":"app.info","input":{}}'],
    ['bytes', Buffer.from('{"id":1,"name":"app.info","input":{}}')],
  ])('hangs up on %s', async (_what, message) => {
    const cookie = await lab.enter();
    const socket = new NodeSocket(`ws://127.0.0.1:${lab.host.port}/rpc?client=window-one`, {
      headers: { Cookie: cookie },
      origin: lab.origin,
    });
    const code = await new Promise((resolve) => {
      socket.on('open', () => socket.send(message));
      socket.on('close', resolve);
    });
    expect(code).toBe(1007);
  });

  it('tells a page whose call was not answered', async () => {
    const cookie = await lab.enter();
    let closed = 0;
    const transport = await lab.connect(cookie, 'window-one', () => closed++);
    const call = transport.invoke('runs.list', {});
    const ended = lab.host.close();
    await Promise.allSettled([call, ended]);
    await expect.poll(() => closed).toBe(1);
    await expect(transport.invoke('runs.list', {})).rejects.toMatchObject({ code: 'unavailable' });
    await expect(lab.connect(cookie, 'window-one')).rejects.toMatchObject({ code: 'unavailable' });
  });
});

describe('a window that goes away', () => {
  const environment = {
    adapter: 'a',
    vendor: 'v',
    architecture: '',
    software: true,
    host: 'h',
    appVersion: '0',
  };
  const metrics = { keys: ['train.loss' as const], steps: [1], activeMs: [1], wallMs: [1], values: [1] };
  const runs = presetRuns(presets['first-light']!).slice(0, 2);

  async function trainIn(client: string, cookie: string) {
    const transport = await lab.connect(cookie, client);
    const window = createClient(transport);
    const created = await window.call('comparisons.create', { name: 'x', runs });
    const [id = ''] = created.comparison.runIds;
    await window.call('runs.start', { id, environment, layers: [] });
    return { window, id };
  }

  const statuses = async () =>
    ((await lab.app.handle('runs.list', {})) as { status: string }[]).map((run) => run.status);

  it('for good ends its runs at once, and no other window’s', async () => {
    const cookie = await lab.enter();
    const first = await trainIn('first-window', cookie);
    const second = await trainIn('second-window', cookie);
    first.window.close();
    await expect.poll(statuses).toEqual(['running', 'queued', 'interrupted', 'interrupted']);
    expect(await second.window.call('runs.get', { id: first.id })).toMatchObject({
      run: { status: 'interrupted' },
      events: [{ code: 'interrupted', text: expect.stringContaining('The window that trained closed') }],
    });
  });

  it('by a broken line keeps its runs if it is back in time', async () => {
    const cookie = await lab.enter();
    const { id } = await trainIn('first-window', cookie);
    lab.breakLine();
    const back = createClient(await lab.connect(cookie, 'first-window'));
    await pause(graceMs * 2);
    expect(await statuses()).toEqual(['running', 'queued']);
    expect(await back.call('runs.append', { id, metrics, events: [] })).toEqual({ savedStep: 1 });
  });

  it('by a broken line ends its runs after a while, and takes them up again if it comes back late', async () => {
    const cookie = await lab.enter();
    const { id } = await trainIn('first-window', cookie);
    lab.breakLine();
    await expect.poll(statuses).toEqual(['interrupted', 'interrupted']);
    const back = createClient(await lab.connect(cookie, 'first-window'));
    await back.call('runs.append', { id, metrics, events: [] });
    expect(await statuses()).toEqual(['running', 'interrupted']);
    const { run } = await back.call('runs.get', { id });
    expect(run).toMatchObject({ endedMs: null, error: null, lastStep: 1 });
  });
});
