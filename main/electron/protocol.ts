/**
 * Serves the built renderer as `app://bundle/...`: an origin of its own, secure (WebGPU and workers need that), with
 * the content policy on every response. Nothing is ever loaded from `file://`.
 */
import { readFile } from 'node:fs/promises';
import { securityHeaders } from '../services/csp.ts';
import { locateStaticFile } from '../services/static-files.ts';
import { appHost, appScheme } from './policy.ts';
import type { ShellApi } from './shell-api.ts';

/** Must run before the app is ready, and only once. */
export function registerAppScheme(electron: Pick<ShellApi, 'protocol'>): void {
  electron.protocol.registerSchemesAsPrivileged([
    {
      scheme: appScheme,
      privileges: { standard: true, secure: true, supportFetchAPI: true, codeCache: true, stream: true },
    },
  ]);
}

export type AppRequest = { pathname: string } | { status: 404 | 405 };

/**
 * The path a request asks for, still encoded. The address is taken apart by hand: a URL parser would tidy `..` and
 * backslashes away before they could be refused.
 */
export function parseAppRequest(method: string, url: string): AppRequest {
  if (method !== 'GET' && method !== 'HEAD') return { status: 405 };
  const parts = /^([a-z]+):\/\/([^/?#]*)([^?#]*)/i.exec(url);
  if (parts?.[1]?.toLowerCase() !== appScheme || parts[2] !== appHost) return { status: 404 };
  return { pathname: parts[3] || '/' };
}

/** Answers one request from the files under `root`. */
export async function answerAppRequest(
  root: string,
  { method, url }: { method: string; url: string },
): Promise<Response> {
  const request = parseAppRequest(method, url);
  if ('status' in request) return refusal(request.status);
  const found = await locateStaticFile(root, request.pathname);
  if ('status' in found) return refusal(found.status);
  const headers = { ...securityHeaders(), 'Content-Type': found.contentType };
  return new Response(method === 'HEAD' ? null : await readFile(found.file), { headers });
}

function refusal(status: number): Response {
  return new Response(null, { status, headers: securityHeaders() });
}

export function serveRenderer(electron: Pick<ShellApi, 'protocol'>, root: string): void {
  electron.protocol.handle(appScheme, (request) => answerAppRequest(root, request));
}
