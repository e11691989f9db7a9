/**
 * The format of the trajectories fixture: full-batch training of one of the nets, step by step, with several optimisers.
 * `README.md` gives the update rules; the names here are the file's own, except `kind`, which is told from the settings.
 */
import { z } from 'zod';
import { checkShape, tensorsSchema, type Report, type Tensor } from './tensor.ts';

const nonNegative = z.number().gte(0);
const rate = z.number().gt(0);

const firstOrderStep = z.object({
  /** Loss at the parameters before this step's update. */
  loss_before: z.number(),
  /** Every parameter after the update. */
  params: tensorsSchema,
});

/** By layer: the moving averages as used, the preconditioned gradient and the velocity `[d_out, d_in(+1)]`. */
const kfacStep = firstOrderStep.extend({
  A: tensorsSchema,
  G: tensorsSchema,
  precond: tensorsSchema,
  velocity: tensorsSchema,
});

const sgdConfig = z.object({
  lr: rate,
  momentum: nonNegative,
  dampening: nonNegative,
  nesterov: z.boolean(),
  weight_decay: nonNegative,
});

const adamwConfig = z.object({
  lr: rate,
  betas: z.tuple([nonNegative, nonNegative]),
  eps: rate,
  weight_decay: nonNegative,
});

const kfacConfig = z.object({
  approx: z.enum(['expand', 'reduce']),
  fisher: z.enum(['type2', 'type2_shared', 'empirical']),
  ema_beta: nonNegative,
  ema_start: z.enum(['first', 'zero_bias_corrected']),
  damping: rate,
  damping_rule: z.enum(['separate', 'sqrt', 'pi', 'eigen']),
  momentum: nonNegative,
  lr: rate,
});

const run = <K extends string, C extends z.ZodType, S extends z.ZodType>(kind: K, config: C, step: S) =>
  z.object({ kind: z.literal(kind), config, steps: z.array(step).min(1), final_loss: z.number() });

const runSchema = z.preprocess(
  tellKind,
  z.discriminatedUnion('kind', [
    run('sgd', sgdConfig, firstOrderStep),
    run('adamw', adamwConfig, firstOrderStep),
    run('kfac', kfacConfig, kfacStep),
  ]),
);

const trajectoriesFields = z.object({
  name: z.string().min(1),
  format: z.literal(1),
  /** Name of the net fixture whose parameters, inputs and targets the runs start from. */
  net: z.string().min(1),
  /** Steps of every run. */
  steps: z.int().gte(1),
  description: z.string(),
  runs: z.record(z.string(), runSchema),
});

type TrajectoriesFields = z.output<typeof trajectoriesFields>;
export type TrajectoryRun = z.output<typeof runSchema>;
export type KfacTrajectory = Extract<TrajectoryRun, { kind: 'kfac' }>;
/** Trajectories whose steps are complete and of one shape. */
export type TrajectoriesFixture = TrajectoriesFields & { kind: 'trajectories' };

export const trajectoriesSchema = trajectoriesFields
  .superRefine((fixture, context) => {
    checkTrajectories(fixture, (path, message) => context.addIssue({ code: 'custom', path, message }));
  })
  .transform((fixture): TrajectoriesFixture => ({ kind: 'trajectories', ...fixture }));

/** The file has no key for the optimiser; only K-FAC has an approximation and only AdamW has betas. */
function tellKind(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const config: unknown = 'config' in value ? value.config : undefined;
  const has = (key: string) => typeof config === 'object' && config !== null && key in config;
  return { ...value, kind: has('approx') ? 'kfac' : has('betas') ? 'adamw' : 'sgd' };
}

function checkTrajectories(fixture: TrajectoriesFields, report: Report): void {
  for (const [name, trajectory] of Object.entries(fixture.runs)) {
    const path = ['runs', name, 'steps'];
    const { length } = trajectory.steps;
    if (length !== fixture.steps)
      report(path, `holds ${length} steps; expected ${fixture.steps}, the number in steps`);
    const first = trajectory.steps[0]?.params ?? {};
    trajectory.steps.forEach((step, k) =>
      checkSameShapes(step.params, first, [...path, `${k}`, 'params'], report),
    );
    if (trajectory.kind === 'kfac') checkKfacSteps(trajectory, path, report);
  }
}

function checkSameShapes(
  tensors: Record<string, Tensor>,
  expected: Record<string, Tensor>,
  path: string[],
  report: Report,
): void {
  for (const [name, { shape }] of Object.entries(expected))
    checkShape(tensors[name], shape, [...path, name], report);
}

function checkKfacSteps(trajectory: KfacTrajectory, path: string[], report: Report): void {
  trajectory.steps.forEach((step, k) => {
    for (const [layer, { shape }] of Object.entries(step.velocity)) {
      const [dOut = 0, dIn = 0] = shape;
      checkShape(step.precond[layer], [dOut, dIn], [...path, `${k}`, 'precond', layer], report);
      checkShape(step.A[layer], [dIn, dIn], [...path, `${k}`, 'A', layer], report);
      checkShape(step.G[layer], [dOut, dOut], [...path, `${k}`, 'G', layer], report);
    }
  });
}
