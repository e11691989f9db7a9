/**
 * Augmentation: the images of a batch taken from a resident table, shifted, flipped, blotted out and mixed on the way. What is
 * done to which image is drawn from seed, step and place in the batch, so that programs with the same step draw the same.
 *
 * - shift: padding and a random crop of the original size, as for CIFAR in He et al. 2016 (arXiv 1512.03385, section 4.2)
 * - cutout: DeVries and Taylor 2017 (arXiv 1708.04552); the square's centre is any pixel, so it may lie partly outside
 * - mix-up: Zhang et al. 2018 (arXiv 1710.09412); one share for a batch, each of whose images is mixed with another of it
 */
import type { AugmentationSpec } from '../../../contract/run-spec.ts';
import type { Binding } from '../../../gpu-kernels/dispatch.ts';
import { linearGrid } from '../../../gpu-kernels/grid.ts';
import philox from '../../../gpu-kernels/philox.wgsl';
import { expandTemplate } from '../../../gpu-kernels/template.ts';
import { size, type Graph, type Operation, type Tensor } from '../graph.ts';
import { stepScalarsSource, type StepUniform } from '../step-scalars.ts';
import { requireShape, requireType } from './shape-rules.ts';
import drawsSource from './augment-draws.wgsl';
import source from './augment.wgsl';

export interface AugmentationDraws {
  /**
   * u32 [N, 5]: row and column at which an image is cut out of the padded one, 1 where it is flipped, row and column of
   * the blot's centre. Null where images are not moved.
   */
  moves: Tensor | null;
  /** u32 [N]: whom an image is mixed with, and f32 [1]: its own share. Null without mix-up. */
  mixing: { partners: Tensor; share: Tensor } | null;
}

interface DrawsAttributes {
  count: number;
  height: number;
  width: number;
  shift: number;
  isMoved: boolean;
  quantiles: number;
  step: StepUniform;
}

const drawsOperation: Operation<DrawsAttributes> = {
  name: 'draws of augmentation',
  lower(node, lowering) {
    const { count, height, width, shift, isMoved, quantiles, step } = node.attributes;
    const names = [...(isMoved ? ['moves'] : []), ...(quantiles > 0 ? ['partners', 'share'] : [])];
    const bind = (name: string, tensor: Tensor, write: boolean): Binding => ({
      ...{ name, type: `array<${tensor.type}>`, region: lowering.region(tensor), write },
    });
    const values = { MOVED: isMoved, MIXED: quantiles > 0, QUANTILES: quantiles };
    return [
      {
        label: 'draws of augmentation',
        code: [stepScalarsSource, philox, expandTemplate(drawsSource, values)].join('\n'),
        bindings: [
          ...node.inputs.map((tensor) => bind('quantiles', tensor, false)),
          ...node.outputs.map((tensor, i) => bind(names[i] as string, tensor, true)),
        ],
        params: { type: 'Params', data: Uint32Array.of(count, height, width, 2 * shift + 1) },
        step,
        workgroups: [Math.ceil(count / 64), 1, 1],
        flops: 0,
      },
    ];
  },
};

/**
 * What the next step does to `count` images of `height` x `width` pixels. `quantiles`, f32 [Q]: shares of which each is
 * equally likely; needed for mix-up, and for it alone.
 */
export function drawAugmentation(
  graph: Graph,
  spec: AugmentationSpec,
  { count, height, width }: { count: number; height: number; width: number },
  step: StepUniform,
  quantiles: Tensor | null,
): AugmentationDraws {
  const isMoved = spec.shift > 0 || spec.cutout > 0 || spec.flip !== 'none';
  const outputs = [
    ...(isMoved ? [{ shape: [count, 5], type: 'u32' as const, label: 'moves' }] : []),
    ...(quantiles
      ? [
          { shape: [count], type: 'u32' as const, label: 'partners' },
          { shape: [1], label: 'share' },
        ]
      : []),
  ];
  const attributes = {
    ...{ count, height, width, shift: spec.shift, isMoved, step },
    quantiles: quantiles ? size(quantiles.shape) : 0,
  };
  const tensors = graph.add(drawsOperation, quantiles ? [quantiles] : [], { attributes, outputs });
  const [partners, share] = tensors.slice(isMoved ? 1 : 0);
  const moves = isMoved ? (tensors[0] as Tensor) : null;
  return { moves, mixing: partners && share ? { partners, share } : null };
}

interface Attributes {
  names: string[];
  shift: number;
  isFlipped: boolean;
  cutout: number;
}

const operation: Operation<Attributes> = {
  name: 'augment',
  fusedWrites: [0],
  lower(node, lowering) {
    const { names, shift, isFlipped, cutout } = node.attributes;
    const output = node.outputs[0] as Tensor;
    const [, channels = 1, height = 1, width = 1] = output.shape;
    const grid = linearGrid(size(output.shape), 64);
    const result = lowering.writer('result', output, 1);
    const values = {
      ...{ SHIFT: shift, FLIP: isFlipped, CUTOUT: cutout, MIXED: names.includes('partners') },
      ...{ CHANNELS: channels, HEIGHT: height, WIDTH: width, ROW: grid.row, COUNT: grid.count },
    };
    return [
      {
        label: 'augment',
        code: [result.code, expandTemplate(source, values)].join('\n'),
        bindings: [
          ...node.inputs.map((tensor, i) => ({
            ...{ name: names[i] as string, type: `array<${tensor.type}>` },
            ...{ region: lowering.region(tensor), write: false },
          })),
          ...result.bindings,
        ],
        workgroups: grid.workgroups,
        flops: 0,
      },
    ];
  },
};

/**
 * Of images [count, C, H, W] those with the u32 row numbers [N], changed as drawn: [N, C, H, W]. Shifting fills with
 * `fill`, f32 [C], a blot is 0.
 */
export function augmentedRows(
  table: Tensor,
  rows: Tensor,
  spec: AugmentationSpec,
  { moves, mixing }: AugmentationDraws,
  fill: Tensor,
): Tensor {
  const count = size(rows.shape);
  requireShape('augment', 'images', table, ['images', 'channels', 'height', 'width']);
  requireType('augment', 'row numbers', rows, 'u32');
  requireShape('augment', 'row numbers', rows, ['rows']);
  if (moves) requireShape('augment', 'moves', moves, [count, 5]);
  if (spec.shift > 0) requireShape('augment', 'fill', fill, [table.shape[1] ?? 1]);
  if (mixing) requireShape('augment', 'partners', mixing.partners, [count]);
  const inputs: [string, Tensor][] = [
    ['table', table],
    ['rows', rows],
  ];
  if (moves) inputs.push(['moves', moves]);
  if (spec.shift > 0) inputs.push(['fill', fill]);
  if (mixing) inputs.push(['partners', mixing.partners], ['share', mixing.share]);
  return table.graph.add1(
    operation,
    inputs.map(([, tensor]) => tensor),
    { shape: [...rows.shape, ...table.shape.slice(1)], label: 'augmented batch' },
    {
      names: inputs.map(([name]) => name),
      ...{ shift: spec.shift, isFlipped: spec.flip === 'horizontal', cutout: spec.cutout },
    },
  );
}
