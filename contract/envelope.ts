/**
 * How an answer crosses a process boundary. Electron passes on only the message of an error, and a socket passes on
 * nothing of it, so failures travel as values and are turned back into `KronlabError` on the other side.
 */
import { z } from 'zod';
import { errorShapeSchema, KronlabError, type ErrorShape } from './errors.ts';

export type Envelope = { ok: true; value: unknown } | { ok: false; error: ErrorShape };

const envelopeSchema = z.discriminatedUnion('ok', [
  z.object({ ok: z.literal(true), value: z.unknown() }),
  z.object({ ok: z.literal(false), error: errorShapeSchema }),
]);

/** Runs `work` and wraps what comes of it; never rejects. */
export async function toEnvelope(work: () => Promise<unknown>): Promise<Envelope> {
  try {
    return { ok: true, value: await work() };
  } catch (error) {
    return { ok: false, error: KronlabError.from(error).toShape() };
  }
}

/** The value inside, or the error inside thrown. Something that is no envelope is a defect of the sender. */
export function fromEnvelope(received: unknown): unknown {
  const parsed = envelopeSchema.safeParse(received);
  if (!parsed.success)
    throw new KronlabError('internal', 'The answer from the Node side is not an envelope.');
  if (parsed.data.ok) return parsed.data.value;
  throw KronlabError.fromShape(parsed.data.error);
}
