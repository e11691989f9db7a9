/**
 * Losses and the vectors that start a backward pass from them. A loss averages M terms, or adds them up: one per example, or one per
 * position where the model predicts at every position. Terms: softmax cross-entropy, squared error averaged over
 * the C outputs (torch's MSELoss), or binary cross-entropy (`binary-cross-entropy.ts`). Pseudo-gradients for curvature follow `docs/kfac.md`.
 */
import { KronlabError } from '../../../contract/errors.ts';
import { floatBits, type Binding } from '../../../gpu-kernels/dispatch.ts';
import philox from '../../../gpu-kernels/philox.wgsl';
import { expandTemplate } from '../../../gpu-kernels/template.ts';
import { lastAxis, size, type Operation, type Tensor } from '../graph.ts';
import { stepScalarsSource, type StepUniform } from '../step-scalars.ts';
import crossEntropyWideSource from './cross-entropy-wide.wgsl';
import crossEntropySource from './cross-entropy.wgsl';
import labelLogitSource from './label-logit.wgsl';
import countSource from './loss-count.wgsl';
import { launchRows, rowThreads } from './loss-rows.ts';
import notANumberSource from './not-a-number.wgsl';
import seedSource from './loss-seed.wgsl';
import { multiply, scale } from './elementwise.ts';
import { sumAxes } from './reduce.ts';
import { requireAxes, requireCount, requireFloats, requireShape, requireType } from './shape-rules.ts';
import squaredErrorSource from './squared-error.wgsl';

export interface Loss {
  kind: 'cross-entropy' | 'mse' | 'bce';
  /** The losses are made as means; `summed` makes sums of them. */
  reduction: 'mean' | 'sum';
  outputs: Tensor;
  targets: Tensor;
  /** [M] loss of each term, weighted so that the mean over all M is the loss also where some targets do not count. */
  terms: Tensor;
  /** [M, C] softmax (bce: sigmoid) of the logits; null for regression. */
  probabilities: Tensor | null;
  /** [M] 1 where the prediction is right, weighted like the terms: its mean is the accuracy. Null for regression. */
  hits: Tensor | null;
  /** The number of terms, by which a mean is divided, and outputs per term. */
  termCount: number;
  /** Which terms belong to which example; null: the outputs are [N, terms..., C]. See `onRaggedRows`. */
  rows: RaggedTerms | null;
  classes: number;
  /** One number, how many labels (bce: targets) count; null where all do. */
  counted: Tensor | null;
  /** One number, how many terms count: those with a label, or with any target. Null where all do. */
  countedTerms: Tensor | null;
  /** [M, C], 0 where a target does not count; only for bce. */
  mask: Tensor | null;
  smoothing: number;
  /** The label of terms that do not count. */
  ignored: number | null;
  /** Other labels that count beside the targets; only for cross-entropy. */
  mixed: MixedLabels | null;
}

/** The targets of mix-up: a label counts with the share of its own, u32 `labels` [M] with the rest. `share`: f32 [1]. */
export interface MixedLabels {
  labels: Tensor;
  share: Tensor;
}

/** The terms of example n are offsets[n] to offsets[n + 1] - 1, u32 [N + 1], and no example has more than `most`. */
export interface RaggedTerms {
  offsets: Tensor;
  most: number;
}

/** A loss with a term for every row of examples of different sizes: predictions at nodes or edges of graphs. */
export function onRaggedRows(loss: Loss, rows: RaggedTerms): Loss {
  requireType('ragged loss', 'offsets', rows.offsets, 'u32');
  requireShape('ragged loss', 'offsets', rows.offsets, ['examples + 1']);
  return { ...loss, rows };
}

/**
 * The sum of the terms that count (bce: of the targets that do) in the place of their mean. What curvature calls M is then 1.
 * A term of squared error stays the mean over its C outputs.
 */
export function summed(loss: Loss): Loss {
  if (loss.reduction === 'sum') return loss;
  const { terms, counted, termCount } = loss;
  // The mean over all terms is to be the loss here too; a sum has no use for the weights that count made up for.
  const whole = counted ? multiply(terms, counted) : scale(terms, termCount);
  return { ...loss, reduction: 'sum', terms: whole, counted: null, countedTerms: null };
}

