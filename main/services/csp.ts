/**
 * What a page of the lab may load and talk to. Both hosts send these headers from this one place, so that the policy
 * tested in the browser is the policy the desktop shell applies.
 */

const directives: Record<string, readonly string[]> = {
  'default-src': ["'none'"],
  'script-src': ["'self'"],
  // Style sheets come from files only; attributes are allowed because templates set positions and widths with them.
  'style-src-elem': ["'self'"],
  'style-src-attr': ["'unsafe-inline'"],
  'img-src': ["'self'", 'blob:', 'data:'],
  'font-src': ["'self'"],
  'worker-src': ["'self'"],
  'connect-src': ["'self'"],
  'base-uri': ["'none'"],
  'form-action': ["'none'"],
  'frame-ancestors': ["'none'"],
};

/**
 * The policy as a header value.
 * @param connect further origins the page may connect to, e.g. `ws://127.0.0.1:4123` for the browser host's socket.
 */
export function contentSecurityPolicy(connect: readonly string[] = []): string {
  return Object.entries(directives)
    .map(([name, values]) => [name, ...values, ...(name === 'connect-src' ? connect : [])].join(' '))
    .join('; ');
}

/**
 * Every header that belongs on a response of the app's own origin. The two cross-origin headers isolate the page,
 * which gives it the finer clock that per-phase timings need.
 */
export function securityHeaders(connect: readonly string[] = []): Record<string, string> {
  return {
    'Content-Security-Policy': contentSecurityPolicy(connect),
    'Cross-Origin-Opener-Policy': 'same-origin',
    'Cross-Origin-Embedder-Policy': 'require-corp',
    'Cross-Origin-Resource-Policy': 'same-origin',
    'X-Content-Type-Options': 'nosniff',
    'Referrer-Policy': 'no-referrer',
  };
}
