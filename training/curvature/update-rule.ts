/** What is made of a preconditioned direction: its length, its momentum, its clipping. Two recipes name the usual choices. */
import type { KfacSpec } from '../../contract/run-spec.ts';

export interface UpdateRule {
  /** Whose length a layer's step takes; `none`: the length the direction has. */
  graft: NonNullable<KfacSpec['graft']>;
  /** `before`: Adam's first moment is preconditioned. `after`: the gradient is, and heavy-ball momentum follows. */
  momentumPlace: NonNullable<KfacSpec['momentumPlace']>;
  momentum: number;
  eps: number;
  weightDecay: number;
  /** Largest lr^2 sum <D, gradient>; null: none. */
  klClip: number | null;
}

/** What the update of the layers asks of an optimiser's settings. */
export type LayerUpdateSettings = Pick<KfacSpec, 'recipe' | 'momentum' | 'eps' | 'weightDecay'> &
  Partial<Pick<KfacSpec, 'graft' | 'momentumPlace' | 'klClip'>>;

/** The rule of a recipe, with what the settings say otherwise. */
export function updateRule(spec: LayerUpdateSettings): UpdateRule {
  const isGrafted = spec.recipe === 'grafted';
  return {
    graft: spec.graft ?? (isGrafted ? 'adam' : 'none'),
    momentumPlace: spec.momentumPlace ?? (isGrafted ? 'before' : 'after'),
    momentum: spec.momentum,
    eps: spec.eps,
    weightDecay: spec.weightDecay,
    klClip: spec.klClip ?? null,
  };
}
