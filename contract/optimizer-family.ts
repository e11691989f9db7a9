/** Which optimisers belong together, for whoever must treat them differently: tables, dashes, the form. */
import type { AdamSpec, InverseFreeSpec, KfacSpec, OptimizerSpec, SgdSpec } from './run-spec.ts';

/** Rules that know nothing of a layer: each parameter's number is moved by its own gradient's history. */
export function isFirstOrder(spec: OptimizerSpec): spec is SgdSpec | AdamSpec {
  return spec.name === 'sgd' || spec.name === 'adamw' || spec.name === 'nadamw';
}

/** The settings of an optimiser whose layers have Kronecker factors A and G; null for all others, the control too. */
export function factorSettings(spec: OptimizerSpec): KfacSpec | InverseFreeSpec | null {
  if (spec.name === 'ikfac' || spec.name === 'singd') return spec;
  return spec.name === 'kfac' ? spec : null;
}

/** Whether tables of embeddings are layers of an optimiser with a rule of its own for layers. */
export function embeddingsAreLayers(spec: OptimizerSpec): boolean {
  return 'embeddings' in spec && spec.embeddings === 'kfac';
}
