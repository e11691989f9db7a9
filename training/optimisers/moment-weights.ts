/** How much the moments count in a step of an Adam-like rule: bias correction, and NAdamW's look ahead. */
import type { OptimizerSpec } from '../../contract/run-spec.ts';
import type { StepScalars } from '../program/step-scalars.ts';

type Weights = Pick<StepScalars, 'correction1' | 'correction2' | 'gradientWeight'>;

/** How fast NAdam's momentum rises to beta1: torch.optim.NAdam's default. */
const momentumDecay = 4e-3;

/** One run's weights, step by step: NAdamW's depend on all steps before. */
export class MomentWeights {
  private readonly optimizer: OptimizerSpec;
  private step = 0;
  /** NAdamW: product of the momentum of all steps so far. */
  private product = 1;

  constructor(optimizer: OptimizerSpec) {
    this.optimizer = optimizer;
  }

  /** Weights of the next step; the first is step 1. */
  next(): Weights {
    const { optimizer } = this;
    // SOAP's first step takes no gradient into its moments.
    const step = optimizer.name === 'soap' ? this.step++ : ++this.step;
    if (step === 0) return { correction1: 1, correction2: 1, gradientWeight: 0 };
    if (optimizer.name === 'sgd' || (optimizer.name === 'shampoo' && optimizer.grafting === 'sgd'))
      return { correction1: 1, correction2: 1, gradientWeight: 0 };
    const { beta1, beta2 } = optimizer;
    const correction2 = 1 / (1 - beta2 ** step);
    if (optimizer.name !== 'nadamw') {
      return { correction1: 1 / (1 - beta1 ** step), correction2, gradientWeight: 0 };
    }
    const now = momentumAt(beta1, step);
    const then = momentumAt(beta1, step + 1);
    this.product *= now;
    return {
      correction1: then / (1 - this.product * then),
      correction2,
      gradientWeight: (1 - now) / (1 - this.product),
    };
  }
}

/** mu_k = beta1 (1 - 0.96^(k psi) / 2), Dozat 2016 as in torch.optim.NAdam. */
function momentumAt(beta1: number, step: number): number {
  return beta1 * (1 - 0.5 * 0.96 ** (step * momentumDecay));
}