/** M, by which the loss divides the sum of its terms; targets that do not count are made up for by the weights of the rest. */
export function divisorOf({ reduction, termCount }: Loss): number {
  return reduction === 'sum' ? 1 : termCount;
}

export interface CrossEntropyOptions {
  /** Share of the target that is spread evenly over all classes, as torch's `label_smoothing`. */
  smoothing?: number;
  /** Terms with this label (u32) count neither in the sum nor in the mean, as torch's `ignore_index`. */
  ignored?: number;
  /** Not together with `ignored`. Hits then count in the same shares. */
  mixed?: MixedLabels | undefined;
}

interface CrossEntropyAttributes {
  smoothing: number;
  ignored: number | null;
  isMixed: boolean;
}

const mixedNames = [
  ['others', 'array<u32>'],
  ['share', 'array<f32>'],
] as const;

const crossEntropyOperation: Operation<CrossEntropyAttributes> = {
  name: 'cross-entropy',
  lower(node, lowering) {
    const { smoothing, ignored, isMixed } = node.attributes;
    const options = { SMOOTH: smoothing > 0, IGNORE: ignored !== null, MIXED: isMixed };
    const threads = rowThreads(lowering, node.inputs[0] as Tensor);
    const lanes = threads?.lanes ?? false;
    return launchRows(node, lowering, {
      code: [
        notANumberSource,
        labelLogitSource,
        threads
          ? expandTemplate(crossEntropyWideSource, { ...options, LANES: lanes, WIDTH: threads.width })
          : expandTemplate(crossEntropySource, options),
      ].join('\n'),
      threads,
      names: [
        ['logits', 'array<f32>'],
        ['labels', 'array<u32>'],
        ...(ignored === null ? [] : ([['counted', 'array<f32>']] as const)),
        ...(isMixed ? mixedNames : []),
        ['terms', 'array<f32>'],
        ['probabilities', 'array<f32>'],
        ['hits', 'array<f32>'],
      ],
      params: [ignored ?? 0, floatBits(smoothing)],
    });
  },
};

const countOperation: Operation<{ ignored: number }> = {
  name: 'count labels',
  lower: (node, lowering) =>
    launchRows(node, lowering, {
      code: expandTemplate(countSource, { BINARY: false }),
      names: [
        ['labels', 'array<u32>'],
        ['present', 'array<f32>'],
      ],
      params: [node.attributes.ignored],
    }),
};

const squaredErrorOperation: Operation<null> = {
  name: 'squared error',
  lower: (node, lowering) =>
    launchRows(node, lowering, {
      code: squaredErrorSource,
      names: [
        ['predictions', 'array<f32>'],
        ['targets', 'array<f32>'],
        ['terms', 'array<f32>'],
      ],
    }),
};

/**
 * Mean softmax cross-entropy of logits [..., C] with u32 labels [...]. Where every label is ignored the loss is 0 (torch:
 * NaN), so that a batch without labels changes nothing. A label that is no class makes its term and its gradient NaN.
 */
export function crossEntropy(logits: Tensor, labels: Tensor, options: CrossEntropyOptions = {}): Loss {
  const { smoothing = 0, ignored = null, mixed = null } = options;
  const classes = lastAxis(logits);
  const termCount = size(logits.shape) / classes;
  requireFloats('cross-entropy', { logits, share: mixed?.share ?? null });
  requireAxes('cross-entropy', 'logits', logits);
  requireType('cross-entropy', 'labels', labels, 'u32');
  requireCount('cross-entropy', 'labels', labels, termCount);
  if (mixed) {
    requireType('cross-entropy', 'mixed labels', mixed.labels, 'u32');
    requireCount('cross-entropy', 'share', mixed.share, 1);
  }
  if (mixed && (ignored !== null || size(mixed.labels.shape) !== termCount)) {
    throw new KronlabError(
      'internal',
      'cross-entropy: mixed labels are one for every term, none of them ignored',
    );
  }
  if (!(smoothing >= 0 && smoothing <= 1)) {
    throw new KronlabError('invalid', `cross-entropy: a label smoothing of ${smoothing} is not in [0, 1]`);
  }
  const counted = ignored === null ? null : countLabels(labels, ignored);
  const inputs = [
    logits,
    labels,
    ...(counted ? [counted] : []),
    ...(mixed ? [mixed.labels, mixed.share] : []),
  ];
  const [terms, probabilities, hits] = logits.graph.add(crossEntropyOperation, inputs, {
    attributes: { smoothing, ignored, isMixed: mixed !== null },
    outputs: [
      { shape: [termCount], label: 'loss terms' },
      { shape: [termCount, classes], label: 'probabilities' },
      { shape: [termCount], label: 'hits' },
    ],
  }) as [Tensor, Tensor, Tensor];
  return {
    kind: 'cross-entropy',
    reduction: 'mean',
    outputs: logits,
    targets: labels,
    terms,
    probabilities,
    hits,
    termCount,
    rows: null,
    classes,
    counted,
    countedTerms: counted,
    mask: null,
    smoothing,
    ignored,
    mixed,
  };
}

