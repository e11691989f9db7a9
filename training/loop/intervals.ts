/** When curvature work is due: on every step at first, then at intervals. */
import type { OptimizerSpec } from '../../contract/run-spec.ts';
import { phases, type Phase } from '../../contract/runs.ts';

export interface DueWork {
  factors: boolean;
  inverses: boolean;
}

/** Steps count from 1; the first is always dense, so inverses exist before they are used. */
export function dueWork(optimizer: OptimizerSpec, step: number): DueWork {
  if (optimizer.name !== 'kfac' || optimizer.preconditioner === 'identity')
    return { factors: false, inverses: false };
  const dense = step <= optimizer.denseSteps;
  return {
    factors: dense || step % optimizer.factorInterval === 0,
    inverses: dense || step % optimizer.inverseInterval === 0,
  };
}

/** The phases of a step with that work. */
export function phasesDue(due: DueWork): Set<Phase> {
  const skipped: Phase[] = [];
  if (!due.factors) skipped.push('factors');
  if (!due.inverses) skipped.push('inverses');
  return new Set(phases.filter((phase) => !skipped.includes(phase)));
}
