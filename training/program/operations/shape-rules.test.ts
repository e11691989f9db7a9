import { describe, expect, it } from 'vitest';
import { Region } from '../../../gpu-kernels/region.ts';
import { Graph, size, type Tensor } from '../graph.ts';
import { attention } from './attention.ts';
import { augmentedRows } from './augment.ts';
import { batchNorm } from './batch-norm.ts';
import { binaryCrossEntropy } from './binary-cross-entropy.ts';
import { convolution } from './convolution.ts';
import { add, broadcastTo } from './elementwise.ts';
import { gather } from './gather.ts';
import { groupNorm } from './group-norm.ts';
import { invertIndex } from './inverse-index.ts';
import { layerNorm } from './layer-norm.ts';
import { linear } from './linear.ts';
import { crossEntropy, lossSeed, meanSquaredError, onRaggedRows } from './loss.ts';
import { matmul } from './matmul.ts';
import { patchSums } from './patch-sums.ts';
import { permute } from './permute.ts';
import { globalAveragePool, maxPool } from './pooling.ts';
import { meanAxes, sumAxes } from './reduce.ts';
import { rowMaximum } from './row-maximum.ts';
import {
  entriesWithin,
  gatherRows,
  placesInSegments,
  scatterSum,
  segmentCounts,
  segmentMean,
  spreadOverSegments,
} from './segments.ts';
import { unfold } from './unfold.ts';
import { windows } from './windows.ts';

const graph = new Graph();

/** Tensors without memory: rules are checked before anything is computed. */
function numbers(label: string, ...shape: number[]): Tensor {
  return graph.leaf(label, shape, new Region(label, 4 * size(shape)));
}

function wholes(label: string, ...shape: number[]): Tensor {
  return graph.leaf(label, shape, new Region(label, 4 * size(shape)), 'u32');
}

const x = numbers('x', 2, 4, 8);
const image = numbers('image', 1, 4, 4, 2);
const running = { mean: numbers('mean', 8), variance: numbers('variance', 8) };
const window = { kernel: 3 };
const noAugmentation = { shift: 0, flip: 'none', cutout: 0, mixUp: 0 } as const;

