/**
 * Replays every run of a trajectories fixture, one recorded program per run, and compares after each step. A run carries
 * its rounding along, so an array is measured against the largest it has been so far in the run, not against what is
 * left of it when the run has converged.
 */
import { KronlabError } from '../../contract/errors.ts';
import type {
  KfacTrajectory,
  NetFixture,
  Tensor,
  TrajectoriesFixture,
  TrajectoryRun,
} from '../../goldens/fixture.ts';
import { openScope, releaseScope, type GpuContext } from '../../gpu-kernels/device.ts';
import type { Kfac } from '../../training/curvature/kfac.ts';
import type { CheckResult } from './check-net.ts';
import { compareAll, readChecks, type Check } from './checks.ts';
import { compare, largest, type Comparison } from './comparison.ts';
import { factorPlace, jointPlace } from './curvature-checks.ts';
import type { NetFamily } from './net-family.ts';
import { follow, withMovedStart } from './sensitivity.ts';
import { fewestSteps, trajectoryTolerance } from './tolerances.ts';
import {
  compileTrajectory,
  submitForward,
  submitStep,
  type TrajectoryProgram,
} from './trajectory-program.ts';
import { RunRounding } from './trajectory-rounding.ts';

/** `net` is the fixture the runs start from. Throws `invalid` when their parameters do not fit together. */
export async function checkTrajectories(
  gpu: GpuContext,
  fixture: TrajectoriesFixture,
  net: NetFixture,
  family: NetFamily,
): Promise<CheckResult> {
  const result: CheckResult = { comparisons: [], unrecognised: [], notes: [] };
  for (const [name, run] of Object.entries(fixture.runs)) {
    const reason = unsupportedReason(run, net);
    if (reason !== null) {
      result.unrecognised.push(`${name} (${reason})`);
      continue;
    }
    const { comparisons, compared } = await replay(gpu, net, family, name, run);
    result.comparisons.push(...comparisons);
    if (compared < fixture.steps) {
      result.notes.push(`${name}: steps 1-${compared} only, chaotic in f32 after them`);
    }
  }
  return result;
}

/** What a run asks for that the engine does not have; null when it has everything. */
function unsupportedReason(run: TrajectoryRun, net: NetFixture): string | null {
  switch (run.kind) {
    case 'sgd':
      return run.config.dampening === 0 ? null : 'SGD with dampening';
    case 'adamw':
      return null;
    case 'kfac': {
      const own = new Set(net.layers.flatMap(({ name }) => [`${name}.weight`, `${name}.bias`]));
      const other = Object.keys(net.params).find((name) => !own.has(name));
      return other === undefined ? null : `K-FAC on a net with ${other} outside its layers`;
    }
  }
}

async function replay(
  gpu: GpuContext,
  net: NetFixture,
  family: NetFamily,
  name: string,
  run: TrajectoryRun,
): Promise<{ comparisons: Comparison[]; compared: number }> {
  const scope = openScope(gpu);
  try {
    const program = await compileTrajectory(scope, net, family, run);
    const { steps, mayBeChaotic } = trajectoryTolerance(run);
    const rounding = run.kind === 'kfac' ? new RunRounding(net, run) : null;
    const twin = mayBeChaotic ? await compileTrajectory(scope, withMovedStart(net), family, run) : null;
    const comparisons: Comparison[] = [];
    const scales = new RunningScales();
    const last = Math.min(run.steps.length, steps ?? run.steps.length);
    for (let k = 1; k <= last; k++) {
      const mix = run.kind === 'kfac' ? factorMix(run, k) : 0;
      submitStep(scope, program, k, mix);
      const where = `runs.${name}.steps.${k}`;
      const before = run.steps[k - 1]?.loss_before;
      const loss = await compareLoss(program, run, before, `${where}.loss_before`, scales);
      rounding?.advance(k);
      const checks = stepChecks(program, run, k, where, scales, rounding);
      const numbers = await readChecks(scope, checks);
      if (twin) {
        submitStep(scope, twin, k, mix);
        const moved = await readChecks(scope, stepChecks(twin, run, k, where, scales, rounding));
        const followed = follow(checks, numbers, moved);
        if (k > fewestSteps && followed.isChaotic) return { comparisons, compared: k - 1 };
        comparisons.push(loss, ...compareAll(followed.checks, numbers));
      } else {
        comparisons.push(loss, ...compareAll(checks, numbers));
      }
    }
    if (last === run.steps.length) {
      submitForward(scope, program);
      comparisons.push(await compareLoss(program, run, run.final_loss, `runs.${name}.final_loss`, scales));
    }
    return { comparisons, compared: last };
  } finally {
    releaseScope(scope);
  }
}

/** Weight of step k's factors in the moving average, which starts at zero in memory. */
function factorMix({ config }: KfacTrajectory, k: number): number {
  const fresh = 1 - config.ema_beta;
  if (config.ema_start === 'first') return k === 1 ? 1 : fresh;
  return fresh / (1 - config.ema_beta ** k);
}

/** The largest value each array has had since the run started. */
class RunningScales {
  private readonly byName = new Map<string, number>();

  raise(name: string, values: ArrayLike<number>): number {
    const scale = Math.max(this.byName.get(name) ?? 0, largest(values));
    this.byName.set(name, scale);
    return scale;
  }
}

async function compareLoss(
  program: TrajectoryProgram,
  run: TrajectoryRun,
  loss: number | undefined,
  where: string,
  scales: RunningScales,
): Promise<Comparison> {
  const { rows } = await program.ring.read([]);
  const expected = [loss ?? Number.NaN];
  const scale = scales.raise('loss', expected);
  return compare(where, [rows[0]?.loss ?? Number.NaN], expected, trajectoryTolerance(run).relative, scale);
}

function stepChecks(
  program: TrajectoryProgram,
  run: TrajectoryRun,
  k: number,
  where: string,
  scales: RunningScales,
  rounding: RunRounding | null,
): Check[] {
  const { relative } = trajectoryTolerance(run);
  const check = (
    key: string,
    name: string,
    place: Pick<Check, 'region' | 'pick'>,
    expected?: Tensor,
  ): Check => {
    if (!expected)
      throw new KronlabError('invalid', `${where}.${key}.${name} is missing; the net has that name`);
    const { data } = expected;
    const scale = scales.raise(`${key}.${name}`, data);
    const tolerance = Math.max(relative, (rounding?.bound(key, name) ?? 0) / scale);
    return { where: `${where}.${key}.${name}`, quantity: key, ...place, expected: data, tolerance, scale };
  };
  const params: Record<string, Tensor> = run.steps[k - 1]?.params ?? {};
  const parameters = program.parameters.all.map(({ name, region }) =>
    check('params', name, { region }, params[name]),
  );
  const step = run.kind === 'kfac' ? run.steps[k - 1] : undefined;
  if (!step || !program.kfac) return parameters;
  return [...parameters, ...curvatureChecks(program.kfac, step, check)];
}

function curvatureChecks(
  { factors, layout, preconditioner }: Kfac,
  step: KfacTrajectory['steps'][number],
  check: (key: string, name: string, place: Pick<Check, 'region' | 'pick'>, expected?: Tensor) => Check,
): Check[] {
  return factors.layers.flatMap(({ layer: { name }, a, g }) => [
    check('A', name, factorPlace(a), step.A[name]),
    check('G', name, factorPlace(g), step.G[name]),
    check('precond', name, jointPlace(layout, name, preconditioner.direction), step.precond[name]),
    check('velocity', name, jointPlace(layout, name, preconditioner.velocity), step.velocity[name]),
  ]);
}
