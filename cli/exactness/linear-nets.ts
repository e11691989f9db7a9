/**
 * The nets of `kronlab exactness`: small deep linear nets whose weights are shared over positions, in both settings of the
 * paper (section 3.1), and what its propositions say about each flavour there:
 *
 *   expand setting   a loss term per position: expand is exact (proposition 1)
 *   reduce setting   positions are summed, or averaged, before the loss: reduce is exact (proposition 2)
 *
 * The rest are controls: pooling with unequal weights, the other flavour, the other convention for groups of unequal size, a
 * non-linear net. There neither proposition holds.
 */
import type { ModelBuilder } from '../../training/models/model-builder.ts';
import type { ReduceConvention } from '../../training/curvature/factor-rows.ts';
import type { Flavour } from '../../training/curvature/flavour.ts';
import type { Tensor } from '../../training/program/graph.ts';
import { multiply, scale, tanh } from '../../training/program/operations/elementwise.ts';
import { meanSquaredError, type Loss } from '../../training/program/operations/loss.ts';
import { matmul } from '../../training/program/operations/matmul.ts';
import { sumAxes } from '../../training/program/operations/reduce.ts';
import { segmentMean, segmentSum } from '../../training/program/operations/segments.ts';
import type { Noise } from './noise.ts';

export type Pooling = 'none' | 'mean' | 'sum' | 'non-uniform';

export interface LinearNet {
  /** What is special about the net; settings are told apart by the other fields. */
  net: string;
  pooling: Pooling;
  /** R_n of every example; all the same for dense nets. */
  positions: readonly number[];
  isRagged: boolean;
  /** Layers applied per position, and after the pooling. */
  shared: number;
  after: number;
  isTanh: boolean;
  /** Gaussian likelihood with a full covariance matrix; else with the identity's. */
  isFullCovariance: boolean;
  convention: ReduceConvention;
}

const [inputs, outputs] = [4, 3];
const widths = [6, 5];

/**
 * How much larger inputs are than weights and biases. Where biases outweigh what positions differ by, all positions say nearly the
 * same, and what is no more than an approximation comes close to being exact. With this one the controls of the seeds 0 to 24 are all
 * off by more than a tenth.
 */
const spread = 5;

/** Weights of positions that no proposition allows. */
const unequal = [0.7, 0.2, 0.1];

const dense: LinearNet = {
  net: 'deep linear',
  pooling: 'none',
  positions: [3, 3, 3, 3],
  isRagged: false,
  shared: 3,
  after: 0,
  isTanh: false,
  isFullCovariance: false,
  convention: 'meanA_sumG',
};
const ragged: LinearNet = { ...dense, net: 'ragged groups', positions: [3, 5, 2, 4], isRagged: true };

export const linearNets: readonly LinearNet[] = [
  dense,
  { ...dense, pooling: 'mean' },
  { ...dense, pooling: 'sum' },
  { ...dense, pooling: 'non-uniform' },
  { ...dense, net: 'full covariance', isFullCovariance: true },
  { ...dense, net: 'full covariance', isFullCovariance: true, pooling: 'mean' },
  { ...dense, net: 'pooled before the last layer', pooling: 'mean', shared: 2, after: 1 },
  ragged,
  { ...ragged, pooling: 'mean' },
  { ...ragged, pooling: 'sum' },
  { ...ragged, net: 'ragged groups, A from sums', pooling: 'mean', convention: 'sumA_meanG' },
  { ...ragged, net: 'ragged groups, A from sums', pooling: 'sum', convention: 'sumA_meanG' },
  { ...dense, net: 'tanh between layers', isTanh: true },
  { ...dense, net: 'tanh between layers', isTanh: true, pooling: 'mean' },
];

export const layerNames = ['layer1', 'layer2', 'layer3'] as const;

