/**
 * Losses and the vectors that start a backward pass from them. A loss averages M terms: one per example, or one per
 * position where the model predicts at every position. Terms: softmax cross-entropy, or squared error averaged over
 * the C outputs (torch's MSELoss). Pseudo-gradients for curvature follow `docs/kfac.md`.
 */
import { KronlabError } from '../../../contract/errors.ts';
import { floatBits, type Binding, type Dispatch } from '../../../gpu-kernels/dispatch.ts';
import philox from '../../../gpu-kernels/philox.wgsl';
import { expandTemplate } from '../../../gpu-kernels/template.ts';
import { lastAxis, size, type Lowering, type Node, type Operation, type Tensor } from '../graph.ts';
import { stepScalarsSource, type StepUniform } from '../step-scalars.ts';
import crossEntropySource from './cross-entropy.wgsl';
import seedSource from './loss-seed.wgsl';
import squaredErrorSource from './squared-error.wgsl';

export interface Loss {
  kind: 'cross-entropy' | 'mse';
  outputs: Tensor;
  targets: Tensor;
  /** [M] loss of each term. */
  terms: Tensor;
  /** [M, C] softmax of the logits; null for regression. */
  probabilities: Tensor | null;
  /** [M] 1 where the prediction is right; null for regression. */
  hits: Tensor | null;
  /** Number of terms the loss averages, and outputs per term. */
  termCount: number;
  classes: number;
}

const crossEntropyOperation: Operation<null> = {
  name: 'cross-entropy',
  lower: (node, lowering) =>
    perRow(node, lowering, crossEntropySource, [
      ['logits', 'array<f32>'],
      ['labels', 'array<u32>'],
      ['terms', 'array<f32>'],
      ['probabilities', 'array<f32>'],
      ['hits', 'array<f32>'],
    ]),
};

const squaredErrorOperation: Operation<null> = {
  name: 'squared error',
  lower: (node, lowering) =>
    perRow(node, lowering, squaredErrorSource, [
      ['predictions', 'array<f32>'],
      ['targets', 'array<f32>'],
      ['terms', 'array<f32>'],
    ]),
};

function perRow(node: Node<null>, lowering: Lowering, code: string, names: [string, string][]): Dispatch[] {
  const outputs = node.inputs[0] as Tensor;
  const classes = lastAxis(outputs);
  const rows = size(outputs.shape) / classes;
  const tensors = [...node.inputs, ...node.outputs];
  return [
    {
      label: node.operation.name,
      code,
      bindings: names.map(([name, type], i) => ({
        name,
        type,
        region: lowering.region(tensors[i] as Tensor),
        write: i >= node.inputs.length,
      })),
      params: { type: 'Params', data: Uint32Array.of(rows, classes) },
      workgroups: [Math.ceil(rows / 32), 1, 1],
      flops: 6 * rows * classes,
    },
  ];
}

/** Mean softmax cross-entropy of logits [..., C] with u32 labels [...]. */
export function crossEntropy(logits: Tensor, labels: Tensor): Loss {
  const classes = lastAxis(logits);
  const termCount = size(logits.shape) / classes;
  if (size(labels.shape) !== termCount) {
    throw new KronlabError('internal', `${termCount} predictions, but ${size(labels.shape)} labels`);
  }
  const [terms, probabilities, hits] = logits.graph.add(crossEntropyOperation, [logits, labels], {
    attributes: null,
    outputs: [
      { shape: [termCount], label: 'loss terms' },
      { shape: [termCount, classes], label: 'probabilities' },
      { shape: [termCount], label: 'hits' },
    ],
  }) as [Tensor, Tensor, Tensor];
  return {
    kind: 'cross-entropy',
    outputs: logits,
    targets: labels,
    terms,
    probabilities,
    hits,
    termCount,
    classes,
  };
}

/** Mean squared error of predictions [..., C] and targets of the same shape. */
export function meanSquaredError(predictions: Tensor, targets: Tensor): Loss {
  const classes = lastAxis(predictions);
  const termCount = size(predictions.shape) / classes;
  const output = { shape: [termCount], label: 'loss terms' };
  const terms = predictions.graph.add1(squaredErrorOperation, [predictions, targets], output, null);
  return {
    kind: 'mse',
    outputs: predictions,
    targets,
    terms,
    probabilities: null,
    hits: null,
    termCount,
    classes,
  };
}

type SeedMode =
  { kind: 'gradient' } | { kind: 'sample'; step: StepUniform } | { kind: 'column'; column: Tensor };

interface SeedAttributes {
  loss: Loss['kind'];
  mode: SeedMode;
  factor: number;
  names: string[];
}

const seedOperation: Operation<SeedAttributes> = {
  name: 'loss seed',
  lower(node, lowering) {
    const { loss, mode, factor, names } = node.attributes;
    const seed = node.outputs[0] as Tensor;
    const classes = lastAxis(seed);
    const rows = size(seed.shape) / classes;
    const template = expandTemplate(seedSource, {
      MSE: loss === 'mse',
      GRADIENT: mode.kind === 'gradient',
      SAMPLE: mode.kind === 'sample',
      COLUMN: mode.kind === 'column',
    });
    const inputs: Binding[] = names.map((name, i) => {
      const tensor = node.inputs[i] as Tensor;
      return { name, type: `array<${tensor.type}>`, region: lowering.region(tensor), write: false };
    });
    return [
      {
        label: `loss seed (${mode.kind})`,
        code: mode.kind === 'sample' ? [stepScalarsSource, philox, template].join('\n') : template,
        bindings: [
          ...inputs,
          { name: 'seed', type: 'array<f32>', region: lowering.region(seed), write: true },
        ],
        params: { type: 'Params', data: Uint32Array.of(rows, classes, floatBits(factor)) },
        ...(mode.kind === 'sample' ? { step: mode.step } : {}),
        workgroups: [Math.ceil(rows / 32), 1, 1],
        flops: 3 * rows * classes,
      },
    ];
  },
};

/**
 * A seed for `backward`, shaped like the outputs. `gradient` with factor 1/M gives the gradient of the mean loss;
 * `sample` and `column` give the un-averaged pseudo-gradients of the Monte-Carlo and the type-2 Fisher.
 */
export function lossSeed(loss: Loss, mode: SeedMode, factor: number): Tensor {
  const inputs: [string, Tensor][] = [];
  if (loss.probabilities) inputs.push(['probabilities', loss.probabilities]);
  if (mode.kind === 'gradient') {
    if (loss.kind === 'mse') inputs.push(['outputs', loss.outputs], ['targets', loss.targets]);
    else inputs.push(['labels', loss.targets]);
  }
  if (mode.kind === 'column') inputs.push(['column', mode.column]);
  return loss.outputs.graph.add1(
    seedOperation,
    inputs.map(([, tensor]) => tensor),
    { shape: loss.outputs.shape, label: 'loss seed' },
    { loss: loss.kind, mode, factor, names: inputs.map(([name]) => name) },
  );
}
