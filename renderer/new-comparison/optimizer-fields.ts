/**
 * The settings of optimisers as fields: under which heading, by which name, with which words, and for whom. Which values
 * are allowed and what a setting starts with is the contract's (`run-spec.ts`).
 */
import type { Option } from '../components/select-option.ts';
import {
  hasDampingScale,
  hasFactors,
  hasFreeRule,
  hasInverses,
  hasMomentumAfter,
  hasMoments,
  hasMovingDamping,
  hasRecipe,
  isAdam,
  isAdaptingDamping,
  isEkfac,
  isInverseFree,
  isKfac,
  isRelativeRule,
  isSgd,
  isShampoo,
  isSingd,
  isSoap,
  mayReduce,
  ruleOfRecipe,
} from './column-traits.ts';
import type { ColumnDraft } from './draft.ts';

export const fieldGroups = [
  { id: 'curvature', title: 'Curvature' },
  { id: 'damping', title: 'Damping' },
  { id: 'update', title: 'Update' },
  { id: 'schedule', title: 'Schedule of curvature' },
  { id: 'layers', title: 'Layers' },
] as const;

export interface FieldDefinition {
  key: string;
  label: string;
  group: (typeof fieldGroups)[number]['id'] | 'first';
  /** Unit, or what an empty field means. */
  note?: string;
  /** What the setting does, in a sentence; its default is added by whoever shows it. */
  about: string;
  /** Left out: a number is typed. */
  options?: readonly Option[] | ((column: ColumnDraft) => readonly Option[]);
  /** Lines of text instead of a number. */
  isLines?: true;
  /** May be empty, which the contract calls null. */
  isOptional?: true;
  /** Seldom changed: behind "All settings". */
  seldom?: true;
  /** Whether the setting has a meaning among the column's other settings. */
  uses: (column: ColumnDraft) => boolean;
}

const relativeRule = { value: 'relative', label: 'relative' };
const plainRule = { value: 'plain', label: 'plain' };
const exactRule = { value: 'exact', label: 'exact' };

function dampingRules(column: ColumnDraft): readonly Option[] {
  if (isInverseFree(column)) return [relativeRule, plainRule];
  if (isEkfac(column)) return [relativeRule, exactRule];
  const halves = [
    { value: 'pi', label: 'π, Tikhonov' },
    { value: 'sqrt', label: 'square root' },
  ];
  return [relativeRule, ...halves, plainRule, exactRule];
}

function dampingScales(column: ColumnDraft): readonly Option[] {
  const relative = { value: 'relative', label: 'mean eigenvalue' };
  return [
    { value: 'absolute', label: 'as it is' },
    // The rule measures by the mean already.
    ...(isRelativeRule(column) ? [] : [relative]),
    { value: 'loss', label: 'times the loss' },
  ];
}

const lengths = { adam: 'Adam’s', sgd: 'SGD’s', rms: 'fixed', none: 'its own' };

const flavours: readonly Option[] = ['expand', 'reduce', 'auto'].map((value) => ({ value, label: value }));

