/**
 * Two-dimensional convolution with stride, zero padding, dilation and groups. Images are channels last, because then
 * the channels of a pixel are neighbours in memory; the weight is laid out as in PyTorch.
 */
import { KronlabError } from '../../../contract/errors.ts';
import {
  convolutionForward,
  convolutionInputGradient,
  convolutionWeightGradient,
} from '../../../gpu-kernels/convolution/convolution.ts';
import {
  gradientPadding,
  imagePadding,
  needsPadding,
  padImage,
  type Padding,
} from '../../../gpu-kernels/convolution/padding.ts';
import { placeWindow, type ConvolutionShape, type Window } from '../../../gpu-kernels/convolution/window.ts';
import type { Operation, Tensor } from '../graph.ts';
import { requireFloats, requireShape, shapeText } from './shape-rules.ts';

/** Numbers hold for both directions, pairs are [height, width]; defaults as in PyTorch: 1, 0, 1 and 1. */
export interface ConvolutionOptions extends Omit<Window, 'kernel'> {
  /** Channels and outputs fall into so many groups that do not see each other. */
  groups?: number;
}

/** Inputs: image, weight, padded image (the image itself where it needs no padding), bias if any. */
const operation: Operation<ConvolutionShape> = {
  name: 'convolution',
  fusedWrites: [0],
  gradient(node, [g], needed) {
    const [x, weight, image, bias] = node.inputs as [Tensor, Tensor, Tensor, Tensor | undefined];
    const shape = node.attributes;
    if (!g) return [];
    const { graph } = g;
    const dx = (): Tensor => {
      const padded = padForConvolution(g, gradientPadding(shape));
      return graph.add1(inputGradient, [padded, weight], { shape: x.shape, label: 'input gradient' }, shape);
    };
    const ofWeight = (): Tensor[] =>
      graph.add(weightGradient, [g, image], {
        attributes: shape,
        outputs: [weight, ...(bias ? [bias] : [])].map((parameter) => ({
          shape: parameter.shape,
          label: `gradient of ${parameter.label}`,
        })),
      });
    const [dWeight, dBias] = needed[1] || needed[3] ? ofWeight() : [];
    // The input gradient leads past the padding: the padded image gets none of its own.
    return [needed[0] ? dx() : null, dWeight ?? null, null, dBias ?? null];
  },
  lower(node, lowering) {
    const [, weight, image, bias] = node.inputs as [Tensor, Tensor, Tensor, Tensor | undefined];
    return convolutionForward(lowering, {
      shape: node.attributes,
      image: lowering.region(image),
      weight: lowering.region(weight),
      ...(bias ? { bias: lowering.region(bias) } : {}),
      store: (unit) => lowering.writer('result', node.outputs[0] as Tensor, unit),
    });
  },
};

const inputGradient: Operation<ConvolutionShape> = {
  name: 'convolution input gradient',
  fusedWrites: [0],
  lower(node, lowering) {
    const [g, weight] = node.inputs as [Tensor, Tensor];
    return convolutionInputGradient(lowering, {
      shape: node.attributes,
      gradient: lowering.region(g),
      weight: lowering.region(weight),
      store: (unit) => lowering.writer('result', node.outputs[0] as Tensor, unit),
    });
  },
};

const weightGradient: Operation<ConvolutionShape> = {
  name: 'convolution weight gradient',
  lower(node, lowering) {
    const [g, image] = node.inputs as [Tensor, Tensor];
    const [weight, bias] = node.outputs as [Tensor, Tensor | undefined];
    return convolutionWeightGradient(lowering, {
      shape: node.attributes,
      image: lowering.region(image),
      gradient: lowering.region(g),
      weight: lowering.region(weight),
      ...(bias ? { bias: lowering.region(bias) } : {}),
    });
  },
};

const padOperation: Operation<Padding> = {
  name: 'pad image',
  fusedReads: [0],
  fusedWrites: [0],
  cheap: () => [],
  lower(node, lowering) {
    const unit = node.attributes.channels % 4 === 0 ? 4 : 1;
    const image = lowering.reader('image', node.inputs[0] as Tensor, unit);
    const padded = lowering.writer('padded', node.outputs[0] as Tensor, unit);
    return [
      padImage(node.attributes, {
        code: [image.code, padded.code].join('\n'),
        bindings: [...image.bindings, ...padded.bindings],
        unit,
      }),
    ];
  },
};

/** A tensor of its own, because a convolution, its weight gradient and K-FAC's factors share it. */
export function padForConvolution(x: Tensor, padding: Padding): Tensor {
  if (!needsPadding(padding)) return x;
  const { images, padded, channels } = padding;
  return x.graph.add1(padOperation, [x], { shape: [images, ...padded, channels], label: 'padded' }, padding);
}

/**
 * x [N, H, W, C] with weight [O, C / groups, KH, KW] and bias [O] to [N, OH, OW, O]. Throws `invalid` when the window
 * does not fit into the image or the groups do not divide the channels.
 */
export function convolution(
  x: Tensor,
  weight: Tensor,
  bias: Tensor | null,
  options: ConvolutionOptions = {},
): Tensor {
  const { groups = 1, ...walk } = options;
  requireFloats('convolution', { image: x, weight, bias });
  requireShape('convolution', 'image', x, ['images', 'height', 'width', 'channels']);
  const [images, height, width, channels] = x.shape as [number, number, number, number];
  requireShape('convolution', 'weight', weight, ['outputs', 'channels of a group', 'height', 'width']);
  const [outputs, groupChannels, kh, kw] = weight.shape as [number, number, number, number];
  if (!Number.isInteger(groups) || groups < 1 || channels % groups !== 0 || outputs % groups !== 0) {
    throw new KronlabError(
      'invalid',
      `a convolution of ${channels} channels to ${outputs} cannot have ${groups} groups; groups must divide both`,
    );
  }
  if (groupChannels !== channels / groups) {
    throw new KronlabError(
      'internal',
      `convolution: ${weight.label} is ${shapeText(weight.shape)}; an image ${shapeText(x.shape)} in ${groups} groups needs ` +
        `[outputs, ${channels / groups}, kernel height, kernel width]`,
    );
  }
  if (bias) requireShape('convolution', 'bias', bias, [outputs]);
  const window = placeWindow('convolution', [height, width], { kernel: [kh, kw], ...walk });
  const shape: ConvolutionShape = { images, channels, outputs, groups, window };
  return x.graph.add1(
    operation,
    [x, weight, padForConvolution(x, imagePadding(shape)), ...(bias ? [bias] : [])],
    { shape: [images, ...window.output, outputs], label: 'convolution' },
    shape,
  );
}
