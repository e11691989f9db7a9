/** The keys of the browser host: one-time tokens that open a door once, and the cookies they are exchanged for. */
import { createHash, randomBytes } from 'node:crypto';

export interface KeyRing {
  /** A new one-time token: 256 random bits, 43 characters that are safe in a URL. */
  issueToken(): string;
  /** The cookie value a token is worth, once; null for anything else. */
  redeem(token: string): string | null;
  isValidCookie(value: string | null): boolean;
}

export function createKeyRing(): KeyRing {
  // Only digests are kept and looked up, so the time a look-up takes says nothing about a secret.
  const tokens = new Set<string>();
  const cookies = new Set<string>();
  return {
    issueToken() {
      const token = newSecret();
      tokens.add(digest(token));
      return token;
    },
    redeem(token) {
      if (!tokens.delete(digest(token))) return null;
      const cookie = newSecret();
      cookies.add(digest(cookie));
      return cookie;
    },
    isValidCookie: (value) => value !== null && cookies.has(digest(value)),
  };
}

/** 256 random bits, base64url. */
export function newSecret(): string {
  return randomBytes(32).toString('base64url');
}

function digest(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}
