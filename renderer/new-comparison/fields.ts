/** Which settings the form shows, in which order, under which name, and for whom. The values' rules are the contract's. */
import type { Option } from '../components/select-option.ts';
import type { ColumnDraft } from './draft.ts';

export interface FieldDefinition {
  key: string;
  label: string;
  note?: string;
  /** Left out: a number is typed. */
  options?: readonly Option[];
  /** Seldom changed: behind "All settings". */
  seldom?: boolean;
  uses: (column: ColumnDraft) => boolean;
}

const isKfac = (column: ColumnDraft) => column.optimizer === 'kfac';
const hasCurvature = (column: ColumnDraft) =>
  isKfac(column) && column.values['preconditioner'] !== 'identity';
const isGrafted = (column: ColumnDraft) => isKfac(column) && column.values['recipe'] === 'grafted';
const isClassic = (column: ColumnDraft) => isKfac(column) && column.values['recipe'] === 'classic';
const isAdam = (column: ColumnDraft) => column.optimizer === 'adamw' || column.optimizer === 'nadamw';
const isAdaptive = (column: ColumnDraft) => isAdam(column) || isGrafted(column);
const always = () => true;

export const optimizerOptions: readonly Option[] = [
  { value: 'adamw', label: 'AdamW' },
  { value: 'nadamw', label: 'NAdamW' },
  { value: 'sgd', label: 'SGD with momentum' },
  { value: 'kfac', label: 'K-FAC' },
];

export const optimizerFields: readonly FieldDefinition[] = [
  { key: 'lr', label: 'Learning rate', uses: always },
  {
    key: 'flavour',
    label: 'Flavour',
    options: [
      { value: 'expand', label: 'expand' },
      { value: 'reduce', label: 'reduce' },
      { value: 'auto', label: 'auto' },
    ],
    uses: isKfac,
  },
  {
    key: 'recipe',
    label: 'Recipe',
    options: [
      { value: 'grafted', label: 'grafted: Adam’s length' },
      { value: 'classic', label: 'classic: raw step' },
    ],
    uses: isKfac,
  },
  {
    key: 'preconditioner',
    label: 'Curvature',
    options: [
      { value: 'kronecker', label: 'Kronecker factors' },
      { value: 'identity', label: 'off: the control' },
    ],
    uses: isKfac,
  },
  { key: 'damping', label: 'Damping', uses: hasCurvature },
  {
    key: 'dampingRule',
    label: 'Damping rule',
    options: [
      { value: 'relative', label: 'relative to the mean' },
      { value: 'pi', label: 'π, factored Tikhonov' },
      { value: 'sqrt', label: 'root on each factor' },
      { value: 'plain', label: 'plain on each factor' },
    ],
    uses: hasCurvature,
  },
  {
    key: 'fisher',
    label: 'Fisher',
    options: [
      { value: 'mc', label: 'Monte Carlo, 1 label' },
      { value: 'type2', label: 'type 2, exact GGN' },
      { value: 'empirical', label: 'empirical' },
    ],
    uses: hasCurvature,
  },
  { key: 'inverseInterval', label: 'Inverses every', note: 'steps', uses: hasCurvature },
  { key: 'factorInterval', label: 'Factors every', note: 'steps', uses: hasCurvature },
  { key: 'weightDecay', label: 'Weight decay', uses: always },
  {
    key: 'weightDecayKind',
    label: 'Kind of decay',
    options: [
      { value: 'decoupled', label: 'decoupled' },
      { value: 'l2', label: 'L2, in the gradient' },
    ],
    uses: (column) => isAdam(column) || column.optimizer === 'sgd',
  },
  { key: 'clipNorm', label: 'Clip gradient to', note: 'norm; empty: off', uses: always },
  { key: 'otherLrMultiplier', label: 'Other parameters', note: '× learning rate', uses: always },
  {
    key: 'momentum',
    label: 'Momentum',
    uses: (column) => column.optimizer === 'sgd' || isClassic(column),
  },
  {
    key: 'nesterov',
    label: 'Nesterov',
    options: [
      { value: 'true', label: 'yes' },
      { value: 'false', label: 'no' },
    ],
    uses: (column) => column.optimizer === 'sgd',
  },
  { key: 'beta1', label: 'Beta 1', note: 'average of the gradient', seldom: true, uses: isAdaptive },
  { key: 'beta2', label: 'Beta 2', note: 'average of its square', seldom: true, uses: isAdaptive },
  { key: 'eps', label: 'Epsilon', seldom: true, uses: isAdaptive },
  { key: 'factorDecay', label: 'Factor average', note: 'decay', seldom: true, uses: hasCurvature },
  { key: 'denseSteps', label: 'Every step up to', note: 'step', seldom: true, uses: hasCurvature },
];

export interface ModelField {
  key: string;
  label: string;
  options?: readonly Option[];
}

export const modelOptions: readonly Option[] = [
  { value: 'vit', label: 'Vision transformer' },
  { value: 'cnn', label: 'CNN' },
  { value: 'mlp', label: 'MLP' },
];

export const modelFields: Record<'vit' | 'cnn' | 'mlp', readonly ModelField[]> = {
  vit: [
    { key: 'patch', label: 'Patch' },
    { key: 'width', label: 'Width' },
    { key: 'heads', label: 'Heads' },
    { key: 'blocks', label: 'Blocks' },
    { key: 'mlpRatio', label: 'MLP ratio' },
  ],
  cnn: [{ key: 'channels', label: 'Channels of each layer' }],
  mlp: [
    { key: 'hidden', label: 'Hidden widths' },
    {
      key: 'activation',
      label: 'Activation',
      options: [
        { value: 'relu', label: 'ReLU' },
        { value: 'tanh', label: 'tanh' },
        { value: 'gelu', label: 'GELU' },
      ],
    },
  ],
};

/** Fields whose text is a list of numbers. */
export const listFields: ReadonlySet<string> = new Set(['hidden', 'channels']);
/** Fields that may be left empty, for a setting that is off. */
export const optionalFields: ReadonlySet<string> = new Set(['clipNorm']);
/** Fields whose text is a word, not a number. */
export const wordFields: ReadonlySet<string> = new Set([
  'activation',
  'flavour',
  'recipe',
  'preconditioner',
  'dampingRule',
  'fisher',
  'weightDecayKind',
]);

/** What a K-FAC column runs, in a few words: `grafted recipe, Monte Carlo Fisher, relative damping`. */
export function columnNote(column: ColumnDraft): string {
  const { values } = column;
  if (column.optimizer !== 'kfac') {
    return `first order, ${values['weightDecayKind'] === 'l2' ? 'L2' : 'decoupled'} decay`;
  }
  const recipe = values['recipe'] === 'classic' ? 'classic recipe' : 'grafted recipe';
  if (values['preconditioner'] === 'identity') return `${recipe}, curvature off`;
  const fisher = { mc: 'Monte Carlo', type2: 'type 2', empirical: 'empirical' }[values['fisher'] ?? ''] ?? '';
  return `${recipe}, ${fisher} Fisher`;
}
