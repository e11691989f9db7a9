/** Errors that cross between rooms and processes: a code to act on, one readable sentence, and data to show. */
import { z } from 'zod';

export const errorCodes = [
  /** Input that breaks a schema or a rule; the message names the field and what would be right. */
  'invalid',
  'not-found',
  /** The store cannot be written (disk full, read-only). Nothing already stored is lost. */
  'storage',
  /** The database was written by a newer version of the app. */
  'newer-database',
  'no-adapter',
  'device-lost',
  /** The other side went away; retrying may help. */
  'unavailable',
  /** Ended because somebody asked for it. */
  'cancelled',
  /** A defect of the app itself. */
  'internal',
] as const;
export type ErrorCode = (typeof errorCodes)[number];

export const errorShapeSchema = z.object({
  code: z.enum(errorCodes),
  message: z.string(),
  data: z.unknown().optional(),
});
export type ErrorShape = z.infer<typeof errorShapeSchema>;

/** The error class of the whole project: thrown anywhere, sent as an `ErrorShape`, rebuilt on the other side. */
export class KronlabError extends Error {
  readonly code: ErrorCode;
  readonly data: unknown;

  constructor(code: ErrorCode, message: string, data?: unknown) {
    super(message);
    this.name = 'KronlabError';
    this.code = code;
    this.data = data;
  }

  static from(error: unknown): KronlabError {
    if (error instanceof KronlabError) return error;
    if (error instanceof z.ZodError)
      return new KronlabError('invalid', describeZodError(error), error.issues);
    return new KronlabError('internal', error instanceof Error ? error.message : String(error));
  }

  toShape(): ErrorShape {
    return { code: this.code, message: this.message, data: this.data };
  }

  static fromShape(shape: ErrorShape): KronlabError {
    return new KronlabError(shape.code, shape.message, shape.data);
  }
}

/** One sentence per broken rule: `optimizer.lr must be above 0; try 0.001 to 0.03`. */
export function describeZodError(error: z.ZodError): string {
  return error.issues.map((issue) => `${issue.path.join('.') || 'input'}: ${issue.message}`).join('; ');
}
