// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { connectBrowserHost, isSessionRefusal } from './browser-host.ts';

interface Asked {
  method: string;
  body: unknown;
}

/** Opens at once and stays open. */
class OpenSocket extends EventTarget {
  static urls: string[] = [];
  constructor(url: string) {
    super();
    OpenSocket.urls.push(url);
    queueMicrotask(() => this.dispatchEvent(new Event('open')));
  }
}

let asked: Asked[];

/** What `/session` answers, by method. */
function serve(statuses: { GET: number; POST: number }): void {
  vi.stubGlobal('fetch', async (path: string, { method = 'GET', body }: RequestInit) => {
    expect(path).toBe('/session');
    asked.push({ method, body });
    return new Response(null, { status: method === 'POST' ? statuses.POST : statuses.GET });
  });
}

beforeEach(() => {
  asked = [];
  OpenSocket.urls = [];
  vi.stubGlobal('WebSocket', OpenSocket);
  history.replaceState(null, '', '/#token=abc');
});
afterEach(() => vi.unstubAllGlobals());

const connect = () => connectBrowserHost(() => undefined);

describe('connectBrowserHost', () => {
  it('exchanges the token once and takes it out of the address', async () => {
    serve({ POST: 204, GET: 500 });
    await connect();
    expect(asked).toEqual([{ method: 'POST', body: '{"token":"abc"}' }]);
    expect(location.href).toBe(`${location.origin}/`);
    expect(OpenSocket.urls).toEqual([
      expect.stringMatching(/^ws:\/\/localhost:3000\/rpc\?client=[\w-]{36}$/),
    ]);
  });

  it('comes in with the cookie after a reload, under the same id when it reconnects', async () => {
    history.replaceState(null, '', '/#/runs');
    serve({ POST: 500, GET: 204 });
    await connect();
    await connect();
    expect(asked.map(({ method }) => method)).toEqual(['GET', 'GET']);
    expect(location.hash).toBe('#/runs');
    expect(new Set(OpenSocket.urls).size).toBe(1);
  });

  it('does not mind a used token while the cookie is good', async () => {
    serve({ POST: 401, GET: 204 });
    await connect();
    expect(OpenSocket.urls).toHaveLength(1);
  });

  it('says that the lab must be opened again when neither works', async () => {
    serve({ POST: 401, GET: 401 });
    const error: unknown = await connect().catch((reason: unknown) => reason);
    expect(error).toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('from its terminal again'),
    });
    expect(isSessionRefusal(error)).toBe(true);
    expect(OpenSocket.urls).toEqual([]);
  });

  it('tells a lab that is not there from one that does not let us in', async () => {
    vi.stubGlobal('fetch', () => Promise.reject(new TypeError('Failed to fetch')));
    const error: unknown = await connect().catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'unavailable', message: expect.stringContaining('not answering') });
    expect(isSessionRefusal(error)).toBe(false);
  });
});
