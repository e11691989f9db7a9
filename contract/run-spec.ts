/**
 * The one description of a training run. The UI builds it, the CLI builds it, the training loop obeys it and the
 * store keeps it: this schema is the only place that says which settings exist and which values are allowed.
 */
import { z } from 'zod';

const rate = z.number().gt(0, 'must be above 0; try 0.001 to 0.03').lte(10, 'must be at most 10');
const unitOpen = z.number().gte(0, 'must be at least 0').lt(1, 'must be below 1');
/** Not `z.int`, which gives up on everything around it: rules over several fields would not be asked any more. */
const whole = z.number('must be a whole number').refine(Number.isSafeInteger, 'must be a whole number');
const count = whole.gte(1, 'must be at least 1');

export const datasetSpecSchema = z.strictObject({
  /** Id of a bundled data set, or of an imported one. */
  id: z.string().min(1),
  /** Seed of the split into training and validation examples, where the data set itself makes none. */
  splitSeed: whole.gte(0).default(0),
  /** Share of the examples held out for validation, where the data set itself makes no split. */
  validationFraction: z.number().gt(0, 'must be above 0').lt(0.9, 'must be below 0.9').default(0.2),
  /**
   * Texts: tokens that a model reads at once; 64 where left out. A property of the data and not of the model, because
   * it decides which tokens of the validation part are predicted from what.
   */
  contextLength: count.lte(8192).exactOptional(),
  /** Computed sets: what they are drawn from; 1 where left out. */
  seed: whole.gte(0, 'must be at least 0').lte(0xffffffff, 'must be at most 4294967295').exactOptional(),
});

/** What is done to the images of a training batch, drawn anew in every step; evaluations see them as they are. */
export const augmentationSpecSchema = z.strictObject({
  /** Images are padded by so many pixels at each side and cut out again at a random place; 0: they are not. */
  shift: whole.gte(0, 'must be at least 0').lte(256, 'must be at most 256').default(0),
  /** `horizontal`: left and right change places in every second image on average. */
  flip: z.enum(['none', 'horizontal']).default('none'),
  /** Side in pixels of the square that is blotted out around a random pixel; 0: there is none. */
  cutout: whole.gte(0, 'must be at least 0').lte(1024, 'must be at most 1024').default(0),
  /** Images and their labels are averaged in pairs with a weight from Beta(mixUp, mixUp); 0: they are not. */
  mixUp: z.number().gte(0, 'must be at least 0').lte(16, 'must be at most 16; try 0.2 or 1').default(0),
});

/** Hidden width of the MLP in each block, as a multiple of `width`. */
const mlpRatio = z.number().gt(0).lte(8).default(2);

export const modelSpecSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('mlp'),
    /** Widths of the hidden layers. */
    hidden: z.array(count.lte(8192)).min(1).max(8),
    activation: z.enum(['relu', 'tanh', 'gelu']).default('relu'),
  }),
  z.strictObject({
    kind: z.literal('cnn'),
    /** Output channels of each 3x3 convolution; the second and later ones have stride 2. Global mean pool, then a linear head. */
    channels: z.array(count.lte(1024)).min(1).max(8),
  }),
  z.strictObject({
    kind: z.literal('vit'),
    /** Side of a square patch in pixels; must divide the image side. */
    patch: count.lte(64),
    width: count.lte(2048),
    blocks: count.lte(48),
    heads: count.lte(64),
    mlpRatio,
    /** What the head reads: the mean over the patches, or a learned token beside them. */
    pool: z.enum(['mean', 'class']).default('mean'),
  }),
  z.strictObject({
    kind: z.literal('wide-resnet'),
    /** 6 n + 4 for n blocks in each of the three groups. */
    depth: count.lte(100),
    /** Multiple of a plain ResNet's channels. */
    width: count.lte(32),
    /** `fixup`: no normalisation, but scalars and an initialisation that do without (Zhang et al. 2019). */
    norm: z.enum(['batch', 'group', 'fixup']).default('batch'),
  }),
  z.strictObject({
    kind: z.literal('decoder'),
    width: count.lte(4096),
    blocks: count.lte(48),
    heads: count.lte(64),
    mlpRatio,
    positions: z.enum(['learned', 'sinusoidal']).default('learned'),
    /** Whether the logits have a matrix of their own or take the table of tokens once more. */
    head: z.enum(['separate', 'tied']).default('separate'),
  }),
  z.strictObject({
    kind: z.literal('deep-linear'),
    /** Widths of the hidden layers, which have no activations. */
    hidden: z.array(count.lte(8192)).min(1).max(8),
    /** Whether an image is one row, or its patches share all weights and the outputs are their mean. */
    sharing: z.enum(['none', 'patches']).default('patches'),
    /** `patches`: side of a square patch in pixels; must divide the image side. */
    patch: count.lte(64).default(2),
  }),
  z.strictObject({
    kind: z.literal('graph-network'),
    /** Of the states of nodes, edges and graphs. */
    width: count.lte(2048),
    /** Rounds of message passing. */
    rounds: count.lte(32),
    /** How the updates of the edges that enter a node are taken together. */
    aggregation: z.enum(['sum', 'mean']).default('sum'),
    /** Whether every graph has a state of its own, which nodes and edges read. */
    globals: z.enum(['on', 'off']).default('on'),
    /** What the outputs are made of: means or sums over the nodes, or the graph's own state. */
    readout: z.enum(['mean', 'sum', 'global']).default('mean'),
    /** Linear layers of one update, each with its norm and ReLU. */
    updateLayers: count.lte(8).default(1),
    norm: z.enum(['layer', 'none']).default('layer'),
    /** Whether an update is added to the state or takes its place. */
    residual: z.enum(['on', 'off']).default('on'),
  }),
]);

