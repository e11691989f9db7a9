/** Learning-rate schedules: the factor on the base rate at a step, counted from 1. */
import type { ScheduleSpec } from '../../contract/run-spec.ts';

/**
 * `warmup-cosine`: min(1, k / warmup) * (1 + cos(pi * max(0, k - warmup) / (steps - warmup))) / 2, which is 0 at the
 * last step. `constant`: 1.
 */
export function scheduleFactor(schedule: ScheduleSpec, step: number, steps: number): number {
  switch (schedule.kind) {
    case 'constant':
      return 1;
    case 'warmup-cosine': {
      const { warmupSteps } = schedule;
      const rise = warmupSteps > 0 ? Math.min(1, step / warmupSteps) : 1;
      const done = Math.max(0, step - warmupSteps) / Math.max(1, steps - warmupSteps);
      return (rise * (1 + Math.cos(Math.PI * done))) / 2;
    }
    default:
      schedule satisfies never;
      return 1;
  }
}
