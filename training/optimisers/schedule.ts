/** Learning-rate schedules: the factor on the base rate at a step, counted from 1. */
import type { ScheduleSpec } from '../../contract/run-spec.ts';

/**
 * `warmup-cosine`: min(1, k / warmup) * (1 + cos(pi * max(0, k - warmup) / (steps - warmup))) / 2, which is 0 at the
 * last step. `warmup-linear`: min(1, k / warmup) * (1 - max(0, k - warmup) / (steps - warmup)), 0 there as well.
 * `constant`: 1.
 */
export function scheduleFactor(schedule: ScheduleSpec, step: number, steps: number): number {
  switch (schedule.kind) {
    case 'constant':
      return 1;
    case 'warmup-cosine':
      return (rise(schedule, step) * (1 + Math.cos(Math.PI * done(schedule, step, steps)))) / 2;
    case 'warmup-linear':
      return rise(schedule, step) * (1 - done(schedule, step, steps));
    default:
      schedule satisfies never;
      return 1;
  }
}

/** The warm-up's factor, in equal parts to 1. */
function rise({ warmupSteps }: { warmupSteps: number }, step: number): number {
  return warmupSteps > 0 ? Math.min(1, step / warmupSteps) : 1;
}

/** Share of the steps after the warm-up that are done. */
function done({ warmupSteps }: { warmupSteps: number }, step: number, steps: number): number {
  return Math.max(0, step - warmupSteps) / Math.max(1, steps - warmupSteps);
}