/** Whether the propositions, or what follows from their proofs, make a flavour's block of layer `at` (from 0) the exact one. */
export function isExact(net: LinearNet, flavour: Flavour, at: number): boolean {
  // One position left: both flavours are plain K-FAC, and a linear net's output gradients do not depend on the example.
  if (at >= net.shared) return true;
  // The last layer's gradients are those of the loss, whatever comes before it.
  if (net.isTanh && at < net.shared + net.after - 1) return false;
  switch (net.pooling) {
    case 'none':
      return flavour === 'expand';
    case 'mean':
      return flavour === 'reduce' && (!net.isRagged || net.convention === 'meanA_sumG');
    case 'sum':
      return flavour === 'reduce' && (!net.isRagged || net.convention === 'sumA_meanG');
    case 'non-uniform':
      return false;
  }
}

/** Makes a symbolic tensor of numbers that are on the GPU. */
export type Leaf = (label: string, values: Float32Array | Uint32Array, shape: readonly number[]) => Tensor;

export interface BuiltNet {
  loss: Loss;
  /** The rows of every example, where their numbers differ and the loss has a term per row. */
  lossRows?: { offsets: Tensor; most: number };
}

/** Declares a net over inputs and targets drawn from `noise`. */
export function buildLinearNet(net: LinearNet, builder: ModelBuilder, leaf: Leaf, noise: Noise): BuiltNet {
  const { positions, isRagged, pooling } = net;
  const examples = positions.length;
  const rows = positions.reduce((a, b) => a + b, 0);
  const perExample = rows / examples;
  const shape = isRagged ? [rows] : [examples, perExample];
  const offsets = isRagged ? leaf('offsets', offsetsOf(positions), [examples + 1]) : null;
  const values = noise(rows * inputs).map((x) => spread * x);
  let z = leaf('inputs', values, [...shape, inputs]);
  const layers = [...widths, outputs];
  layerNames.forEach((name, i) => {
    if (i === net.shared) z = pool(z, net, offsets, leaf);
    const isShared = i < net.shared;
    z = builder.linear(name, z, layers[i] ?? outputs, offsets && isShared ? { offsets } : {});
    if (net.isTanh && i < layerNames.length - 1) z = tanh(z);
  });
  if (net.after === 0) z = pool(z, net, offsets, leaf);
  if (net.isFullCovariance) z = whiten(z, leaf, noise);
  const count = z.shape.reduce((a, b) => a * b, 1);
  const loss = meanSquaredError(z, leaf('targets', noise(count), z.shape));
  if (pooling !== 'none' || !offsets) return { loss };
  return { loss, lossRows: { offsets, most: Math.max(...positions) } };
}

function pool(z: Tensor, { pooling, positions }: LinearNet, offsets: Tensor | null, leaf: Leaf): Tensor {
  switch (pooling) {
    case 'none':
      return z;
    case 'mean':
      return offsets ? segmentMean(z, offsets) : sumAxes(z, 1, 1, 1 / (positions[0] ?? 1));
    case 'sum':
      return offsets ? segmentSum(z, offsets) : sumAxes(z, 1, 1);
    case 'non-uniform':
      return sumAxes(multiply(z, leaf('weights', Float32Array.from(unequal), [1, unequal.length, 1])), 1, 1);
  }
}

/**
 * Squared error of L^T z is the negative log-likelihood of a Gaussian with precision L L^T, up to the factor 2/C of the mean
 * over outputs, which is taken out here.
 */
function whiten(z: Tensor, leaf: Leaf, noise: Noise): Tensor {
  const root = noise(outputs * outputs).map((x, i) => (i % (outputs + 1) === 0 ? 1 + x / 2 : x));
  return scale(matmul(z, leaf('root of the precision', root, [outputs, outputs])), Math.sqrt(outputs / 2));
}

function offsetsOf(positions: readonly number[]): Uint32Array {
  let at = 0;
  return Uint32Array.of(0, ...positions.map((count) => (at += count)));
}
