/** What a column's settings make of it: which statistics it keeps and which rules its steps follow. */
import { updateRule, type UpdateRule } from '../../training/curvature/update-rule.ts';
import type { ColumnDraft } from './draft.ts';

type Test = (column: ColumnDraft) => boolean;

export const isSgd: Test = ({ optimizer }) => optimizer === 'sgd';
export const isAdam: Test = ({ optimizer }) => optimizer === 'adamw' || optimizer === 'nadamw';
export const isKfac: Test = ({ optimizer }) => optimizer === 'kfac';
export const isInverseFree: Test = ({ optimizer }) => optimizer === 'ikfac' || optimizer === 'singd';
export const isSingd: Test = ({ optimizer }) => optimizer === 'singd';
export const isShampoo: Test = ({ optimizer }) => optimizer === 'shampoo';
export const isSoap: Test = ({ optimizer }) => optimizer === 'soap';
/** Optimisers with moments of each weight's gradient. */
export const hasMoments: Test = (column) => isShampoo(column) || isSoap(column);
export const isControl: Test = ({ optimizer }) => optimizer === 'grafted-identity';
/** Whatever has Kronecker factors. */
export const hasFactors: Test = (column) => isKfac(column) || isInverseFree(column);
/** K-FAC and its control, whose update of layers can be put together by hand. */
export const hasFreeRule: Test = (column) => isKfac(column) || isControl(column);
/** Optimisers with one of K-FAC's recipes. */
export const hasRecipe: Test = (column) => hasFactors(column) || isControl(column);
export const isEkfac: Test = (column) => isKfac(column) && column.values['preconditioner'] === 'ekfac';

/** Whether any layer may take the flavour reduce. */
export const mayReduce: Test = (column) =>
  hasFactors(column) &&
  (column.values['flavour'] !== 'expand' || /:\s*(reduce|auto)/.test(column.values['layers'] ?? ''));

/** Damping in units of the mean eigenvalue, which K-FAC's rule `relative` has built in. */
export const isRelativeRule: Test = (column) => column.values['dampingRule'] === 'relative';
/** EKFAC measures relative damping by its scales; nothing else enters there. */
export const hasDampingScale: Test = (column) =>
  isKfac(column) && !(isEkfac(column) && isRelativeRule(column));
export const isAdaptingDamping: Test = (column) =>
  isKfac(column) && column.values['dampingAdaptation'] === 'levenberg-marquardt';
/** Whether factors are inverted, and not decomposed. */
export const hasInverses: Test = (column) =>
  isKfac(column) && !isEkfac(column) && column.values['dampingRule'] !== 'exact';
/** Whether the damping of a run changes while it runs. */
export const hasMovingDamping: Test = (column) =>
  isAdaptingDamping(column) || (hasDampingScale(column) && column.values['dampingScale'] === 'loss');

/** The rule that a recipe alone stands for. */
export function ruleOfRecipe(column: ColumnDraft): UpdateRule {
  const recipe = column.values['recipe'] === 'classic' ? 'classic' : 'grafted';
  return updateRule({ recipe, momentum: 0, eps: 0, weightDecay: 0 });
}

/** Whether heavy-ball momentum follows the preconditioner. */
export const hasMomentumAfter: Test = (column) => {
  if (!hasRecipe(column)) return false;
  const own = hasFreeRule(column) ? column.values['momentumPlace'] : '';
  return (own || ruleOfRecipe(column).momentumPlace) === 'after';
};
