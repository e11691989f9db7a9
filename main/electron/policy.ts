/** What the page may do and where it may go, as pure functions: the whole policy can be read, and tested, in one place. */

export const appScheme = 'app';
export const appHost = 'bundle';
/** The page of the lab. */
export const appUrl = `${appScheme}://${appHost}/index.html`;

/** Whether `url` is exactly of the app's own origin; a string that merely contains it is not. */
export function isAppUrl(url: string): boolean {
  const parsed = URL.parse(url);
  return (
    parsed?.protocol === `${appScheme}:` &&
    parsed.host === appHost &&
    parsed.username === '' &&
    parsed.password === ''
  );
}

const permissions = new Set(['clipboard-sanitized-write', 'fullscreen']);

/** Only what the lab uses (copying a value, a chart in full screen), and only for its own page. */
export function allowsPermission(permission: string, requestingUrl: string): boolean {
  return permissions.has(permission) && isAppUrl(requestingUrl);
}

/** Where the lab's own texts point. */
const linkHosts = new Set(['arxiv.org', 'doi.org', 'github.com']);

/** The address to hand to the system's browser, or null when the link may not leave the app. */
export function externalLink(url: string): string | null {
  const parsed = URL.parse(url);
  if (parsed?.protocol !== 'https:' || parsed.port !== '') return null;
  if (parsed.username !== '' || parsed.password !== '') return null;
  return linkHosts.has(parsed.hostname) ? parsed.href : null;
}

/** A call is answered only for the lab's own page itself: not for a frame inside it, not for another origin. */
export function isTrustedSender(frame: { url: string; parent: unknown } | null): boolean {
  return frame !== null && frame.parent === null && isAppUrl(frame.url);
}
