/** One run of the trajectories fixture as a recorded training step, from the same parts the training loop is made of. */
import type { z } from 'zod';
import { describeZodError, KronlabError } from '../../contract/errors.ts';
import {
  adamwSpecSchema,
  kfacSpecSchema,
  sgdSpecSchema,
  type OptimizerSpec,
} from '../../contract/run-spec.ts';
import { phases, type Phase } from '../../contract/runs.ts';
import type { NetFixture, TrajectoryRun } from '../../goldens/fixture.ts';
import type { GpuContext } from '../../gpu-kernels/device.ts';
import { Kfac } from '../../training/curvature/kfac.ts';
import { bothSides } from '../../training/curvature/flavour.ts';
import { addGradients, addUpdate, createArenas } from '../../training/loop/step-graph.ts';
import type { ParameterRule } from '../../training/optimisers/parameter-groups.ts';
import { compile, type Program } from '../../training/program/compile.ts';
import { buildLossProgram, dampingRules, fishers, submit, type LossProgram } from './net-program.ts';
import type { NetFamily } from './net-family.ts';

export interface TrajectoryProgram extends LossProgram {
  program: Program;
  kfac: Kfac | null;
  optimizer: OptimizerSpec;
}

export async function compileTrajectory(
  scope: GpuContext,
  fixture: NetFixture,
  family: NetFamily,
  run: TrajectoryRun,
): Promise<TrajectoryProgram> {
  const optimizer = optimizerOf(run);
  const parts = buildLossProgram(scope, fixture, family);
  const { graph, builder, parameters, loss, step } = parts;
  const { approx } = run.kind === 'kfac' ? run.config : { approx: 'expand' as const };
  const kfac =
    optimizer.name === 'kfac' ? new Kfac(scope, builder.layers, optimizer, () => bothSides(approx)) : null;
  const arenas = createArenas(scope, parameters, () => ruleOf(optimizer));
  addGradients(graph, builder, loss, arenas, step, kfac);
  addUpdate(graph, arenas, step, optimizer, kfac);
  return { ...parts, program: await compile(scope, graph, 'trajectory'), kfac, optimizer };
}

/** The engine's settings for a run's; a setting the engine does not allow is named. */
function optimizerOf({ kind, config }: TrajectoryRun): OptimizerSpec {
  switch (kind) {
    case 'sgd':
      return parse(sgdSpecSchema, {
        name: 'sgd',
        lr: config.lr,
        momentum: config.momentum,
        nesterov: config.nesterov,
        weightDecay: config.weight_decay,
      });
    case 'adamw':
      return parse(adamwSpecSchema, {
        name: 'adamw',
        lr: config.lr,
        beta1: config.betas[0],
        beta2: config.betas[1],
        eps: config.eps,
        weightDecay: config.weight_decay,
      });
    case 'kfac':
      return parse(kfacSpecSchema, {
        name: 'kfac',
        flavour: config.approx,
        recipe: 'classic',
        lr: config.lr,
        damping: config.damping,
        dampingRule: dampingRules[config.damping_rule],
        fisher: fishers[config.fisher],
        momentum: config.momentum,
        weightDecay: 0,
      });
  }
}

function parse(schema: z.ZodType<OptimizerSpec>, settings: z.input<typeof schema>): OptimizerSpec {
  const result = schema.safeParse(settings);
  if (result.success) return result.data;
  throw new KronlabError('invalid', `config: ${describeZodError(result.error)}`);
}

/** As in torch, weight decay applies to every parameter; K-FAC's own layers are moved by K-FAC. */
function ruleOf(optimizer: OptimizerSpec): ParameterRule {
  const weightDecayKind = 'weightDecayKind' in optimizer ? optimizer.weightDecayKind : 'decoupled';
  return {
    lrScale: 1,
    weightDecay: optimizer.weightDecay,
    weightDecayKind,
    isUpdated: optimizer.name !== 'kfac',
  };
}

/** Submits step `index`, counted from 1. */
export function submitStep(
  scope: GpuContext,
  { program, step, optimizer }: TrajectoryProgram,
  index: number,
  factorMix: number,
): void {
  const [beta1, beta2] = optimizer.name === 'sgd' ? [0, 0] : [optimizer.beta1, optimizer.beta2];
  step.write({
    index,
    seed: 0,
    slot: 0,
    lr: optimizer.lr,
    correction1: 1 / (1 - beta1 ** index),
    correction2: 1 / (1 - beta2 ** index),
    factorMix,
  });
  submit(scope, program, new Set(phases));
}

/** Submits a forward pass alone, which leaves the loss at the parameters as they are in the ring. */
export function submitForward(scope: GpuContext, { program }: TrajectoryProgram): void {
  submit(scope, program, new Set<Phase>(['forward']));
}