const otherLrMultiplier = z.number().gt(0, 'must be above 0').lte(100).default(1);

/** decoupled: w loses lr x decay x w at each step (AdamW). l2: decay x w is added to the gradient, momentum included. */
const weightDecayKind = z.enum(['decoupled', 'l2']);

/** Largest norm of the gradient of all parameters together; a longer one is shortened to it. Null: none. */
const clipNorm = z.number().gt(0, 'must be above 0; try 1').nullable().default(null);

export const sgdSpecSchema = z.strictObject({
  name: z.literal('sgd'),
  lr: rate,
  momentum: unitOpen.default(0.9),
  nesterov: z.boolean().default(true),
  /** Weight decay of matrix weights. */
  weightDecay: z.number().gte(0).lte(1).default(0.01),
  weightDecayKind: weightDecayKind.default('l2'),
  clipNorm,
  /** Learning rate of everything that is not a linear or convolution layer, as a multiple of `lr`. */
  otherLrMultiplier,
});

const adamSettings = {
  lr: rate,
  beta1: unitOpen.default(0.9),
  beta2: unitOpen.default(0.99),
  eps: z.number().gt(0).lte(1).default(1e-8),
  /** Weight decay of matrix weights. */
  weightDecay: z.number().gte(0).lte(1).default(0.01),
  weightDecayKind: weightDecayKind.default('decoupled'),
  clipNorm,
  otherLrMultiplier,
};

export const adamwSpecSchema = z.strictObject({ name: z.literal('adamw'), ...adamSettings });

/** AdamW with Nesterov's momentum, as torch.optim.NAdam with its momentum decay of 0.004. */
export const nadamwSpecSchema = z.strictObject({ name: z.literal('nadamw'), ...adamSettings });

