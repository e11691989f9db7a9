import { expect, it } from 'vitest';
import { createKeyRing } from './keys.ts';

it('opens once per token, for cookies of this ring only', () => {
  const keys = createKeyRing();
  const token = keys.issueToken();
  expect(Buffer.from(token, 'base64url')).toHaveLength(32);
  expect(keys.redeem('guess')).toBeNull();
  const cookie = keys.redeem(token);
  expect(keys.isValidCookie(cookie)).toBe(true);
  expect(keys.redeem(token)).toBeNull();
  expect(keys.isValidCookie(token)).toBe(false);
  expect(keys.isValidCookie(null)).toBe(false);
  expect(createKeyRing().isValidCookie(cookie)).toBe(false);
});
