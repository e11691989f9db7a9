/**
 * From a request's path to a file of the built renderer, or to a refusal. Both hosts serve the same folder and face
 * the same tricks (`..`, encoded dots, backslashes, links that lead outside), so the rule is written and tested once.
 */
import { realpath, stat } from 'node:fs/promises';
import { extname, join, resolve, sep } from 'node:path';

export type StaticAnswer = { file: string; contentType: string } | { status: 400 | 404 };

const contentTypes: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.txt': 'text/plain; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
};

/**
 * The path inside the root that a URL's path names, as segments; null when it is malformed or tries to leave.
 * @param pathname as written in the request, still percent-encoded, without query or fragment.
 */
export function staticSegments(pathname: string): string[] | null {
  const decoded = decodeOnce(pathname);
  if (decoded === null || !decoded.startsWith('/') || /[\0\\]/.test(decoded)) return null;
  if (decoded === '/') return ['index.html'];
  const segments = decoded.slice(1).split('/');
  // A colon would name a drive or a stream on Windows; an empty segment is `//`, which some parsers read as a host.
  const bad = segments.some((part) => part === '' || part === '.' || part === '..' || part.includes(':'));
  return bad ? null : segments;
}

function decodeOnce(pathname: string): string | null {
  try {
    return decodeURIComponent(pathname);
  } catch {
    return null;
  }
}

/**
 * Pages of the app have addresses of their own (`/runs/1`), which are no files: a reload there gets the app, which knows
 * the address or says that it does not. Whatever looks like a file, or belongs to the build, is looked for as one.
 */
function isPage(segments: readonly string[]): boolean {
  return segments[0] !== 'assets' && segments.every((segment) => extname(segment) === '');
}

/** Finds the file under `root` that `pathname` names. Follows links only as far as they stay inside `root`. */
export async function locateStaticFile(root: string, pathname: string): Promise<StaticAnswer> {
  const named = staticSegments(pathname);
  if (named === null) return { status: 400 };
  const segments = isPage(named) ? ['index.html'] : named;
  const file = await realpath(join(resolve(root), ...segments)).catch(() => null);
  if (file === null || !file.startsWith((await realpath(root)) + sep)) return { status: 404 };
  if (!(await stat(file)).isFile()) return { status: 404 };
  return { file, contentType: contentTypes[extname(file).toLowerCase()] ?? 'application/octet-stream' };
}