export const kfacSpecSchema = z.strictObject({
  name: z.literal('kfac'),
  /** How positions that share a weight enter the factors (`auto`: reduce where the loss pools, expand for attention keys). */
  flavour: z.enum(['expand', 'reduce', 'auto']),
  /** `grafted`: K-FAC direction of the momentum with Adam's length per layer. `classic`: raw step, momentum after preconditioning. */
  recipe: z.enum(['grafted', 'classic']).default('grafted'),
  /** `ekfac` measures the curvature in K-FAC's eigenbases (George et al. 2018). */
  preconditioner: z.enum(['kronecker', 'ekfac']).default('kronecker'),
  lr: rate,
  damping: z.number().gt(0, 'must be above 0; try 0.001 to 0.1').lte(1e3).default(0.01),
  /**
   * relative: sqrt(damping) x mean eigenvalue on each factor. pi: factored Tikhonov. sqrt: sqrt(damping) on each. plain:
   * damping on each. exact: damping on the eigenvalues of the Kronecker product.
   */
  dampingRule: z.enum(['relative', 'pi', 'sqrt', 'plain', 'exact']).default('relative'),
  /** relative: in units of the mean eigenvalue of what it is added to (the rule `relative` always is). loss: times the batch's loss. */
  dampingScale: z.enum(['absolute', 'relative', 'loss']).default('absolute'),
  /** The least damping that loss scaling and adaptation lead to. */
  dampingFloor: z.number().gte(0, 'must be at least 0').lte(1e3).default(0),
  /** Levenberg and Marquardt: damping follows how well the quadratic model foretells the loss of the same batch. */
  dampingAdaptation: z.enum(['none', 'levenberg-marquardt']).default('none'),
  /** Steps from one look at the loss to the next, and the damping's factor per step while the model is right. */
  adaptationInterval: count.default(5),
  adaptationDecay: z.number().gt(0, 'must be above 0').lt(1, 'must be below 1; try 0.95').default(0.95),
  /** Whose length a layer's step takes; null: Adam's in `grafted`, its own in `classic`. rms: 0.3 for every number. */
  graft: z.enum(['adam', 'sgd', 'rms', 'none']).nullable().default(null),
  /** Whether momentum or the gradient is preconditioned; null: `before` in `grafted`, `after` in `classic`. */
  momentumPlace: z.enum(['before', 'after']).nullable().default(null),
  /** Shortens steps so that lr^2 <step, gradient> stays below this; null: none. Try 0.001. */
  klClip: z.number().gt(0, 'must be above 0; try 0.001').nullable().default(null),
  /**
   * Where G comes from: Monte-Carlo labels; all C columns of the Hessian of each loss term on its own (`type2`, exact) or
   * of all terms of an example at once (`type2-shared`, the same where an example has one term); or the true labels.
   */
  fisher: z.enum(['mc', 'type2', 'type2-shared', 'empirical']).default('mc'),
  /** `mc`: labels drawn per loss term and factor update. */
  fisherSamples: count.lte(1024).default(1),
  /** How reduce treats examples with different numbers of positions: exact for means of positions, or for their sums. */
  reduceConvention: z.enum(['meanA_sumG', 'sumA_meanG']).default('meanA_sumG'),
  /** Factors with a longer side are cut into blocks along their diagonal. */
  maxFactorSide: whole.gte(16, 'must be at least 16').lte(16384).default(2048),
  /** Whether embeddings are K-FAC layers (with a diagonal A) or take the first-order update. */
  embeddings: z.enum(['first-order', 'kfac']).default('first-order'),
  /** Flavours of single layers, by name or by pattern with `*`; the last that fits decides. */
  layers: z
    .array(z.strictObject({ pattern: z.string().min(1), flavour: z.enum(['expand', 'reduce', 'auto']) }))
    .max(64)
    .default([]),
  /** Factors are updated every step up to `denseSteps`, then every so many steps. */
  factorInterval: count.default(10),
  inverseInterval: count.default(10),
  denseSteps: whole.gte(1).default(20),
  /**
   * Millions of operations of inversion per step: after `denseSteps` a round of inversions is spread over steps so that
   * none has much more to do. A round within the budget, and with null any round, is one step's work.
   */
  inversionBudget: z.number().gt(0, 'must be above 0; try 50').nullable().default(100),
  /**
   * How damped factors are inverted: by Cholesky; with a Newton-Schulz step behind it; or by Newton-Schulz steps from the
   * old inverse, and by Cholesky where these do not suffice. Not for eigenbases (`ekfac`, damping `exact`).
   */
  inversion: z.enum(['cholesky', 'cholesky-polished', 'newton-schulz']).default('cholesky'),
  /** Decay of the bias-corrected moving average of the factors. */
  factorDecay: unitOpen.default(0.9),
  /** `grafted`: Adam's decay rates. */
  beta1: unitOpen.default(0.9),
  beta2: unitOpen.default(0.99),
  eps: z.number().gt(0).lte(1).default(1e-8),
  /** `classic`: heavy-ball momentum after preconditioning. */
  momentum: unitOpen.default(0.9),
  /** Decoupled weight decay of matrix weights. */
  weightDecay: z.number().gte(0).lte(1).default(0.01),
  /** Shortens what momentum and preconditioner see; the curvature is that of the whole gradient. */
  clipNorm,
  otherLrMultiplier,
});

/**
 * The grafting control: K-FAC's update of layers with the identity in the place of its preconditioner. Settings mean what they
 * do in K-FAC; those of the curvature are not there.
 */