function countLabels(labels: Tensor, ignored: number): Tensor {
  const { graph } = labels;
  const rows = graph.reshape(labels, [size(labels.shape), 1]);
  const shape = [size(labels.shape)];
  const present = graph.add1(countOperation, [rows], { shape, label: 'labels that count' }, { ignored });
  return sumAxes(present, 0, 0);
}

/** Mean squared error of predictions [..., C] and targets of the same shape. */
export function meanSquaredError(predictions: Tensor, targets: Tensor): Loss {
  requireFloats('mean squared error', { predictions, targets });
  requireAxes('mean squared error', 'predictions', predictions);
  requireShape('mean squared error', 'targets', targets, predictions.shape);
  const classes = lastAxis(predictions);
  const termCount = size(predictions.shape) / classes;
  const output = { shape: [termCount], label: 'loss terms' };
  const terms = predictions.graph.add1(squaredErrorOperation, [predictions, targets], output, null);
  return {
    kind: 'mse',
    reduction: 'mean',
    outputs: predictions,
    targets,
    terms,
    probabilities: null,
    hits: null,
    termCount,
    rows: null,
    classes,
    counted: null,
    countedTerms: null,
    mask: null,
    smoothing: 0,
    ignored: null,
    mixed: null,
  };
}

/**
 * The terms of an example one after another: only those at one place within their example are sent back. The round of
 * `lossSeed` says which: round = place * columns + column.
 */
export interface TermPlaces {
  /** Terms of the example with the most. */
  most: number;
  /** u32 [M]: how many terms of its own example come before each. Null: every example has `most`, in order. */
  places: Tensor | null;
}

/** `round` is one u32 that counts how often the seed has been made. */
export type SeedMode =
  /** The gradient of the terms; with `terms` of those at place `round`. */
  | { kind: 'gradient'; round?: Tensor; terms?: TermPlaces }
  /** The same with labels drawn from the model; another draw in every round. */
  | { kind: 'sample'; step: StepUniform; round?: Tensor }
  /** The same with given labels [rounds, ...], in the place of draws. */
  | { kind: 'labels'; labels: Tensor; round: Tensor }
  /** Column `round` of the square root of the Hessian; with `terms` column round % C at place round / C. */
  | { kind: 'column'; round: Tensor; terms?: TermPlaces };

interface SeedAttributes {
  loss: Loss['kind'];
  mode: SeedMode;
  factor: number;
  /** Names of the inputs, as the kernel binds them. */
  names: string[];
  smoothing: number;
  ignored: number | null;
}

