/** An optimiser in one machine-readable word, for the `optimizer` columns. */
import type { OptimizerSpec } from '../../contract/run-spec.ts';

/**
 * `sgd`, `adamw`, `nadamw`, `kfac-expand`, `kfac-reduce`, `kfac-auto`; `grafted-identity`, the control without
 * curvature; `ikfac-expand`, `singd-reduce` and so on.
 */
export function optimizerId(spec: OptimizerSpec): string {
  return 'flavour' in spec ? `${spec.name}-${spec.flavour}` : spec.name;
}