export const graftedIdentitySpecSchema = z.strictObject({
  name: z.literal('grafted-identity'),
  ...kfacSpecSchema.pick({
    recipe: true,
    lr: true,
    graft: true,
    momentumPlace: true,
    klClip: true,
    /** Parts of a wide layer have lengths of their own. */
    maxFactorSide: true,
    embeddings: true,
    beta1: true,
    beta2: true,
    eps: true,
    momentum: true,
    weightDecay: true,
    clipNorm: true,
    otherLrMultiplier: true,
  }).shape,
});

const inverseFreeSettings = {
  ...kfacSpecSchema.pick({
    flavour: true,
    recipe: true,
    lr: true,
    damping: true,
    fisher: true,
    fisherSamples: true,
    reduceConvention: true,
    maxFactorSide: true,
    layers: true,
    /** Here of the preconditioner too: each update is made of a new batch's factors. */
    factorInterval: true,
    denseSteps: true,
    beta1: true,
    beta2: true,
    eps: true,
    momentum: true,
    weightDecay: true,
    clipNorm: true,
    otherLrMultiplier: true,
  }).shape,
  /** relative: in units of the mean eigenvalues of the factors, as K-FAC's. plain: as it is, as published. */
  dampingRule: z.enum(['relative', 'plain']).default('relative'),
  /** Step size of the preconditioner's own update; in IKFAC about 1 - the factors' decay in K-FAC. */
  curvatureLr: z.number().gt(0, 'must be above 0; try 0.1 to 0.9').lt(1, 'must be below 1').default(0.5),
  /** `on` shortens an update of the preconditioner whose norm exceeds 1, which keeps it invertible. */
  curvatureClip: z.enum(['on', 'off']).default('on'),
};

/** Inverse-free K-FAC: roots of the inverse factors are moved by matrix products alone. Shared settings mean what they do in K-FAC. */
export const ikfacSpecSchema = z.strictObject({ name: z.literal('ikfac'), ...inverseFreeSettings });

/** Structured inverse-free natural gradient with dense structure: IKFAC whose two sides scale each other, with momentum. */
export const singdSpecSchema = z.strictObject({
  name: z.literal('singd'),
  ...inverseFreeSettings,
  /** Momentum of the preconditioner's own update. */
  curvatureMomentum: unitOpen.default(0.5),
});

/** The larger side that a weight's gradient moments may have; longer ones are cut into blocks. */
const maxFactorSide = kfacSpecSchema.shape.maxFactorSide;

export const shampooSpecSchema = z.strictObject({
  name: z.literal('shampoo'),
  lr: rate,
  /** Inverse root of both sides' moments: 1/4 as published, 1/2 as Shampoo squared has it. */
  power: z.enum(['1/4', '1/2']).default('1/4'),
  /** Whose step gives each weight's its length; everything else then takes that rule. */
  grafting: z.enum(['adam', 'sgd']).default('adam'),
  /** Added to the eigenvalues, in units of the largest. */
  rootEpsilon: z.number().gte(1e-7, 'must be at least 1e-7; f32 has no smaller').lte(1).default(1e-5),
  /** Decay of the bias-corrected moving average of the gradient moments, which every step enters. */
  factorDecay: unitOpen.default(0.95),
  /** Roots are renewed every step up to `denseSteps`, then every so many steps. */
  rootInterval: count.default(10),
  denseSteps: whole.gte(1).default(20),
  maxFactorSide,
  beta1: unitOpen.default(0.9),
  beta2: unitOpen.default(0.99),
  eps: z.number().gt(0).lte(1).default(1e-8),
  weightDecay: z.number().gte(0).lte(1).default(0.01),
  clipNorm,
  otherLrMultiplier,
});

export const soapSpecSchema = z.strictObject({
  name: z.literal('soap'),
  lr: rate,
  beta1: unitOpen.default(0.95),
  beta2: unitOpen.default(0.95),
  eps: z.number().gt(0).lte(1).default(1e-8),
  /** Decay of the moving average of the gradient moments that the bases follow. */
  factorDecay: unitOpen.default(0.95),
  /** Bases take one step of orthogonal iteration every so many steps. */
  basisInterval: count.default(10),
  maxFactorSide,
  weightDecay: z.number().gte(0).lte(1).default(0.01),
  clipNorm,
  otherLrMultiplier,
});

