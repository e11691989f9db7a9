/**
 * Who may talk to the browser host. It listens on this machine only, but every page in every browser of this machine
 * can reach it, under any name that resolves here: so the Host header must be ours (DNS rebinding), and what acts must
 * come from our own page. Pure rules; the server applies them.
 */
import type { IncomingHttpHeaders } from 'node:http';

export interface Refusal {
  status: 400 | 401 | 403 | 404 | 405 | 413 | 415;
  reason: string;
}

/** The one origin the host answers for. `localhost` is another origin to a browser, and not ours. */
export function originOf(port: number): string {
  return `http://127.0.0.1:${port}`;
}

/** For anything: the request must name this host, and if it says where it comes from, that must be here. */
export function refuseForeign(headers: IncomingHttpHeaders, port: number): Refusal | null {
  if (headers.host !== `127.0.0.1:${port}`)
    return { status: 403, reason: 'This is not the host you asked for.' };
  if (headers.origin !== undefined && headers.origin !== originOf(port)) {
    return { status: 403, reason: 'Requests from other pages are refused.' };
  }
  return null;
}

/** For whatever reads or changes something: besides, nothing may say that it comes from elsewhere. */
export function refuseCrossSite(headers: IncomingHttpHeaders, port: number): Refusal | null {
  const site = headers['sec-fetch-site'];
  if (site !== undefined && site !== 'same-origin' && site !== 'none') {
    return { status: 403, reason: 'Requests from other pages are refused.' };
  }
  return refuseForeign(headers, port);
}

/** For what acts with the cookie: a browser always names the origin there, so a request without one is no page of ours. */
export function refuseUnlessOwnPage(headers: IncomingHttpHeaders, port: number): Refusal | null {
  if (headers.origin === undefined) return { status: 403, reason: 'The origin of the request is missing.' };
  return refuseCrossSite(headers, port);
}

/** For the command line: a browser would name an origin, so a request with one is no command line. */
export function refuseBrowsers(headers: IncomingHttpHeaders, port: number): Refusal | null {
  if (headers.origin !== undefined || headers['sec-fetch-site'] !== undefined) {
    return { status: 403, reason: 'This is not for pages.' };
  }
  return refuseForeign(headers, port);
}

/** The value of a cookie; null when it is not there. */
export function readCookie(header: string | undefined, name: string): string | null {
  for (const part of (header ?? '').split(';')) {
    const [key, ...value] = part.split('=');
    if (key?.trim() === name) return value.join('=').trim();
  }
  return null;
}
