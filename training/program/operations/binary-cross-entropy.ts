/** Binary cross-entropy for several labels per example, some of which may be missing, as in molecular property sets. */
import { expandTemplate } from '../../../gpu-kernels/template.ts';
import { lastAxis, size, type Lowering, type Node, type Operation, type Tensor } from '../graph.ts';
import source from './binary-cross-entropy.wgsl';
import countSource from './loss-count.wgsl';
import { launchRows } from './loss-rows.ts';
import { elementwise } from './elementwise.ts';
import type { Loss } from './loss.ts';
import { sumAxes } from './reduce.ts';
import { requireAxes, requireFloats, requireShape } from './shape-rules.ts';

const operation: Operation<null> = {
  name: 'binary cross-entropy',
  lower: (node, lowering) =>
    launch(node, lowering, source, {
      before: [['logits', 'array<f32>']],
      after: [
        ['counted', 'array<f32>'],
        ['terms', 'array<f32>'],
        ['probabilities', 'array<f32>'],
        ['hits', 'array<f32>'],
      ],
    }),
};

const countOperation: Operation<null> = {
  name: 'count targets',
  lower: (node, lowering) =>
    launch(node, lowering, countSource, { before: [], after: [['present', 'array<f32>']] }),
};

interface Names {
  before: [string, string][];
  after: [string, string][];
}

/** `before` and `after`: names of what the kernel binds around the targets and their mask. */
function launch(node: Node<null>, lowering: Lowering, template: string, { before, after }: Names) {
  const outputCount = node.outputs.length;
  const isMasked = node.inputs.length + outputCount > before.length + 1 + after.length;
  const maskType = node.inputs[before.length + 1]?.type ?? 'f32';
  const mask: [string, string][] = isMasked ? [['mask', `array<${maskType}>`]] : [];
  return launchRows(node, lowering, {
    code: expandTemplate(template, { BINARY: true, MASKED: isMasked, MASK_TYPE: maskType }),
    names: [...before, ['targets', 'array<u32>'], ...mask, ...after],
    params: [0],
  });
}

/**
 * Mean binary cross-entropy of logits [..., C] with targets in [0, 1] of the same shape, over the targets that count:
 * those that are not NaN and whose mask (f32 or u32, of the same shape) is not 0. As torch's BCEWithLogitsLoss with the
 * weight mask / count. Where nothing counts the loss is 0.
 */
export function binaryCrossEntropy(logits: Tensor, targets: Tensor, mask?: Tensor): Loss {
  requireFloats('binary cross-entropy', { logits });
  requireAxes('binary cross-entropy', 'logits', logits);
  requireShape('binary cross-entropy', 'targets', targets, logits.shape);
  if (mask) requireShape('binary cross-entropy', 'mask', mask, logits.shape);
  const { graph } = logits;
  const classes = lastAxis(logits);
  const termCount = size(logits.shape) / classes;
  const marks = mask ? [targets, mask] : [targets];
  const present = graph.add1(
    countOperation,
    marks,
    { shape: [termCount], label: 'targets that count' },
    null,
  );
  const counted = sumAxes(present, 0, 0);
  const hasAny = { name: 'has a target', expression: 'min(a, T(1.0))', gradients: [] };
  const [terms, probabilities, hits] = graph.add(operation, [logits, ...marks, counted], {
    attributes: null,
    outputs: [
      { shape: [termCount], label: 'loss terms' },
      { shape: [termCount, classes], label: 'probabilities' },
      { shape: [termCount], label: 'hits' },
    ],
  }) as [Tensor, Tensor, Tensor];
  return {
    kind: 'bce',
    reduction: 'mean',
    outputs: logits,
    targets,
    terms,
    probabilities,
    hits,
    termCount,
    rows: null,
    classes,
    counted,
    countedTerms: sumAxes(elementwise(hasAny, present), 0, 0),
    mask: mask ?? null,
    smoothing: 0,
    ignored: null,
    mixed: null,
  };
}
