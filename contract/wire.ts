/**
 * Values and frames as text, for the web socket. Plain JSON turns NaN and the infinities into null, and those are what
 * a diverged run must be able to say, so they travel as marked strings.
 */
import { z } from 'zod';
import type { Envelope } from './envelope.ts';

/** First character of a marked string; a real string that begins with it is sent with the mark doubled. */
const mark = '\u0000';

/** JSON text of `value` that `decode` gives back with NaN, Infinity, -Infinity and -0 intact. `undefined` fields are left out. */
export function encode(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) => {
    if (typeof inner === 'number' && (!Number.isFinite(inner) || Object.is(inner, -0))) {
      return mark + (Object.is(inner, -0) ? '-0' : String(inner));
    }
    if (typeof inner === 'string' && inner.startsWith(mark)) return mark + inner;
    return inner;
  });
}

/** Inverse of `encode`. Throws `SyntaxError` on text that is not JSON. */
export function decode(text: string): unknown {
  return JSON.parse(text, (_key, inner: unknown) => {
    if (typeof inner !== 'string' || !inner.startsWith(mark)) return inner;
    return inner.startsWith(mark, 1) ? inner.slice(1) : Number(inner.slice(1));
  });
}

/** What a client sends: one call. */
export const requestFrameSchema = z.strictObject({
  id: z.int().gte(0),
  name: z.string().max(100),
  input: z.unknown(),
});
export type RequestFrame = z.infer<typeof requestFrameSchema>;

/** What the server sends: the reply to a call (an envelope), or an event. */
export const serverFrameSchema = z.union([
  z.object({ id: z.int().gte(0), reply: z.unknown() }),
  z.object({ event: z.string(), payload: z.unknown() }),
]);
export type ServerFrame = { id: number; reply: Envelope } | { event: string; payload: unknown };
