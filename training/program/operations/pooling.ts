/**
 * Pooling of images, channels last: the largest or the average value of every window, or of the whole image. Gradients
 * are gathered, never scattered, so that they need no atomics and have a fixed order of summation.
 */
import { KronlabError } from '../../../contract/errors.ts';
import {
  placeWindow,
  type Pair,
  type PlacedWindow,
  type Window,
} from '../../../gpu-kernels/convolution/window.ts';
import { lineGrid } from '../../../gpu-kernels/convolution/line-grid.ts';
import type { Binding, Dispatch } from '../../../gpu-kernels/dispatch.ts';
import { expandTemplate } from '../../../gpu-kernels/template.ts';
import { size, type Lowering, type Node, type Operation, type Tensor, type Unit } from '../graph.ts';
import cellsSource from './pooling-cells.wgsl';
import gatherSource from './pooling-gather.wgsl';
import { inputOfRelu, relu } from './elementwise.ts';
import { meanAxes } from './reduce.ts';
import source from './pooling.wgsl';
import { requireShape } from './shape-rules.ts';

/** Numbers hold for both directions. The stride is the kernel's size unless given, as in PyTorch. */
export type PoolingOptions = Omit<Window, 'dilation'>;

interface Attributes {
  isMax: boolean;
  images: number;
  channels: number;
  window: PlacedWindow;
}

const forward: Omit<Operation<Attributes>, 'name'> = {
  fusedWrites: [0],
  gradient(node, [g]) {
    const [x] = node.inputs as [Tensor];
    const { attributes } = node;
    if (!g) return [null];
    const operation = isDisjoint(attributes.window) ? disjointGradient : overlappingGradient;
    const inputs = attributes.isMax ? [g, x] : [g];
    return [g.graph.add1(operation, inputs, { shape: x.shape, label: 'pooling gradient' }, attributes)];
  },
  lower(node, lowering) {
    const unit = unitOf(node);
    const x = lowering.reader('x', node.inputs[0] as Tensor, unit);
    const result = lowering.writer('result', node.outputs[0] as Tensor, unit);
    return [
      launch(node, {
        source: [x.code, result.code, source].join('\n'),
        bindings: [...x.bindings, ...result.bindings],
        size: node.attributes.window.output,
      }),
    ];
  },
};

/** Windows that do not overlap read every number at most once. */
const disjoint: Operation<Attributes> = { name: 'pooling', fusedReads: [0], ...forward };
const overlapping: Operation<Attributes> = { name: 'overlapping pooling', ...forward };

const disjointGradient: Operation<Attributes> = {
  name: 'pooling gradient',
  fusedReads: [0, 1],
  fusedWrites: [0],
  lower(node, lowering) {
    const unit = unitOf(node);
    const [g, x] = node.inputs as [Tensor, Tensor | undefined];
    const { window } = node.attributes;
    const cellsAlong = (axis: 0 | 1): number =>
      Math.ceil((window.image[axis] + window.padding[axis]) / window.stride[axis]);
    const cells: Pair = [cellsAlong(0), cellsAlong(1)];
    const access = [
      lowering.reader('g', g, unit),
      ...(x ? [lowering.reader('x', x, unit)] : []),
      lowering.writer('result', node.outputs[0] as Tensor, unit),
    ];
    return [
      launch(node, {
        source: [...access.map(({ code }) => code), cellsSource].join('\n'),
        bindings: access.flatMap(({ bindings }) => bindings),
        size: cells,
        isGradient: true,
        params: cells,
      }),
    ];
  },
};

const overlappingGradient: Operation<Attributes> = {
  name: 'overlapping pooling gradient',
  fusedWrites: [0],
  lower(node, lowering) {
    const unit = unitOf(node);
    const [g, x] = node.inputs as [Tensor, Tensor | undefined];
    const output = node.outputs[0] as Tensor;
    const result = lowering.writer('result', output, unit);
    const found = x ? argument(node, lowering, x, g) : null;
    return [
      ...(found ? [found.launch] : []),
      launch(node, {
        source: [result.code, gatherSource].join('\n'),
        bindings: [
          { name: 'g', type: `array<${floats(unit)}>`, region: lowering.region(g), write: false },
          ...(found ? [{ ...found.binding, write: false }] : []),
          ...result.bindings,
        ],
        size: node.attributes.window.image,
      }),
    ];
  },
};

/** Where every window has its maximum: with overlapping windows, finding it anew for each pixel would cost more. */
function argument(
  node: Node<Attributes>,
  lowering: Lowering,
  x: Tensor,
  g: Tensor,
): { launch: Dispatch; binding: Binding } {
  const unit = unitOf(node);
  const reader = lowering.reader('x', x, unit);
  const region = lowering.scratch('places of maxima', size(g.shape));
  const binding = { name: 'argument', type: `array<${indices(unit)}>`, region, write: true };
  return {
    binding,
    launch: launch(node, {
      source: [reader.code, source].join('\n'),
      bindings: [...reader.bindings, binding],
      size: node.attributes.window.output,
      isArgument: true,
    }),
  };
}