export const optimizerSpecSchema = z.discriminatedUnion('name', [
  sgdSpecSchema,
  adamwSpecSchema,
  nadamwSpecSchema,
  kfacSpecSchema,
  graftedIdentitySpecSchema,
  ikfacSpecSchema,
  singdSpecSchema,
  shampooSpecSchema,
  soapSpecSchema,
]);

/**
 * The one place that knows optimisers as earlier versions wrote them, in the store, in files and on clipboards: the grafting
 * control was K-FAC with `preconditioner: 'identity'`. Settings of a curvature that it never had are left out.
 */
export function withPresentName(optimizer: unknown): unknown {
  if (typeof optimizer !== 'object' || optimizer === null) return optimizer;
  const { name, preconditioner, ...settings } = optimizer as Record<string, unknown>;
  if (name !== 'kfac' || preconditioner !== 'identity') return optimizer;
  const isKept = (key: string) => key in graftedIdentitySpecSchema.shape || !(key in kfacSpecSchema.shape);
  const kept = Object.entries(settings).filter(([key]) => isKept(key));
  return { name: 'grafted-identity', ...Object.fromEntries(kept) };
}

const warmupSteps = whole.gte(0).default(20);

export const scheduleSpecSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('constant') }),
  /** Linear warm-up over `warmupSteps`, then a cosine to 0 at the last step. */
  z.strictObject({ kind: z.literal('warmup-cosine'), warmupSteps }),
  /** Linear warm-up over `warmupSteps`, then a straight line to 0 at the last step. */
  z.strictObject({ kind: z.literal('warmup-linear'), warmupSteps }),
]);

export const targetSpecSchema = z.strictObject({
  metric: z.enum([
    'val.accuracy',
    'val.loss',
    'val.ece',
    'val.rmse',
    'val.mae',
    'val.r2',
    'val.perplexity',
    'val.bits_per_char',
    'val.map',
  ]),
  op: z.enum(['>=', '<=']),
  value: z.number(),
});

/** SHA-256 of a file of weights. */
export const weightsHashSchema = z.string().regex(/^[0-9a-f]{64}$/, 'must be 64 hexadecimal digits');

const runSpecFields = z.strictObject({
  dataset: datasetSpecSchema,
  /** Images of classes only. Left out: training sees the examples as they are. */
  augmentation: augmentationSpecSchema.exactOptional(),
  model: modelSpecSchema,
  /** The file of weights that training starts from, by its SHA-256. Left out: first values are drawn from the seed. */
  startWeights: weightsHashSchema.exactOptional(),
  optimizer: z.preprocess<unknown, typeof optimizerSpecSchema, z.input<typeof optimizerSpecSchema>>(
    withPresentName,
    optimizerSpecSchema,
  ),
  schedule: scheduleSpecSchema.default({ kind: 'warmup-cosine', warmupSteps: 20 }),
  batchSize: count.lte(65536),
  /**
   * Whether activations that are cheap to make are made again in the backward pass instead of being kept: the same numbers with
   * less memory, in more time. Left out: where they do not fit otherwise.
   */
  recompute: z.enum(['always', 'never']).exactOptional(),
  steps: count.lte(10_000_000),
  /** The whole validation set is evaluated every so many steps, and at the last one. */
  evaluateEvery: count,
  seed: whole.gte(0).lte(0xffffffff),
  target: targetSpecSchema,
});

/** What single fields cannot say: which of them do not fit together. */
interface Rule {
  /** Paths of the fields it reads. It is asked only where these are right by themselves, whatever else is wrong. */
  reads: readonly string[];
  /** The field that is wrong where it is broken, one of those it reads. */
  field: string;
  mistake(spec: z.infer<typeof runSpecFields>): string | null;
}

