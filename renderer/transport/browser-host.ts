/**
 * How a page of the browser host gets in. The address printed in the terminal carries a token that works once; it is
 * exchanged for a cookie no script can read, and removed from the address bar and the history.
 */
import type { Transport } from '../../contract/api.ts';
import { KronlabError } from '../../contract/errors.ts';
import { openWebSocket } from '../../contract/web-socket-transport.ts';

/** One id per page load: the lab keeps a run going while the page it belongs to reconnects. */
export const pageId = crypto.randomUUID();

/**
 * Opens the line to the lab this page came from. Rejects with `unavailable`; `data` is `{ reason: 'session' }` where
 * trying again is of no use because the page has no valid session (see `isSessionRefusal`).
 */
export async function connectBrowserHost(onClosed: () => void): Promise<Transport> {
  await enter();
  const url = new URL('/rpc', location.href);
  url.protocol = 'ws:';
  url.searchParams.set('client', pageId);
  url.hash = '';
  return openWebSocket({ url: url.href, onClosed });
}

/** True when the page must be opened from the terminal again. */
export function isSessionRefusal(error: unknown): boolean {
  if (!(error instanceof KronlabError) || error.code !== 'unavailable') return false;
  const { data } = error;
  return typeof data === 'object' && data !== null && 'reason' in data && data.reason === 'session';
}

async function enter(): Promise<void> {
  const token = takeToken();
  const response = token === null ? await ask({ method: 'GET' }) : await exchange(token);
  if (response.ok) return;
  throw new KronlabError(
    'unavailable',
    'This page has lost its key to the lab. Open the lab from its terminal again.',
    { reason: 'session' },
  );
}

/** A token that was used before is no harm while the cookie from then still opens the lab. */
async function exchange(token: string): Promise<Response> {
  const response = await ask({
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ token }),
  });
  return response.ok ? response : ask({ method: 'GET' });
}

async function ask(request: RequestInit): Promise<Response> {
  try {
    return await fetch('/session', { ...request, cache: 'no-store' });
  } catch {
    throw new KronlabError('unavailable', 'The lab is not answering. Is its terminal still open?');
  }
}

/** The token of `#token=...`, taken out of the address; null where there is none. */
function takeToken(): string | null {
  const token = new URLSearchParams(location.hash.slice(1)).get('token');
  if (token !== null) history.replaceState(null, '', location.pathname + location.search);
  return token;
}
