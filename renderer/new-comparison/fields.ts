/** Which optimisers the form offers and what it calls them. Their rules are the contract's. */
import type { DatasetTask } from '../../contract/data-kinds.ts';
import { metricDefinitions, taskMetrics } from '../../contract/runs.ts';
import type { Option } from '../components/select-option.ts';
import { hasRecipe, isControl, isShampoo, isSoap } from './column-traits.ts';
import type { ColumnDraft } from './draft.ts';

export const optimizerOptions: readonly Option[] = [
  { value: 'adamw', label: 'AdamW' },
  { value: 'nadamw', label: 'NAdamW' },
  { value: 'sgd', label: 'SGD with momentum' },
  { value: 'kfac', label: 'K-FAC' },
  { value: 'grafted-identity', label: 'Grafting control' },
  { value: 'ikfac', label: 'IKFAC' },
  { value: 'singd', label: 'SINGD' },
  { value: 'shampoo', label: 'Shampoo' },
  { value: 'soap', label: 'SOAP' },
];

export const aboutOptimizers =
  'K-FAC inverts Kronecker factors of the curvature, IKFAC and SINGD move roots of the inverses by products alone, the grafting control is K-FAC without curvature, Shampoo and SOAP look at gradients only, the others treat each number for itself.';

/** What a column is called while its settings are not all right. */
export const optimizerNames: Record<ColumnDraft['optimizer'], string> = {
  adamw: 'AdamW',
  nadamw: 'NAdamW',
  sgd: 'SGD',
  kfac: 'K-FAC',
  'grafted-identity': 'Grafting control',
  ikfac: 'IKFAC',
  singd: 'SINGD',
  shampoo: 'Shampoo',
  soap: 'SOAP',
};

/** The metrics a target may be set on: those that the data set's task has. */
export function targetOptions(task: DatasetTask): Option[] {
  return taskMetrics[task].map((key) => {
    const { goal, label } = metricDefinitions[key];
    return { value: key, label: `${label}, at ${goal === 'max' ? 'least' : 'most'}` };
  });
}

const fisherNames: Record<string, string> = {
  mc: 'Monte Carlo',
  type2: 'type 2',
  'type2-shared': 'shared type 2',
  empirical: 'empirical',
};

/** What a column runs, in a few words: `grafted recipe, Monte Carlo Fisher`. */
export function columnNote(column: ColumnDraft): string {
  const { values } = column;
  if (isSoap(column)) return 'Adam in the eigenbases of gradient moments';
  if (isShampoo(column)) {
    return `gradient moments, ${values['grafting'] === 'sgd' ? 'SGD’s' : 'Adam’s'} length`;
  }
  if (!hasRecipe(column)) {
    return `first order, ${values['weightDecayKind'] === 'l2' ? 'L2' : 'decoupled'} decay`;
  }
  const recipe = values['recipe'] === 'classic' ? 'classic recipe' : 'grafted recipe';
  if (isControl(column)) return `${recipe}, no curvature`;
  return `${recipe}, ${fisherNames[values['fisher'] ?? ''] ?? ''} Fisher`;
}
