/** The one place that puts an optimiser's settings into the few words a table, a legend or a file name has room for. */
import type { GraftedIdentitySpec, KfacSpec, OptimizerSpec, SgdSpec } from './run-spec.ts';

/**
 * `AdamW`, `NAdamW`, `SGD Nesterov`, `SGD momentum`, `SGD`, `K-FAC expand`, `K-FAC reduce`, `K-FAC auto`,
 * `EKFAC expand`, `Grafting control`, `IKFAC expand`, `SINGD reduce`, `Shampoo`, `SOAP`; recipe and kind of weight decay are added where they are not the default: `K-FAC expand
 * (classic)`, `Momentum control (classic)`, `AdamW (L2)`, `SGD (decoupled decay)`.
 */
export function describeOptimizer(spec: OptimizerSpec): string {
  switch (spec.name) {
    case 'adamw':
      return `AdamW${spec.weightDecayKind === 'l2' ? ' (L2)' : ''}`;
    case 'nadamw':
      return `NAdamW${spec.weightDecayKind === 'l2' ? ' (L2)' : ''}`;
    case 'sgd':
      return `${describeSgd(spec)}${spec.weightDecayKind === 'decoupled' ? ' (decoupled decay)' : ''}`;
    case 'kfac':
      return describeKfac(spec);
    case 'grafted-identity':
      return describeControl(spec);
    case 'ikfac':
    case 'singd':
      return `${spec.name.toUpperCase()} ${spec.flavour}${spec.recipe === 'classic' ? ' (classic)' : ''}`;
    case 'shampoo':
      return `Shampoo${spec.power === '1/2' ? ' 1/2' : ''}${spec.grafting === 'sgd' ? ' (SGD length)' : ''}`;
    case 'soap':
      return 'SOAP';
    default:
      return spec satisfies never;
  }
}

function describeSgd(spec: SgdSpec): string {
  if (spec.momentum === 0) return 'SGD';
  return spec.nesterov ? 'SGD Nesterov' : 'SGD momentum';
}

function describeControl(spec: GraftedIdentitySpec): string {
  return spec.recipe === 'classic' ? 'Momentum control (classic)' : 'Grafting control';
}

function describeKfac(spec: KfacSpec): string {
  const classic = spec.recipe === 'classic';
  const method = spec.preconditioner === 'ekfac' ? 'EKFAC' : 'K-FAC';
  return `${method} ${spec.flavour}${classic ? ' (classic)' : ''}`;
}
