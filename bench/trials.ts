/**
 * The search spaces of the default comparison: the same number of trials for every optimiser, in two rounds. The second
 * round varies one thing at the best setting of the first. Every optimiser gets the same trial of a larger rate for
 * what is not a matrix.
 */
import type { OptimizerSpec } from '../contract/run-spec.ts';
import { optimizerSpecSchema } from '../contract/run-spec.ts';

export interface SearchSpace {
  group: string;
  first: OptimizerSpec[];
  second(best: OptimizerSpec): OptimizerSpec[];
}

const spec = (settings: unknown): OptimizerSpec => optimizerSpecSchema.parse(settings);
const firstOrderRates = [0.001, 0.002, 0.004, 0.007, 0.01, 0.015, 0.02, 0.03];

function kfac(group: string, flavour: 'expand' | 'reduce'): SearchSpace {
  return {
    group,
    first: [0.005, 0.01, 0.02, 0.03].flatMap((lr) =>
      [0.01, 0.1].map((damping) => spec({ name: 'kfac', flavour, lr, damping })),
    ),
    second: (best) => [
      spec({ ...best, otherLrMultiplier: 3 }),
      spec({ ...best, lr: 0.05 }),
      spec({ ...best, damping: 0.001 }),
      spec({ ...best, fisher: 'empirical' }),
    ],
  };
}

/** AdamW's second round, which the control shares: it has AdamW's settings and no curvature. */
function firstOrder(group: string, base: object): SearchSpace {
  return {
    group,
    first: firstOrderRates.map((lr) => spec({ ...base, lr })),
    second: (best) => [
      spec({ ...best, otherLrMultiplier: 3 }),
      spec({ ...best, beta2: 0.95 }),
      spec({ ...best, beta2: 0.999 }),
      spec({ ...best, weightDecay: 0.1 }),
    ],
  };
}

export const searchSpaces: SearchSpace[] = [
  firstOrder('AdamW', { name: 'adamw' }),
  kfac('K-FAC expand', 'expand'),
  kfac('K-FAC reduce', 'reduce'),
  firstOrder('Grafting control', { name: 'grafted-identity' }),
];
