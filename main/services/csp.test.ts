import { describe, expect, it } from 'vitest';
import { contentSecurityPolicy, securityHeaders } from './csp.ts';

describe('contentSecurityPolicy', () => {
  it('starts from nothing and never allows inline or evaluated scripts', () => {
    const policy = contentSecurityPolicy();
    expect(policy).toMatch(/^default-src 'none'; /);
    expect(policy).toContain("script-src 'self';");
    expect(policy).not.toContain('unsafe-eval');
    expect(policy.match(/'unsafe-inline'/g)).toHaveLength(1);
    expect(policy).toContain("style-src-attr 'unsafe-inline'");
  });

  it('adds origins to connect-src only', () => {
    const policy = contentSecurityPolicy(['ws://127.0.0.1:4123']);
    expect(policy).toContain("connect-src 'self' ws://127.0.0.1:4123;");
    expect(policy.match(/127\.0\.0\.1/g)).toHaveLength(1);
  });

  it('travels with the isolation headers', () => {
    expect(securityHeaders()).toMatchObject({
      'Content-Security-Policy': contentSecurityPolicy(),
      'Cross-Origin-Opener-Policy': 'same-origin',
      'Cross-Origin-Embedder-Policy': 'require-corp',
      'X-Content-Type-Options': 'nosniff',
    });
  });
});