const rules: readonly Rule[] = [
  {
    reads: ['model.kind', 'model.width', 'model.heads'],
    field: 'model.heads',
    mistake({ model }) {
      if ((model.kind !== 'vit' && model.kind !== 'decoder') || model.width % model.heads === 0) return null;
      return `must divide the width ${model.width}; ${model.heads} heads do not`;
    },
  },
  {
    reads: ['model.kind', 'model.depth'],
    field: 'model.depth',
    mistake({ model }) {
      if (model.kind !== 'wide-resnet' || (model.depth % 6 === 4 && model.depth > 4)) return null;
      return `must be 6 n + 4, such as 10, 16, 22 or 28; ${model.depth} is not`;
    },
  },
  {
    reads: ['model.kind', 'model.readout', 'model.globals'],
    field: 'model.readout',
    mistake({ model }) {
      if (model.kind !== 'graph-network' || model.readout !== 'global' || model.globals === 'on') return null;
      return 'must be mean or sum where globals are off';
    },
  },
  {
    reads: ['optimizer.name', 'optimizer.preconditioner', 'optimizer.dampingRule'],
    field: 'optimizer.dampingRule',
    mistake({ optimizer }) {
      if (optimizer.name !== 'kfac' || optimizer.preconditioner !== 'ekfac') return null;
      if (['relative', 'exact'].includes(optimizer.dampingRule)) return null;
      return `must be relative or exact for ekfac, which damps measured scales and not factors; ${optimizer.dampingRule} damps factors`;
    },
  },
  {
    reads: ['optimizer.name', 'optimizer.preconditioner', 'optimizer.dampingRule', 'optimizer.inversion'],
    field: 'optimizer.inversion',
    mistake({ optimizer }) {
      if (optimizer.name !== 'kfac' || optimizer.inversion === 'cholesky') return null;
      if (optimizer.preconditioner !== 'ekfac' && optimizer.dampingRule !== 'exact') return null;
      const choice = optimizer.preconditioner === 'ekfac' ? 'ekfac' : 'the damping rule exact';
      return `must be cholesky, the default, for ${choice}, which decomposes factors and inverts none; ${optimizer.inversion} inverts them`;
    },
  },
  {
    reads: ['augmentation.mixUp', 'optimizer.fisher'],
    field: 'augmentation.mixUp',
    mistake({ augmentation, optimizer }) {
      if (!augmentation?.mixUp || !('fisher' in optimizer) || optimizer.fisher !== 'empirical') return null;
      return 'must be 0 with the empirical Fisher, which takes the one true label of an example; choose mc or type2';
    },
  },
  {
    reads: ['steps', 'evaluateEvery'],
    field: 'evaluateEvery',
    mistake: ({ steps, evaluateEvery }) =>
      evaluateEvery > steps ? `must be at most the number of steps, ${steps}` : null,
  },
];

/** Whether an issue is about a field, something inside it or something around it. */
function concerns(issue: readonly PropertyKey[], field: readonly string[]): boolean {
  return field.every((key, i) => i >= issue.length || issue[i] === key);
}

export const runSpecSchema = runSpecFields.superRefine(
  (spec, context) => {
    const found = context.issues.map((issue) => issue.path ?? []);
    for (const { reads, field, mistake } of rules) {
      const isReadable = reads.every((path) => !found.some((issue) => concerns(issue, path.split('.'))));
      const message = isReadable ? mistake(spec) : null;
      if (message !== null) context.addIssue({ code: 'custom', path: field.split('.'), message });
    }
  },
  // Wrong fields elsewhere are no reason to keep silent about these.
  { when: () => true },
);

export type DatasetSpec = z.infer<typeof datasetSpecSchema>;
export type AugmentationSpec = z.infer<typeof augmentationSpecSchema>;
export type ModelSpec = z.infer<typeof modelSpecSchema>;
export type OptimizerSpec = z.infer<typeof optimizerSpecSchema>;
export type AdamSpec = z.infer<typeof adamwSpecSchema> | z.infer<typeof nadamwSpecSchema>;
export type WeightDecayKind = z.infer<typeof weightDecayKind>;
export type SgdSpec = z.infer<typeof sgdSpecSchema>;
export type KfacSpec = z.infer<typeof kfacSpecSchema>;
export type GraftedIdentitySpec = z.infer<typeof graftedIdentitySpecSchema>;
export type InverseFreeSpec = z.infer<typeof ikfacSpecSchema> | z.infer<typeof singdSpecSchema>;
export type ShampooSpec = z.infer<typeof shampooSpecSchema>;
export type SoapSpec = z.infer<typeof soapSpecSchema>;
export type ScheduleSpec = z.infer<typeof scheduleSpecSchema>;
export type TargetSpec = z.infer<typeof targetSpecSchema>;
export type RunSpec = z.infer<typeof runSpecSchema>;
/** What a person or a preset writes: fields with defaults may be left out. */
export type RunSpecInput = z.input<typeof runSpecSchema>;
