/** The HTTP half of the browser host: the built page, and the door (`/session`) through which a page gets its cookie. */
import { createReadStream } from 'node:fs';
import { timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream';
import { z } from 'zod';
import { securityHeaders } from '../services/csp.ts';
import { locateStaticFile } from '../services/static-files.ts';
import {
  originOf,
  readCookie,
  refuseBrowsers,
  refuseCrossSite,
  refuseForeign,
  refuseUnlessOwnPage,
  type Refusal,
} from './guards.ts';
import type { KeyRing } from './keys.ts';

export interface HttpContext {
  /** Known once the server listens. */
  port(): number;
  /** Folder of the built renderer. */
  root: string;
  keys: KeyRing;
  /** What a second start of the lab must show to get a new token (see `instance.ts`). */
  instanceSecret: string;
}

/** Cookies do not know ports: the name keeps two labs on one machine apart. */
export function cookieName(port: number): string {
  return `kronlab_${port}`;
}

export function createHttpHandler(context: HttpContext) {
  return (request: IncomingMessage, response: ServerResponse): void => {
    void answer(context, request, response).catch(() => {
      if (!response.headersSent) send(context, response, 500);
      else response.destroy();
    });
  };
}

async function answer(
  context: HttpContext,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const pathname = (request.url ?? '').split('?')[0] ?? '';
  if (pathname === '/session') return session(context, request, response);
  if (pathname === '/instance/token') return instanceToken(context, request, response);
  return page(context, pathname, request, response);
}

async function page(
  context: HttpContext,
  pathname: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const refusal = refuseForeign(request.headers, context.port());
  if (refusal) return refuse(context, response, refusal);
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    return refuse(context, response, { status: 405, reason: 'Only GET and HEAD.' });
  }
  const found = await locateStaticFile(context.root, pathname);
  if ('status' in found) return send(context, response, found.status);
  // File names under /assets carry a hash of their content; everything else may change with the next build.
  const cache = pathname.startsWith('/assets/') ? 'public, max-age=31536000, immutable' : 'no-cache';
  response.writeHead(200, { ...headers(context), 'Content-Type': found.contentType, 'Cache-Control': cache });
  if (request.method === 'HEAD') return void response.end();
  pipeline(createReadStream(found.file), response, (error) => {
    if (error) response.destroy();
  });
}

const tokenBodySchema = z.strictObject({ token: z.string().max(100) });

async function session(
  context: HttpContext,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { port, keys } = context;
  if (request.method === 'GET') {
    const refusal = refuseCrossSite(request.headers, port());
    if (refusal) return refuse(context, response, refusal);
    const cookie = readCookie(request.headers.cookie, cookieName(port()));
    return send(context, response, keys.isValidCookie(cookie) ? 204 : 401);
  }
  if (request.method !== 'POST')
    return refuse(context, response, { status: 405, reason: 'Only GET and POST.' });
  const refusal = refuseUnlessOwnPage(request.headers, port());
  if (refusal) return refuse(context, response, refusal);
  const body = await readJson(request);
  if ('status' in body) return refuse(context, response, body);
  const parsed = tokenBodySchema.safeParse(body.value);
  const cookie = parsed.success ? keys.redeem(parsed.data.token) : null;
  if (cookie === null) return send(context, response, 401);
  const value = `${cookieName(port())}=${cookie}; Path=/; HttpOnly; SameSite=Strict`;
  send(context, response, 204, { 'Set-Cookie': value });
}

function instanceToken(context: HttpContext, request: IncomingMessage, response: ServerResponse): void {
  const refusal = refuseBrowsers(request.headers, context.port());
  if (refusal) return refuse(context, response, refusal);
  if (request.method !== 'POST') return refuse(context, response, { status: 405, reason: 'Only POST.' });
  if (!isSame(request.headers.authorization ?? '', `Bearer ${context.instanceSecret}`))
    return send(context, response, 401);
  const url = `${originOf(context.port())}/#token=${context.keys.issueToken()}`;
  response.writeHead(200, {
    ...headers(context),
    'Content-Type': 'application/json',
    'Cache-Control': 'no-store',
  });
  response.end(JSON.stringify({ url }));
}

function isSame(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}

const bodyLimitBytes = 4096;

/** A form or an image on another page cannot send this content type without asking first, and nobody answers that question. */
async function readJson(request: IncomingMessage): Promise<{ value: unknown } | Refusal> {
  if (!/^application\/json\b/.test(request.headers['content-type'] ?? '')) {
    return { status: 415, reason: 'The body must be application/json.' };
  }
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > bodyLimitBytes)
      return { status: 413, reason: `The body may have ${bodyLimitBytes} bytes at most.` };
    chunks.push(chunk);
  }
  try {
    return { value: JSON.parse(Buffer.concat(chunks).toString('utf8')) as unknown };
  } catch {
    return { status: 400, reason: 'The body is not JSON.' };
  }
}

function headers(context: HttpContext): Record<string, string> {
  return securityHeaders([originOf(context.port()).replace('http:', 'ws:')]);
}

function send(
  context: HttpContext,
  response: ServerResponse,
  status: number,
  more: Record<string, string> = {},
): void {
  response.writeHead(status, { ...headers(context), 'Cache-Control': 'no-store', ...more });
  response.end();
}

function refuse(context: HttpContext, response: ServerResponse, { status, reason }: Refusal): void {
  response.writeHead(status, {
    ...headers(context),
    'Content-Type': 'text/plain; charset=utf-8',
    'Cache-Control': 'no-store',
    // The rest of a body that was not read must not be taken for the next request.
    Connection: 'close',
  });
  response.end(`${reason}\n`);
}
