/** Which settings the form shows, in which order, under which name, and for whom. The values' rules are the contract's. */
import type { Option } from '../components/select-option.ts';
import type { ColumnDraft } from './draft.ts';

export interface FieldDefinition {
  key: string;
  label: string;
  note?: string;
  /** Left out: a number is typed. */
  options?: readonly Option[] | ((column: ColumnDraft) => readonly Option[]);
  /** Seldom changed: behind "All settings". */
  seldom?: boolean;
  uses: (column: ColumnDraft) => boolean;
}

const isKfac = (column: ColumnDraft) => column.optimizer === 'kfac';
const isInverseFree = (column: ColumnDraft) => column.optimizer === 'ikfac' || column.optimizer === 'singd';
/** Optimisers with K-FAC's factors, which come in flavours. */
export const hasFlavour = (column: ColumnDraft): boolean => isKfac(column) || isInverseFree(column);
const hasInverses = (column: ColumnDraft) => isKfac(column) && column.values['preconditioner'] !== 'identity';
const hasFactors = (column: ColumnDraft) => hasInverses(column) || isInverseFree(column);
const isGrafted = (column: ColumnDraft) => hasFlavour(column) && column.values['recipe'] === 'grafted';
const isClassic = (column: ColumnDraft) => hasFlavour(column) && column.values['recipe'] === 'classic';
const isAdam = (column: ColumnDraft) => column.optimizer === 'adamw' || column.optimizer === 'nadamw';
const isAdaptive = (column: ColumnDraft) => isAdam(column) || isGrafted(column) || hasMoments(column);
const isShampoo = (column: ColumnDraft) => column.optimizer === 'shampoo';
const isSoap = (column: ColumnDraft) => column.optimizer === 'soap';
const hasMoments = (column: ColumnDraft) => isShampoo(column) || isSoap(column);
const always = () => true;

export const optimizerOptions: readonly Option[] = [
  { value: 'adamw', label: 'AdamW' },
  { value: 'nadamw', label: 'NAdamW' },
  { value: 'sgd', label: 'SGD with momentum' },
  { value: 'kfac', label: 'K-FAC' },
  { value: 'ikfac', label: 'IKFAC: inverse-free' },
  { value: 'singd', label: 'SINGD, dense' },
  { value: 'shampoo', label: 'Shampoo' },
  { value: 'soap', label: 'SOAP' },
];

/** What a column is called while its settings are not all right. */
export const optimizerNames: Record<ColumnDraft['optimizer'], string> = {
  adamw: 'AdamW',
  nadamw: 'NAdamW',
  sgd: 'SGD',
  kfac: 'K-FAC',
  ikfac: 'IKFAC',
  singd: 'SINGD',
  shampoo: 'Shampoo',
  soap: 'SOAP',
};

const relativeRule = { value: 'relative', label: 'relative to the mean' };
const plainRule = { value: 'plain', label: 'plain on each factor' };
const inverseFreeDampingRules: readonly Option[] = [relativeRule, plainRule];
const dampingRules: readonly Option[] = [
  relativeRule,
  { value: 'pi', label: 'π, factored Tikhonov' },
  { value: 'sqrt', label: 'root on each factor' },
  plainRule,
];

/** The choices a field offers in a column; null: a number is typed. */
export function optionsOf({ options }: FieldDefinition, column: ColumnDraft): readonly Option[] | null {
  return (typeof options === 'function' ? options(column) : options) ?? null;
}

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
    uses: hasFlavour,
  },
  {
    key: 'recipe',
    label: 'Recipe',
    options: [
      { value: 'grafted', label: 'grafted: Adam’s length' },
      { value: 'classic', label: 'classic: raw step' },
    ],
    uses: hasFlavour,
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
  { key: 'damping', label: 'Damping', uses: hasFactors },
  {
    key: 'dampingRule',
    label: 'Damping rule',
    options: (column) => (isInverseFree(column) ? inverseFreeDampingRules : dampingRules),
    uses: hasFactors,
  },
  {
    key: 'fisher',
    label: 'Fisher',
    options: [
      { value: 'mc', label: 'Monte Carlo, 1 label' },
      { value: 'type2', label: 'type 2, exact GGN' },
      { value: 'empirical', label: 'empirical' },
    ],
    uses: hasFactors,
  },
  { key: 'inverseInterval', label: 'Inverses every', note: 'steps', uses: hasInverses },
  { key: 'factorInterval', label: 'Factors every', note: 'steps', uses: hasFactors },
  { key: 'curvatureLr', label: 'Curvature rate', note: 'of the inverse roots', uses: isInverseFree },
  {
    key: 'power',
    label: 'Inverse root',
    options: [
      { value: '1/4', label: '1/4, as published' },
      { value: '1/2', label: '1/2, Shampoo squared' },
    ],
    uses: isShampoo,
  },
  {
    key: 'grafting',
    label: 'Length',
    options: [
      { value: 'adam', label: 'Adam’s step' },
      { value: 'sgd', label: 'SGD’s step' },
    ],
    uses: isShampoo,
  },
  { key: 'rootInterval', label: 'Roots every', note: 'steps', uses: isShampoo },
  { key: 'basisInterval', label: 'Bases every', note: 'steps', uses: isSoap },
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
  {
    key: 'factorDecay',
    label: 'Factor average',
    note: 'decay',
    seldom: true,
    uses: (column) => hasInverses(column) || hasMoments(column),
  },
  {
    key: 'denseSteps',
    label: 'Every step up to',
    note: 'step',
    seldom: true,
    uses: (column) => hasFactors(column) || isShampoo(column),
  },
  { key: 'rootEpsilon', label: 'Root shift', note: '× largest eigenvalue', seldom: true, uses: isShampoo },
  {
    key: 'maxFactorSide',
    label: 'Longest side',
    note: 'longer: blocks',
    seldom: true,
    uses: (column) => hasFactors(column) || hasMoments(column),
  },
  {
    key: 'curvatureMomentum',
    label: 'Curvature momentum',
    seldom: true,
    uses: (column) => column.optimizer === 'singd',
  },
  {
    key: 'curvatureClip',
    label: 'Clip curvature step',
    options: [
      { value: 'on', label: 'on' },
      { value: 'off', label: 'off' },
    ],
    seldom: true,
    uses: isInverseFree,
  },
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
  'curvatureClip',
  'power',
  'grafting',
]);

/** What a column runs, in a few words: `grafted recipe, Monte Carlo Fisher, relative damping`. */
export function columnNote(column: ColumnDraft): string {
  const { values } = column;
  if (isSoap(column)) return 'Adam in the eigenbases of gradient moments';
  if (isShampoo(column)) {
    return `gradient moments, ${values['grafting'] === 'sgd' ? 'SGD’s' : 'Adam’s'} length`;
  }
  if (!hasFlavour(column)) {
    return `first order, ${values['weightDecayKind'] === 'l2' ? 'L2' : 'decoupled'} decay`;
  }
  const recipe = values['recipe'] === 'classic' ? 'classic recipe' : 'grafted recipe';
  if (!hasFactors(column)) return `${recipe}, curvature off`;
  const fisher = { mc: 'Monte Carlo', type2: 'type 2', empirical: 'empirical' }[values['fisher'] ?? ''] ?? '';
  return `${recipe}, ${fisher} Fisher`;
}
