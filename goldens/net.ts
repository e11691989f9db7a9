/**
 * The format of a net fixture: a small net with everything K-FAC computes on it, in float64. `README.md` explains every
 * key; the names here are the file's own. Keys the README calls extras are optional, unknown keys are ignored.
 */
import { z } from 'zod';
import { checkNet } from './net-check.ts';
import { tensorSchema, tensorsSchema } from './tensor.ts';

const count = z.int().gte(1);
const flavours = <S extends z.ZodType>(schema: S) => z.object({ expand: schema, reduce: schema });
const perLayer = <S extends z.ZodType>(schema: S) => z.record(z.string(), schema);

const layerFields = {
  name: z.string().min(1),
  /** Width of the input without the homogeneous coordinate; convolution: `c_in * kh * kw`. */
  d_in: count,
  d_out: count,
  bias: z.boolean(),
  sharing: z.enum(['token', 'spatial', 'node', 'edge', 'none']),
  /** Positions per example that share the weight; a list where it differs from example to example, perhaps down to none. */
  R: z.union([count, z.array(z.int().gte(0))]),
};

const layerSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('linear'), ...layerFields }),
  z.object({
    type: z.literal('conv2d'),
    ...layerFields,
    kernel: z.tuple([count, count]),
    stride: count,
    padding: z.int().gte(0),
    out_hw: z.tuple([count, count]),
  }),
]);

const factorSchema = z.object({
  A: tensorSchema,
  /** Ragged nets, expand only: the mean over graphs of each graph's own mean. */
  A_pergraph: tensorSchema.optional(),
  G: z.object({
    type2: tensorSchema,
    empirical: tensorSchema,
    mc: tensorSchema,
    /** The two below are there where an example has several loss terms; elsewhere they equal the first two. */
    type2_shared: tensorSchema.optional(),
    empirical_perterm: tensorSchema.optional(),
    /** MSE only. */
    empirical_curvlinops: tensorSchema.optional(),
  }),
});

const preconditionedSchema = z.object({
  separate: tensorSchema,
  sqrt: tensorSchema,
  eigen: tensorSchema,
  /** Missing, and `pi_value` null, where the trace of G is 0. */
  pi: tensorSchema.optional(),
  pi_value: z.number().nullable(),
});

const exactnessSchema = z.object({
  max_abs: z.number(),
  rel_fro: z.number(),
  max_abs_with_A_pergraph: z.number().optional(),
});

const netFields = z.object({
  name: z.string().min(1),
  format: z.literal(1),
  description: z.string(),
  setting: z.enum(['expand', 'reduce']),
  loss_type: z.enum(['ce', 'mse']),
  /** Examples. */
  N: count,
  /** Loss terms. */
  M: count,
  /** Outputs per loss term. */
  C: count,
  damping: z.number().gt(0),
  layers: z.array(layerSchema).min(1),
  params: tensorsSchema,
  inputs: tensorsSchema,
  targets: tensorSchema,
  forward: z.object({ output: tensorSchema }).catchall(tensorSchema),
  loss: z.number(),
  grads: tensorsSchema,
  layer_io: perLayer(z.object({ a: tensorSchema, g: tensorSchema })),
  wgrad: tensorsSchema,
  mc_targets: tensorSchema,
  factors: flavours(perLayer(factorSchema)),
  preconditioned: flavours(
    z.object({ type2: perLayer(preconditionedSchema), empirical: perLayer(preconditionedSchema) }),
  ),
  exact_ggn: tensorsSchema.optional(),
  exactness: flavours(perLayer(exactnessSchema)).optional(),
  checks: z
    .object({
      fd_rel_error: z.number(),
      sum_g_aT_vs_autograd_max_abs: z.number(),
      kinds_max_abs_diff: z.record(z.string(), z.number()).optional(),
    })
    .optional(),
});

export type NetFields = z.output<typeof netFields>;
export type LayerSpec = z.output<typeof layerSchema>;
export type LayerFactors = z.output<typeof factorSchema>;
export type LayerPreconditioned = z.output<typeof preconditionedSchema>;
/** A net fixture whose shapes have been checked against its own layer table. */
export type NetFixture = NetFields & { kind: 'net' };

export const netSchema = netFields
  .superRefine((net, context) => {
    checkNet(net, (path, message) => context.addIssue({ code: 'custom', path, message }));
  })
  .transform((net): NetFixture => ({ kind: 'net', ...net }));