const seedOperation: Operation<SeedAttributes> = {
  name: 'loss seed',
  lower(node, lowering) {
    const { loss, mode, factor, names, smoothing, ignored } = node.attributes;
    const terms = 'terms' in mode ? mode.terms : undefined;
    const seed = node.outputs[0] as Tensor;
    const classes = lastAxis(seed);
    const rows = size(seed.shape) / classes;
    const inputs: Binding[] = names.map((name, i) => {
      const tensor = node.inputs[i] as Tensor;
      // BCE tells targets that are NaN by their bits.
      const type = loss === 'bce' && name === 'targets' ? 'u32' : tensor.type;
      return { name, type: `array<${type}>`, region: lowering.region(tensor), write: false };
    });
    const template = expandTemplate(seedSource, {
      MSE: loss === 'mse',
      BCE: loss === 'bce',
      GRADIENT: mode.kind === 'gradient',
      SAMPLE: mode.kind === 'sample',
      LABELS: mode.kind === 'labels',
      COLUMN: mode.kind === 'column',
      ROUNDS: names.includes('round'),
      TERMS: terms !== undefined,
      PLACES: names.includes('places'),
      SMOOTH: smoothing > 0,
      MIXED: names.includes('others'),
      WEIGHTED: names.includes('counted'),
      IGNORE: ignored !== null,
      MASKED: names.includes('mask'),
      MASK_TYPE: node.inputs[names.indexOf('mask')]?.type ?? 'f32',
    });
    return [
      {
        label: `loss seed (${mode.kind})`,
        code: [
          ...(mode.kind === 'sample' ? [stepScalarsSource, philox] : []),
          ...(loss === 'cross-entropy' ? [notANumberSource] : []),
          template,
        ].join('\n'),
        bindings: [
          ...inputs,
          { name: 'seed', type: 'array<f32>', region: lowering.region(seed), write: true },
        ],
        params: {
          type: 'Params',
          data: Uint32Array.of(
            rows,
            classes,
            floatBits(factor),
            floatBits(smoothing),
            ignored ?? 0,
            terms?.most ?? 1,
          ),
        },
        ...(mode.kind === 'sample' ? { step: mode.step } : {}),
        workgroups: [Math.ceil(rows / 32), 1, 1],
        flops: 3 * rows * classes,
      },
    ];
  },
};

/**
 * A seed for `backward`, shaped like the outputs. `gradient` with factor 1/M gives the gradient of the loss;
 * `sample`, `labels` and `column` give the un-averaged pseudo-gradients of the Monte-Carlo and the type-2 Fisher, whose
 * outer products sum to M times the Hessian of the loss, also where some targets do not count.
 */
export function lossSeed(loss: Loss, mode: SeedMode, factor: number): Tensor {
  requireMode(loss, mode);
  const inputs = seedInputs(loss, mode);
  return loss.outputs.graph.add1(
    seedOperation,
    inputs.map(([, tensor]) => tensor),
    { shape: loss.outputs.shape, label: 'loss seed' },
    {
      loss: loss.kind,
      mode,
      factor,
      names: inputs.map(([name]) => name),
      smoothing: loss.smoothing,
      ignored: loss.ignored,
    },
  );
}

/** Kernels read labels and rounds by number: as many must be there as they count on. */
function requireMode({ kind, outputs, termCount }: Loss, mode: SeedMode): void {
  if (mode.round) {
    requireType('loss seed', 'round', mode.round, 'u32');
    requireCount('loss seed', 'round', mode.round, 1);
  }
  if (mode.kind === 'labels') {
    const perRound = kind === 'cross-entropy' ? termCount : size(outputs.shape);
    const rounds = Math.max(1, Math.floor(size(mode.labels.shape) / perRound));
    requireType('loss seed', 'labels', mode.labels, kind === 'cross-entropy' ? 'u32' : 'f32');
    requireCount('loss seed', 'labels', mode.labels, rounds * perRound);
  }
  if ('terms' in mode && mode.terms.places) {
    requireType('loss seed', 'places', mode.terms.places, 'u32');
    requireShape('loss seed', 'places', mode.terms.places, [termCount]);
  }
}

function seedInputs(loss: Loss, mode: SeedMode): [string, Tensor][] {
  const { kind, counted, ignored, mask, probabilities } = loss;
  const comparesTargets = mode.kind === 'gradient' || mode.kind === 'labels';
  const inputs: [string, Tensor][] = [];
  if (probabilities) inputs.push(['probabilities', probabilities]);
  if (kind === 'mse' && comparesTargets) inputs.push(['outputs', loss.outputs]);
  if (kind === 'mse' && mode.kind === 'gradient') inputs.push(['targets', loss.targets]);
  if (kind === 'cross-entropy' && (mode.kind === 'gradient' || ignored !== null)) {
    inputs.push(['labels', loss.targets]);
  }
  if (loss.mixed && mode.kind === 'gradient') {
    inputs.push(['others', loss.mixed.labels], ['share', loss.mixed.share]);
  }
  if (kind === 'bce') inputs.push(['targets', loss.targets]);
  if (counted) inputs.push(['counted', counted]);
  if (mask) inputs.push(['mask', mask]);
  if (mode.kind === 'labels') inputs.push(['given', mode.labels]);
  if (mode.round) inputs.push(['round', mode.round]);
  if ('terms' in mode && mode.terms.places) inputs.push(['places', mode.terms.places]);
  return inputs;
}
