/** When curvature work is due: on every step at first, then at intervals. */
import type { OptimizerSpec } from '../../contract/run-spec.ts';
import { phases, type Phase } from '../../contract/runs.ts';

export interface DueWork {
  factors: boolean;
  inverses: boolean;
  /** A first step that moves nothing: it makes what the optimiser starts from. */
  isStart?: true;
}

/**
 * Steps count from 1; the first is always dense, so inverses exist before they are used. `slices`: how many a round of
 * inversions is cut into, 0 where it is not.
 */
export function dueWork(optimizer: OptimizerSpec, step: number, slices = 0): DueWork {
  switch (optimizer.name) {
    case 'sgd':
    case 'adamw':
    case 'nadamw':
    case 'grafted-identity':
      return { factors: false, inverses: false };
    case 'kfac': {
      const isDense = step <= optimizer.denseSteps;
      const due = (interval: number) => isDense || step % interval === 0;
      const isSpread = slices > 0 && !isDense;
      return {
        factors: due(optimizer.factorInterval),
        inverses: !isSpread && due(optimizer.inverseInterval),
      };
    }
    case 'ikfac':
    case 'singd': {
      // Each update of the preconditioner is made of a new batch's factors.
      const due = step <= optimizer.denseSteps || step % optimizer.factorInterval === 0;
      return { factors: due, inverses: due };
    }
    case 'shampoo':
      return { factors: true, inverses: step <= optimizer.denseSteps || step % optimizer.rootInterval === 0 };
    case 'soap': {
      if (step === 1) return { factors: true, inverses: false, isStart: true };
      return { factors: true, inverses: step % optimizer.basisInterval === 0 };
    }
    default:
      return optimizer satisfies never;
  }
}

/** The slice of a spread round of inversions that is due at the end of a step, of so many; null: none. */
export function sliceDue(optimizer: OptimizerSpec, step: number, slices: number): number | null {
  if (optimizer.name !== 'kfac' || step <= optimizer.denseSteps) return null;
  const position = step % optimizer.inverseInterval;
  return position < slices ? position : null;
}

/** Decay of the moving average of an optimiser's statistics; 0: the newest batch alone. */
export function factorDecayOf(optimizer: OptimizerSpec): number {
  return 'factorDecay' in optimizer ? optimizer.factorDecay : 0;
}

/** The phases of a step with that work. */
export function phasesDue(due: DueWork): Set<Phase> {
  const skipped: Phase[] = [];
  if (!due.factors) skipped.push('factors');
  if (!due.inverses) skipped.push('inverses');
  if (due.isStart) skipped.push('precondition', 'update');
  return new Set(phases.filter((phase) => !skipped.includes(phase)));
}
