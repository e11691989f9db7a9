/**
 * Weights of models as the Node side keeps them: those that runs ended with, and the files that runs start from, which are
 * named by their content so that a run that is repeated starts from the same numbers.
 */
import { z } from 'zod';
import { weightsHashSchema } from './run-spec.ts';

const runId = z.string().min(1);

/** The weights that a run ended with, or a file to start from. */
export const weightsSourceSchema = z.union([
  z.strictObject({ run: runId }),
  z.strictObject({ hash: weightsHashSchema }),
]);
export type WeightsSource = z.infer<typeof weightsSourceSchema>;

/** A file to start from, by its content. */
export const weightsFileSchema = z.object({
  /** SHA-256, 64 hexadecimal digits. */
  hash: weightsHashSchema,
  bytes: z.int().gte(0),
  /** In the order of the file. */
  tensors: z.array(z.object({ name: z.string(), type: z.string(), shape: z.array(z.int().gte(0)) })),
});
export type WeightsFile = z.infer<typeof weightsFileSchema>;

export const weightCalls = {
  /**
   * One piece of the weights that a run ended with, in Base64. Pieces come in order, the first at 0; with the last one the file
   * is there, whole or not at all. Answers how many bytes are written.
   */
  'weights.keep': {
    input: z.strictObject({
      run: runId,
      start: z.int().gte(0),
      bytes: z.string(),
      total: z
        .int()
        .gte(8)
        .lte(2 ** 36),
    }),
    output: z.object({ written: z.int() }),
  },
  /** How many bytes are kept; null: none are. */
  'weights.open': {
    input: z.strictObject({ of: weightsSourceSchema }),
    output: z.object({ bytes: z.int().gte(0).nullable() }),
  },
  /** How many bytes are kept of all these runs together. */
  'weights.total': {
    input: z.strictObject({ runs: z.array(runId).max(100_000) }),
    output: z.object({ bytes: z.int().gte(0) }),
  },
  /** Bytes from `start`, in Base64; at most `pieceBytes`, fewer where the file ends. */
  'weights.read': {
    input: z.strictObject({ of: weightsSourceSchema, start: z.int().gte(0) }),
    output: z.object({ bytes: z.string() }),
  },
  /** Keeps the one file of an inbox (`imports.open`) to start from; the inbox ends. */
  'weights.take': { input: z.strictObject({ inbox: z.string() }), output: weightsFileSchema },
  /** What is in a file to start from. */
  'weights.describe': { input: z.strictObject({ hash: weightsHashSchema }), output: weightsFileSchema },
} as const;