interface Launch {
  source: string;
  bindings: Binding[];
  /** Pixels that have a thread per value, down and across. */
  size: Pair;
  /** Parameters after those that all kernels have. */
  params?: readonly number[];
  isArgument?: boolean;
  isGradient?: boolean;
}

function launch(node: Node<Attributes>, what: Launch): Dispatch {
  const { isMax, images, channels, window } = node.attributes;
  const unit = unitOf(node);
  const values = channels / unit;
  const lines = images * what.size[0];
  const grid = lineGrid(what.size[1] * values, lines);
  const [kh, kw] = window.kernel;
  return {
    label: `${isMax ? 'max' : 'average'} ${node.operation.name}`,
    code: expandTemplate(what.source, {
      ...grid.template,
      TYPE: floats(unit),
      INDICES: indices(unit),
      BOOLS: unit === 4 ? 'vec4<bool>' : 'bool',
      LARGEST: isMax,
      ARGUMENT: what.isArgument ?? false,
      UNROLLED: kh * kw <= mostUnrolled && (what.isGradient ? isExact(window) : !isPadded(window)),
      KH: kh,
      KW: kw,
    }),
    bindings: what.bindings,
    params: {
      type: 'Params',
      data: Uint32Array.of(
        ...window.image,
        values,
        ...window.output,
        ...window.kernel,
        ...window.stride,
        ...window.padding,
        lines,
        ...(what.params ?? []),
      ),
    },
    workgroups: grid.workgroups,
    flops: lines * what.size[1] * channels * kh * kw,
  };
}

/** Beyond this many pixels per window a loop is as fast and compiles sooner. */
const mostUnrolled = 9;

const isPadded = ({ padding }: PlacedWindow): boolean => padding[0] > 0 || padding[1] > 0;

/** Windows side by side that leave no pixel out. */
const isExact = (window: PlacedWindow): boolean =>
  !isPadded(window) &&
  ([0, 1] as const).every(
    (axis) =>
      window.kernel[axis] === window.stride[axis] &&
      window.output[axis] * window.stride[axis] === window.image[axis],
  );

const unitOf = ({ attributes }: Node<Attributes>): Unit => (attributes.channels % 4 === 0 ? 4 : 1);
const floats = (unit: Unit): string => (unit === 4 ? 'vec4f' : 'f32');
const indices = (unit: Unit): string => (unit === 4 ? 'vec4u' : 'u32');

const isDisjoint = ({ kernel, stride }: PlacedWindow): boolean =>
  stride[0] >= kernel[0] && stride[1] >= kernel[1];

const imageAxes = ['images', 'height', 'width', 'channels'];

function pool(isMax: boolean, x: Tensor, options: PoolingOptions): Tensor {
  const what = isMax ? 'max pooling' : 'average pooling';
  requireShape(what, 'image', x, imageAxes);
  const [images, height, width, channels] = x.shape as [number, number, number, number];
  const window = placeWindow(what, [height, width], { stride: options.kernel, ...options });
  if (window.padding.some((padding, axis) => 2 * padding > (window.kernel[axis] ?? 0))) {
    throw new KronlabError(
      'invalid',
      `${what}: padding ${window.padding.join(' x ')} is more than half of the kernel, ${window.kernel.join(' x ')}`,
    );
  }
  return x.graph.add1(
    isDisjoint(window) ? disjoint : overlapping,
    [x],
    { shape: [images, ...window.output, channels], label: what },
    { isMax, images, channels, window },
  );
}

/**
 * The largest value of every window of x [N, H, W, C]. Padding counts as -inf. The gradient goes to the maximum, of equal
 * ones to the first, row by row. Windows that do not fit wholly are left out. Throws `invalid` like `placeWindow`, and
 * when the padding is more than half of the kernel.
 */
export function maxPool(x: Tensor, options: PoolingOptions): Tensor {
  // max(relu(x)) = relu(max(x)): the same numbers and gradients, and ReLU has a fraction of them to look at.
  const before = inputOfRelu(x);
  return before ? relu(maxPool(before, options)) : pool(true, x, options);
}

/**
 * The average over every window of x [N, H, W, C]. Padding counts as zeros and in the number that the sum is divided by,
 * as with PyTorch's default, `count_include_pad`. Otherwise as `maxPool`.
 */
export function averagePool(x: Tensor, options: PoolingOptions): Tensor {
  return pool(false, x, options);
}

/** The average over all pixels: x [N, H, W, C] to [N, C]. */
export function globalAveragePool(x: Tensor): Tensor {
  requireShape('global average pooling', 'image', x, imageAxes);
  return meanAxes(x, 1, 2);
}