describe('every operation refuses shapes that its kernels would read beyond, and names itself', () => {
  it.each<[message: string, build: () => unknown]>([
    [
      'attention: queries (x) of shape [8] should be [examples, positions, width]',
      () => attention(numbers('x', 8), x, x, 2),
    ],
    [
      'attention: keys (k) of shape [2, 3, 8] should be [2, 4, 8]',
      () => attention(x, numbers('k', 2, 3, 8), x, 2),
    ],
    [
      'attention: values (v) of shape [2, 3, 8] should be [2, 4, 8]',
      () => attention(x, x, numbers('v', 2, 3, 8), 2),
    ],
    ['attention: 0 heads do not divide a width of 8', () => attention(x, x, x, 0)],
    [
      'augment: images (rows) of shape [9, 16] should be [images, channels, height, width]',
      () =>
        augmentedRows(
          numbers('rows', 9, 16),
          wholes('row numbers', 2),
          noAugmentation,
          { moves: null, mixing: null },
          numbers('fill', 2),
        ),
    ],
    [
      'augment: fill of shape [1] should be [3]',
      () =>
        augmentedRows(
          numbers('images', 9, 3, 4, 4),
          wholes('row numbers', 2),
          { ...noAugmentation, shift: 1 },
          { moves: wholes('moves', 2, 5), mixing: null },
          numbers('fill', 1),
        ),
    ],
    [
      'augment: moves of shape [1, 5] should be [2, 5]',
      () =>
        augmentedRows(
          numbers('images', 9, 3, 4, 4),
          wholes('row numbers', 2),
          noAugmentation,
          { moves: wholes('moves', 1, 5), mixing: null },
          numbers('fill', 3),
        ),
    ],
    [
      'batch norm: running variance (short) of shape [7] should be [8]',
      () =>
        batchNorm(
          x,
          running.mean,
          running.mean,
          { ...running, variance: numbers('short', 7) },
          { training: true },
        ),
    ],
    [
      'binary cross-entropy: mask of shape [2] should be [2, 3]',
      () => binaryCrossEntropy(numbers('z', 2, 3), numbers('y', 2, 3), numbers('mask', 2)),
    ],
    [
      'broadcast: token of shape [1, 3] cannot fill [2, 4]',
      () => broadcastTo(numbers('token', 1, 3), [2, 4]),
    ],
    ['broadcast: x of shape [2, 4, 8] cannot fill [4, 8]', () => broadcastTo(x, [4, 8])],
    ['add: shapes [2, 4, 8] and [3] do not broadcast', () => add(x, numbers('b', 3))],
    [
      'convolution: image (x) of shape [2, 4, 8] should be [images, height, width, channels]',
      () => convolution(x, numbers('w', 4, 2, 3, 3), null),
    ],
    [
      'convolution: weight (w) of shape [4, 18] should be [outputs, channels of a group, height, width]',
      () => convolution(image, numbers('w', 4, 18), null),
    ],
    [
      'convolution: bias of shape [3] should be [4]',
      () => convolution(image, numbers('w', 4, 2, 3, 3), numbers('bias', 3)),
    ],
    [
      'cross-entropy: labels of shape [3] should be 2 numbers',
      () => crossEntropy(numbers('z', 2, 5), wholes('labels', 3)),
    ],
    [
      'cross-entropy: labels of type f32 should be u32',
      () => crossEntropy(numbers('z', 2, 5), numbers('labels', 2)),
    ],
    [
      'entries within: offsets of shape [1, 3] should be [segments + 1]',
      () => entriesWithin(wholes('i', 4), wholes('offsets', 1, 3)),
    ],
    ['gather: table of shape [] should have an axis', () => gather(numbers('table'), wholes('rows', 2))],
    ['gather: row numbers (rows) of shape [2, 1] should be [rows]', () => gather(x, wholes('rows', 2, 1))],
    ['gather: row numbers (rows) of type f32 should be u32', () => gather(x, numbers('rows', 2))],
    ['gather rows: index of type f32 should be u32', () => gatherRows(x, numbers('index', 2))],
    [
      'gather rows: offsets of shape [4] should be [3]',
      () => gatherRows(x, wholes('index', 5), { offsets: wholes('offsets', 4), order: wholes('order', 5) }),
    ],
    [
      'global average pooling: image (x) of shape [2, 4, 8] should be [images, height, width, channels]',
      () => globalAveragePool(x),
    ],
    [
      'group norm: shift of shape [2] should be [8]',
      () => groupNorm(x, running.mean, numbers('shift', 2), 2),
    ],
    ['inverse index: index of type f32 should be u32', () => invertIndex(numbers('index', 3), 4)],
    [
      'layer norm: gain of shape [4] should be [8]',
      () => layerNorm(x, numbers('gain', 4), numbers('shift', 8)),
    ],
    [
      'layer norm: shift of shape [1] should be [8]',
      () => layerNorm(x, numbers('gain', 8), numbers('shift', 1)),
    ],
    [
      'linear: input (ids) of type u32 should be f32',
      () => linear(wholes('ids', 2, 8), numbers('w', 3, 8), null),
    ],
    ['matmul: right operand (ids) of type u32 should be f32', () => matmul(x, wholes('ids', 8, 2))],
    ['attention: keys (ids) of type u32 should be f32', () => attention(x, wholes('ids', 2, 4, 8), x, 2)],
    [
      'convolution: bias (ids) of type u32 should be f32',
      () => convolution(image, numbers('w', 4, 2, 3, 3), wholes('ids', 4)),
    ],
    ['unfold: image (ids) of type u32 should be f32', () => unfold(wholes('ids', 1, 4, 4, 2), window)],
    ['patch sums: image (ids) of type u32 should be f32', () => patchSums(wholes('ids', 1, 4, 4, 2), window)],
    ['row maximum: input (ids) of type u32 should be f32', () => rowMaximum(wholes('ids', 3, 4))],
    [
      'mean squared error: targets (ids) of type u32 should be f32',
      () => meanSquaredError(numbers('f', 4), wholes('ids', 4)),
    ],
    [
      'binary cross-entropy: logits (ids) of type u32 should be f32',
      () => binaryCrossEntropy(wholes('ids', 2, 3), numbers('y', 2, 3)),
    ],
    [
      'cross-entropy: share of shape [2] should be 1 number',
      () =>
        crossEntropy(numbers('z', 2, 5), wholes('labels', 2), {
          mixed: { labels: wholes('others', 2), share: numbers('share', 2) },
        }),
    ],
    [
      'ragged loss: offsets of shape [2, 2] should be [examples + 1]',
      () =>
        onRaggedRows(crossEntropy(numbers('z', 2, 5), wholes('labels', 2)), {
          offsets: wholes('offsets', 2, 2),
          most: 1,
        }),
    ],
    ['linear: weight (w) of shape [3, 4] should be [outputs, 8]', () => linear(x, numbers('w', 3, 4), null)],
    ['linear: bias (b) of shape [2] should be [3]', () => linear(x, numbers('w', 3, 8), numbers('b', 2))],
    [
      'loss seed: labels of shape [5] should be 4 numbers',
      () =>
        lossSeed(
          crossEntropy(numbers('z', 2, 5), wholes('labels', 2)),
          { kind: 'labels', labels: wholes('labels', 5), round: wholes('round', 1) },
          1,
        ),
    ],
    [
      'loss seed: places of shape [1] should be [2]',
      () =>
        lossSeed(
          crossEntropy(numbers('z', 2, 5), wholes('labels', 2)),
          { kind: 'gradient', round: wholes('round', 1), terms: { most: 1, places: wholes('places', 1) } },
          1,
        ),
    ],
    [
      'max pooling: image (x) of shape [2, 4, 8] should be [images, height, width, channels]',
      () => maxPool(x, window),
    ],
    [
      'mean squared error: targets of shape [1, 3] should be [4, 3]',
      () => meanSquaredError(numbers('f', 4, 3), numbers('targets', 1, 3)),
    ],
    [
      'patch sums: image (x) of shape [2, 4, 8] should be [images, height, width, channels]',
      () => patchSums(x, window),
    ],
    ['permute of [2, 4, 8]: the order 0, 2 does not name each of its 3 axes once', () => permute(x, [0, 2])],
    [
      'permute of [2, 4, 8]: the order 0, 2, 2 does not name each of its 3 axes once',
      () => permute(x, [0, 2, 2]),
    ],
    ['places in segments: offsets (o) of type f32 should be u32', () => placesInSegments(numbers('o', 3), 4)],
    ['reshape: x of shape [2, 4, 8] cannot become [2, 5]', () => graph.reshape(x, [2, 5])],
    ['row maximum: input (z) of shape [] should have an axis', () => rowMaximum(numbers('z'))],
    [
      'scatter sum: order of shape [3] should be [2]',
      () =>
        scatterSum(x, wholes('index', 2), 4, { offsets: wholes('offsets', 5), order: wholes('order', 3) }),
    ],
    [
      'segment counts: offsets (o) of shape [2, 2] should be [segments + 1]',
      () => segmentCounts(wholes('o', 2, 2)),
    ],
    ['segment sum: offsets [1] are no segment; two are the first', () => segmentMean(x, wholes('o', 1))],
    [
      'spread over segments: offsets (o) of shape [4] should be [3]',
      () => spreadOverSegments(x, wholes('o', 4), 5),
    ],
    ['sum of [2, 4, 8]: 1 to 3 are no axes of it; it has 3, counted from 0', () => sumAxes(x, 1, 3)],
    ['sum of [2, 4, 8]: 2 to 1 are no axes of it; it has 3, counted from 0', () => meanAxes(x, 2, 1)],
    [
      'unfold: image (x) of shape [2, 4, 8] should be [images, height, width, channels]',
      () => unfold(x, window),
    ],
    [
      'windows: stream of type f32 should be u32',
      () => windows(numbers('stream', 9), wholes('starts', 2), 4, 0),
    ],
    [
      'windows of 9 tokens, 1 further on, do not fit into a stream of 9',
      () => windows(wholes('stream', 9), wholes('starts', 2), 9, 1),
    ],
  ])('%s', (message, build) => {
    expect(build).toThrow(expect.objectContaining({ message }) as Error);
  });
});
