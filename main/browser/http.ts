/** The HTTP half of the browser host: the built page, and the door (`/session`) through which a page gets its cookie. */
import { timingSafeEqual } from 'node:crypto';
import { createReadStream } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream';
import { z } from 'zod';
import type { App } from '../services/create-app.ts';
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
import { receiveUpload } from './upload.ts';

export interface HttpContext {
  /** Takes uploads. */
  app: Pick<App, 'inboxes'>;
  /** Known once the server listens. */
  port(): number;
  /** Folder of the built renderer. */
  root: string;
  keys: KeyRing;
  /** What a second start of the lab must show to get a new token (see `instance.ts`). */
  instanceSecret: string;
}

/** What is sent back: a status, and text or a file where there is something to say. */
interface Answer {
  status: number;
  headers?: Record<string, string>;
  text?: string;
  file?: string;
}

/** Cookies do not know ports: the name keeps two labs on one machine apart. */
export function cookieName(port: number): string {
  return `kronlab_${port}`;
}

export function createHttpHandler(context: HttpContext) {
  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const result = await answer(context, request).catch((): Answer => ({ status: 500 }));
    write(context, request, response, result);
  };
}

async function answer(context: HttpContext, request: IncomingMessage): Promise<Answer> {
  const pathname = (request.url ?? '').split('?')[0] ?? '';
  if (pathname === '/session')
    return request.method === 'GET' ? checkSession(context, request) : openSession(context, request);
  if (pathname === '/instance/token') return instanceToken(context, request);
  if (pathname === '/upload') return upload(context, request);
  return page(context, pathname, request);
}

async function page(
  { port, root }: HttpContext,
  pathname: string,
  request: IncomingMessage,
): Promise<Answer> {
  const refusal = refuseForeign(request.headers, port());
  if (refusal) return refused(refusal);
  if (request.method !== 'GET' && request.method !== 'HEAD')
    return refused({ status: 405, reason: 'Only GET and HEAD.' });
  const found = await locateStaticFile(root, pathname);
  if ('status' in found) return found;
  // File names under /assets carry a hash of their content; everything else may change with the next build.
  const cache = pathname.startsWith('/assets/') ? 'public, max-age=31536000, immutable' : 'no-cache';
  return {
    status: 200,
    file: found.file,
    headers: { 'Content-Type': found.contentType, 'Cache-Control': cache },
  };
}

function checkSession({ port, keys }: HttpContext, request: IncomingMessage): Answer {
  const refusal = refuseCrossSite(request.headers, port());
  if (refusal) return refused(refusal);
  const cookie = readCookie(request.headers.cookie, cookieName(port()));
  return { status: keys.isValidCookie(cookie) ? 204 : 401 };
}

const tokenBodySchema = z.strictObject({ token: z.string().max(100) });

async function openSession({ port, keys }: HttpContext, request: IncomingMessage): Promise<Answer> {
  const refusal = refuseUnlessOwnPage(request.headers, port());
  if (refusal) return refused(refusal);
  if (request.method !== 'POST') return refused({ status: 405, reason: 'Only GET and POST.' });
  const body = await readJson(request);
  if ('status' in body) return refused(body);
  const parsed = tokenBodySchema.safeParse(body.value);
  const cookie = parsed.success ? keys.redeem(parsed.data.token) : null;
  if (cookie === null) return { status: 401 };
  const value = `${cookieName(port())}=${cookie}; Path=/; HttpOnly; SameSite=Strict`;
  return { status: 204, headers: { 'Set-Cookie': value } };
}

async function upload({ app, port, keys }: HttpContext, request: IncomingMessage): Promise<Answer> {
  const refusal = refuseUnlessOwnPage(request.headers, port());
  if (refusal) return refused(refusal);
  if (!keys.isValidCookie(readCookie(request.headers.cookie, cookieName(port()))))
    return refused({ status: 401, reason: 'Open the lab from its terminal again.' });
  if (request.method !== 'POST') return refused({ status: 405, reason: 'Only POST.' });
  // As with JSON: no form and no image can send this type from another page.
  if (request.headers['content-type'] !== 'application/octet-stream')
    return refused({ status: 415, reason: 'The body must be application/octet-stream.' });
  const reply = await receiveUpload(app.inboxes, request);
  return {
    status: 200,
    headers: { 'Content-Type': 'application/json', ...(!reply.ok && { Connection: 'close' }) },
    text: JSON.stringify(reply),
  };
}

function instanceToken({ port, keys, instanceSecret }: HttpContext, request: IncomingMessage): Answer {
  const refusal = refuseBrowsers(request.headers, port());
  if (refusal) return refused(refusal);
  if (request.method !== 'POST') return refused({ status: 405, reason: 'Only POST.' });
  if (!isSame(request.headers.authorization ?? '', `Bearer ${instanceSecret}`)) return { status: 401 };
  const url = `${originOf(port())}/#token=${keys.issueToken()}`;
  return { status: 200, headers: { 'Content-Type': 'application/json' }, text: JSON.stringify({ url }) };
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
  const bytes = await readLimited(request, bodyLimitBytes);
  if (bytes === null) return { status: 413, reason: `The body may have ${bodyLimitBytes} bytes at most.` };
  try {
    return { value: JSON.parse(bytes.toString('utf8')) as unknown };
  } catch {
    return { status: 400, reason: 'The body is not JSON.' };
  }
}

/** The body, or null as soon as it is longer than `limit` bytes; the rest is then left unread. */
function readLimited(request: IncomingMessage, limit: number): Promise<Buffer | null> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= limit) chunks.push(chunk);
      else {
        request.pause();
        resolve(null);
      }
    });
    request.on('end', () => resolve(Buffer.concat(chunks)));
    request.on('error', reject);
  });
}

function refused({ status, reason }: Refusal): Answer {
  return {
    status,
    // The rest of a body that was not read must not be taken for the next request.
    headers: { 'Content-Type': 'text/plain; charset=utf-8', Connection: 'close' },
    text: `${reason}\n`,
  };
}

function write(
  context: HttpContext,
  request: IncomingMessage,
  response: ServerResponse,
  answered: Answer,
): void {
  const own = securityHeaders([originOf(context.port()).replace('http:', 'ws:')]);
  response.writeHead(answered.status, { ...own, 'Cache-Control': 'no-store', ...answered.headers });
  if (answered.file === undefined || request.method === 'HEAD') {
    response.end(answered.text);
    return;
  }
  pipeline(createReadStream(answered.file), response, (error) => {
    if (error) response.destroy();
  });
}