export const optimizerFields: readonly FieldDefinition[] = [
  {
    key: 'lr',
    label: 'Learning rate',
    group: 'first',
    about: 'Size of a step at the top of the schedule; the setting to tune first, for each optimiser apart.',
    uses: () => true,
  },

  {
    key: 'flavour',
    label: 'Flavour',
    group: 'curvature',
    about:
      'How positions that share a weight enter its curvature: each for itself (expand) or summed first (reduce); auto reduces where the loss pools them.',
    options: flavours,
    uses: hasFactors,
  },
  {
    key: 'preconditioner',
    label: 'Curvature',
    group: 'curvature',
    about:
      'Kronecker factors are K-FAC; EKFAC measures the scales in their eigenbases. The grafting control is an optimiser of its own.',
    options: [
      { value: 'kronecker', label: 'Kronecker factors' },
      { value: 'ekfac', label: 'EKFAC' },
    ],
    uses: isKfac,
  },
  {
    key: 'fisher',
    label: 'Fisher',
    group: 'curvature',
    about:
      'Gradients that G is made of: of labels drawn from the model, of every column of the loss’s Hessian (type 2), or of the true labels.',
    options: [
      { value: 'mc', label: 'Monte Carlo' },
      { value: 'type2', label: 'type 2, exact' },
      { value: 'type2-shared', label: 'type 2, shared' },
      { value: 'empirical', label: 'empirical' },
    ],
    uses: hasFactors,
  },
  {
    key: 'fisherSamples',
    label: 'Labels drawn',
    note: 'per update',
    group: 'curvature',
    about:
      'Labels drawn from the model for each example and update of the factors; each costs a backward pass.',
    seldom: true,
    uses: (column) => hasFactors(column) && column.values['fisher'] === 'mc',
  },
  {
    key: 'power',
    label: 'Inverse root',
    group: 'curvature',
    about: 'Power of the inverse roots of both moments: 1/4 as published, 1/2 as Shampoo squared has it.',
    options: [
      { value: '1/4', label: '1/4, published' },
      { value: '1/2', label: '1/2, squared' },
    ],
    uses: isShampoo,
  },
  {
    key: 'rootEpsilon',
    label: 'Root shift',
    note: '× largest eigenvalue',
    group: 'curvature',
    about:
      'Added to the eigenvalues of the moments before their roots are taken, in units of the largest one.',
    seldom: true,
    uses: isShampoo,
  },
  {
    key: 'factorDecay',
    label: 'Factor average',
    note: 'decay per update',
    group: 'curvature',
    about:
      'Weight of what is known at each update of the moving average of factors or moments; 0 takes the newest batch alone.',
    seldom: true,
    uses: (column) => isKfac(column) || hasMoments(column),
  },
  {
    key: 'inversion',
    label: 'Inverses by',
    group: 'curvature',
    about:
      'Cholesky; polished adds a Newton–Schulz step behind it; warm start takes two such steps from the old inverse, and Cholesky where they do not suffice.',
    options: [
      { value: 'cholesky', label: 'Cholesky' },
      { value: 'cholesky-polished', label: 'Cholesky, polished' },
      { value: 'newton-schulz', label: 'warm start' },
    ],
    seldom: true,
    uses: hasInverses,
  },
  {
    key: 'curvatureLr',
    label: 'Curvature rate',
    note: 'per update, below 1',
    group: 'curvature',
    about:
      'Step size of the inverse roots’ own update: how far each new batch moves them, as 1 − the factors’ decay does in K-FAC.',
    uses: isInverseFree,
  },
  {
    key: 'curvatureMomentum',
    label: 'Curvature momentum',
    note: '0: none',
    group: 'curvature',
    about: 'Momentum of the inverse roots’ own update.',
    seldom: true,
    uses: isSingd,
  },
  {
    key: 'curvatureClip',
    label: 'Clip curvature step',
    group: 'curvature',
    about: 'Shortens updates of the inverse roots whose norm exceeds 1, which keeps the roots invertible.',
    options: [
      { value: 'on', label: 'on' },
      { value: 'off', label: 'off' },
    ],
    seldom: true,
    uses: isInverseFree,
  },

  {
    key: 'damping',
    label: 'Damping',
    group: 'damping',
    about:
      'Added to the curvature before it is inverted: more makes the step more like a first-order one. Its unit is that of the rule.',
    uses: hasFactors,
  },
  {
    key: 'dampingRule',
    label: 'Damping rule',
    group: 'damping',
    about:
      'Where damping goes: to both factors, as its root times their mean eigenvalue (relative), split by their traces (π), as its root or as it is (plain); or to the eigenvalues of their product (exact).',
    options: dampingRules,
    seldom: true,
    uses: hasFactors,
  },
  {
    key: 'dampingScale',
    label: 'Damping scale',
    group: 'damping',
    about:
      'What damping is measured in: as it is, in units of the mean eigenvalue of what it is added to, or times the batch’s loss.',
    options: dampingScales,
    seldom: true,
    uses: hasDampingScale,
  },
  {
    key: 'dampingAdaptation',
    label: 'Adaptation',
    note: 'Levenberg–Marquardt',
    group: 'damping',
    about:
      'Lets damping follow how well the quadratic model of the loss foretells what a step does on the same batch.',
    options: [
      { value: 'none', label: 'off' },
      { value: 'levenberg-marquardt', label: 'on' },
    ],
    seldom: true,
    uses: isKfac,
  },
  {
    key: 'adaptationInterval',
    label: 'Adapt every',
    note: 'steps',
    group: 'damping',
    about: 'Steps from one look at the loss to the next; each look costs a forward pass.',
    seldom: true,
    uses: isAdaptingDamping,
  },
  {
    key: 'adaptationDecay',
    label: 'Adaptation factor',
    note: '× per step, below 1',
    group: 'damping',
    about:
      'Damping is multiplied by this per step while the model is right, and divided by it while it is wrong.',
    seldom: true,
    uses: isAdaptingDamping,
  },
  {
    key: 'dampingFloor',
    label: 'Damping floor',
    note: '0: none',
    group: 'damping',
    about: 'The least damping that the loss’s scale and adaptation may lead to, in the unit of damping.',
    seldom: true,
    uses: hasMovingDamping,
  },

  {
    key: 'recipe',
    label: 'Recipe',
    group: 'update',
    about:
      'Grafted: momentum is preconditioned and takes Adam’s length, so that rates carry over. Classic: the raw step, momentum after it.',
    options: [
      { value: 'grafted', label: 'grafted' },
      { value: 'classic', label: 'classic' },
    ],
    uses: hasRecipe,
  },
  {
    key: 'graft',
    label: 'Length of a step',
    group: 'update',
    about:
      'Whose length a layer’s step takes; its own needs rate and damping tuned together. Fixed is 0.3 for every number.',
    options: (column) => [
      { value: '', label: `by recipe: ${lengths[ruleOfRecipe(column).graft]}` },
      ...Object.entries(lengths).map(([value, label]) => ({ value, label })),
    ],
    isOptional: true,
    seldom: true,
    uses: hasFreeRule,
  },
  {
    key: 'momentumPlace',
    label: 'Place of momentum',
    group: 'update',
    about:
      'Whether momentum is taken before the curvature, and preconditioned, or after it, of preconditioned gradients.',
    options: (column) => [
      { value: '', label: `by recipe: ${ruleOfRecipe(column).momentumPlace}` },
      { value: 'before', label: 'before curvature' },
      { value: 'after', label: 'after curvature' },
    ],
    isOptional: true,
    seldom: true,
    uses: hasFreeRule,
  },
  {
    key: 'grafting',
    label: 'Grafted length',
    group: 'update',
    about: 'Whose step gives each weight’s its length; parameters that are not matrices then take that rule.',
    options: [
      { value: 'adam', label: 'Adam’s step' },
      { value: 'sgd', label: 'SGD’s step' },
    ],
    uses: isShampoo,
  },
  {
    key: 'momentum',
    label: 'Momentum',
    note: '0: none',
    group: 'update',
    about: 'Share of the last step’s direction that stays in the next: heavy-ball momentum.',
    uses: (column) => isSgd(column) || hasMomentumAfter(column),
  },
  {
    key: 'nesterov',
    label: 'Nesterov',
    group: 'update',
    about: 'Looks one step ahead along the momentum.',
    options: [
      { value: 'true', label: 'yes' },
      { value: 'false', label: 'no' },
    ],
    seldom: true,
    uses: isSgd,
  },
  {
    key: 'beta1',
    label: 'Beta 1',
    note: 'average of the gradient',
    group: 'update',
    about:
      'Decay of Adam’s average of the gradient, its momentum; with curvature also that of norms and positions.',
    seldom: true,
    uses: (column) => isAdam(column) || hasRecipe(column) || hasMoments(column),
  },
  {
    key: 'beta2',
    label: 'Beta 2',
    note: 'average of its square',
    group: 'update',
    about: 'Decay of Adam’s average of the squared gradient, which sets lengths.',
    seldom: true,
    uses: hasSquares,
  },
  {
    key: 'eps',
    label: 'Epsilon',
    group: 'update',
    about: 'Added to the root of the squared gradient’s average, against division by nearly nothing.',
    seldom: true,
    uses: hasSquares,
  },
  {
    key: 'weightDecay',
    label: 'Weight decay',
    group: 'update',
    about:
      'Pull of matrix weights towards 0 at each step, in units of the learning rate; biases and norms have none.',
    uses: () => true,
  },
  {
    key: 'weightDecayKind',
    label: 'Kind of decay',
    group: 'update',
    about: 'Decoupled shrinks the weight itself, as AdamW; L2 is added to the gradient, momentum included.',
    options: [
      { value: 'decoupled', label: 'decoupled' },
      { value: 'l2', label: 'L2, in gradient' },
    ],
    seldom: true,
    uses: (column) => isAdam(column) || isSgd(column),
  },
  {
    key: 'klClip',
    label: 'Clip divergence to',
    note: 'empty: off',
    group: 'update',
    about:
      'Shortens steps until rate² × ⟨step, gradient⟩ is at most this, a bound on how far predictions move; try 0.001.',
    isOptional: true,
    seldom: true,
    uses: hasFreeRule,
  },
  {
    key: 'clipNorm',
    label: 'Clip gradient to',
    note: 'norm; empty: off',
    group: 'update',
    about: 'Largest norm of the gradient of all parameters together; a longer one is shortened. Try 1.',
    isOptional: true,
    seldom: true,
    uses: () => true,
  },
  {
    key: 'otherLrMultiplier',
    label: 'Other parameters',
    note: '× learning rate',
    group: 'update',
    about:
      'Learning rate of everything that is not a linear or convolution layer, such as norms and positions.',
    seldom: true,
    uses: () => true,
  },

  {
    key: 'inverseInterval',
    label: 'Inverses every',
    note: 'steps',
    group: 'schedule',
    about: 'Steps from one inversion or decomposition of the factors to the next, after the dense start.',
    uses: isKfac,
  },
  {
    key: 'factorInterval',
    label: 'Factors every',
    note: 'steps',
    group: 'schedule',
    about: 'Steps from one update of the factors to the next, after the dense start.',
    seldom: true,
    uses: hasFactors,
  },
  {
    key: 'rootInterval',
    label: 'Roots every',
    note: 'steps',
    group: 'schedule',
    about: 'Steps from one renewal of the inverse roots to the next, after the dense start.',
    uses: isShampoo,
  },
  {
    key: 'basisInterval',
    label: 'Bases every',
    note: 'steps',
    group: 'schedule',
    about: 'Steps from one move of the eigenbases to the next.',
    uses: isSoap,
  },
  {
    key: 'denseSteps',
    label: 'Dense start',
    note: 'steps',
    group: 'schedule',
    about: 'Curvature is renewed on each of the first steps, so many; the intervals hold afterwards.',
    seldom: true,
    uses: (column) => hasFactors(column) || isShampoo(column),
  },
  {
    key: 'inversionBudget',
    label: 'Inversion budget',
    note: 'Mflop a step; empty: off',
    group: 'schedule',
    about:
      'Millions of operations of inversion that one step may do: a round of more is spread over steps instead of falling on one.',
    isOptional: true,
    seldom: true,
    uses: isKfac,
  },

  {
    key: 'layers',
    label: 'Single layers',
    note: 'layer: flavour',
    group: 'layers',
    about:
      'Layers with another flavour than the rest, one a line, such as head: expand; * stands for any characters, and the last line that fits decides.',
    isLines: true,
    seldom: true,
    uses: hasFactors,
  },
  {
    key: 'reduceConvention',
    label: 'Reduce takes',
    group: 'layers',
    about:
      'Of the positions of an example: means of inputs and sums of gradients, or the reverse. They differ where examples have different numbers of positions.',
    options: [
      { value: 'meanA_sumG', label: 'mean A, sum G' },
      { value: 'sumA_meanG', label: 'sum A, mean G' },
    ],
    seldom: true,
    uses: mayReduce,
  },
  {
    key: 'maxFactorSide',
    label: 'Longest side',
    note: 'rows of a factor',
    group: 'layers',
    about:
      'Factors with more rows are cut into blocks along their diagonal, which saves time and memory and loses what couples the blocks.',
    seldom: true,
    uses: (column) => hasRecipe(column) || hasMoments(column),
  },
  {
    key: 'embeddings',
    label: 'Embeddings',
    group: 'layers',
    about:
      'Whether tables of embeddings take the first-order rule or are K-FAC layers; of no effect in models without any.',
    options: [
      { value: 'first-order', label: 'first-order rule' },
      { value: 'kfac', label: 'K-FAC layers' },
    ],
    seldom: true,
    uses: hasFreeRule,
  },
];

/** Whether Adam's average of squares has a part: in its own step, in the length it lends, in parameters that are no layers. */
function hasSquares(column: ColumnDraft): boolean {
  return (
    isAdam(column) ||
    hasRecipe(column) ||
    isSoap(column) ||
    (isShampoo(column) && column.values['grafting'] !== 'sgd')
  );
}

/** The choices a field offers in a column; null: something is typed. */
export function choicesOf({ options }: FieldDefinition, column: ColumnDraft): readonly Option[] | null {
  return (typeof options === 'function' ? options(column) : options) ?? null;
}

/**
 * What a list of choices has to show: a value that is no choice in the column, left from other settings, too, so that it
 * can be seen and is named by the mistake at the field.
 */
export function optionsOf(field: FieldDefinition, column: ColumnDraft): readonly Option[] | null {
  const choices = choicesOf(field, column);
  const value = column.values[field.key];
  if (!choices || value === undefined || choices.some((choice) => choice.value === value)) return choices;
  return [...choices, { value, label: value }];
}
