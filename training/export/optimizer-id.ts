/** An optimiser in one machine-readable word, for the `optimizer` columns. */
import type { OptimizerSpec } from '../../contract/run-spec.ts';

/**
 * `sgd`, `adamw`, `nadamw`, `kfac-expand`, `kfac-reduce`, `kfac-auto`; `kfac-identity` for the control without
 * curvature.
 */
export function optimizerId(spec: OptimizerSpec): string {
  if (spec.name !== 'kfac') return spec.name;
  return `kfac-${spec.preconditioner === 'identity' ? 'identity' : spec.flavour}`;
}
