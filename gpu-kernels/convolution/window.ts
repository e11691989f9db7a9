/**
 * How a window walks over an image: shared by convolutions, pooling and the patches of K-FAC, so that all of them agree
 * on the size of the result and on what is refused.
 */
import { KronlabError } from '../../contract/errors.ts';

/** Height first, as in PyTorch. */
export type Pair = readonly [number, number];

/** What users write: single numbers hold for both directions. */
export interface Window {
  kernel: number | Pair;
  /** Default 1. */
  stride?: number | Pair;
  /** Rows and columns of zeros put around the image, on each side. Default 0. */
  padding?: number | Pair;
  /** Distance between the pixels that a window looks at. Default 1. */
  dilation?: number | Pair;
}

/** A window over an image of known size. */
export interface PlacedWindow {
  image: Pair;
  output: Pair;
  kernel: Pair;
  stride: Pair;
  padding: Pair;
  dilation: Pair;
}

/** Places a window over an image [height, width]. Throws `invalid` when the numbers make no sense or nothing fits. */
export function placeWindow(what: string, image: Pair, window: Window): PlacedWindow {
  const kernel = pairOf(what, 'kernel', window.kernel, 1);
  const stride = pairOf(what, 'stride', window.stride ?? 1, 1);
  const padding = pairOf(what, 'padding', window.padding ?? 0, 0);
  const dilation = pairOf(what, 'dilation', window.dilation ?? 1, 1);
  const extent = (axis: 0 | 1): number => {
    const reach = dilation[axis] * (kernel[axis] - 1) + 1;
    return Math.floor((image[axis] + 2 * padding[axis] - reach) / stride[axis]) + 1;
  };
  const output: Pair = [extent(0), extent(1)];
  if (output[0] < 1 || output[1] < 1) {
    const padded = padding[0] || padding[1] ? ` padded by ${padding.join(' x ')}` : '';
    const dilated = dilation[0] > 1 || dilation[1] > 1 ? ` dilated by ${dilation.join(' x ')}` : '';
    throw new KronlabError(
      'invalid',
      `a ${kernel.join(' x ')} ${what}${dilated} does not fit into an image of ${image.join(' x ')}${padded}`,
    );
  }
  return { image, output, kernel, stride, padding, dilation };
}

function pairOf(what: string, name: string, value: number | Pair, least: number): Pair {
  const pair: Pair = typeof value === 'number' ? [value, value] : value;
  if (pair.every((n) => Number.isInteger(n) && n >= least)) return pair;
  throw new KronlabError(
    'invalid',
    `${what}: ${name} is ${pair.join(' x ')}; it must be whole numbers from ${least} on`,
  );
}

/** Sizes of a convolution. Channels and outputs are those of all groups together. */
export interface ConvolutionShape {
  images: number;
  channels: number;
  outputs: number;
  groups: number;
  window: PlacedWindow;
}

/** Multiplications and additions of a convolution, and of each of its gradients. */
export function convolutionFlops({ images, channels, outputs, groups, window }: ConvolutionShape): number {
  const pixels = images * window.output[0] * window.output[1];
  return 2 * pixels * outputs * (channels / groups) * window.kernel[0] * window.kernel[1];
}
