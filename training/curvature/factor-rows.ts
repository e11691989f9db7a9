/**
 * The rows whose second moments are a layer's factors, and by what they are divided. One place says what `expand` and
 * `reduce` mean for dense and ragged positions, for padding and for weights that are used more than once:
 *
 *   expand  every real position of every use is a row;                         A divides by their number
 *   reduce  one row per example, over all its positions in all uses together;  A divides by the examples that have any
 *
 * An example without positions (a graph without edges) has no row: its gradient is zero whatever A is, so counting it
 * would make G (x) A too small by the share of such examples. Rows carry their homogeneous coordinate along: the mean of
 * ones is 1, the sum R_n.
 */
import { KronlabError } from '../../contract/errors.ts';
import type { LayerUse, LinearLayer } from '../models/layers.ts';
import { lastAxis, size, type Tensor } from '../program/graph.ts';
import { add, elementwise, multiply, scale } from '../program/operations/elementwise.ts';
import { patchSums } from '../program/operations/patch-sums.ts';
import { sumAxes } from '../program/operations/reduce.ts';
import { segmentCounts, segmentSum } from '../program/operations/segments.ts';
import type { Flavour } from './flavour.ts';

/**
 * How R_n enters reduce where it differs between examples. Exact for linear nets whose positions are averaged per example:
 * A from means, G from sums. Exact where they are summed: A from sums, G from means.
 */
export type ReduceConvention = 'meanA_sumG' | 'sumA_meanG';

/** Rows of a tensor [..., width]. */
export interface MomentRows {
  x: Tensor;
  rows: number;
  /** u32: only the rows below its last number are real. */
  limit: Tensor | null;
  /** f32 [rows]: factor of every row and of its one. */
  weights: Tensor | null;
}

/** A second moment: alpha * scale * the sum of outer products of all rows. */
export interface Moment {
  parts: MomentRows[];
  alpha: number;
  /** f32 [1]; null: 1. */
  scale: Tensor | null;
}

/** What a layer reads, [..., groups * inputs]. */
export function inputMoment(layer: LinearLayer, flavour: Flavour, convention: ReduceConvention): Moment {
  const { uses } = layer;
  const positions = staticPositions(uses);
  const examples = examplesOf(layer);
  if (flavour === 'expand' || isAppliedOnce(layer)) {
    const parts = uses.map((use) => everyRow(use, inputOf(layer, use)));
    if (positions !== null) return { parts, alpha: 1 / (examples * positions), scale: null };
    return { parts, alpha: 1, scale: inverseCount(sumAxes(positionCounts(uses), 0, 0)) };
  }
  if (positions !== null) {
    const means = uses.map((use) => inputSums(layer, use, 1 / positions)).reduce(add);
    const alpha = (convention === 'sumA_meanG' ? positions ** 2 : 1) / examples;
    return { parts: [plain(means, examples)], alpha, scale: null };
  }
  const sums = uses.map((use) => inputSums(layer, use, 1)).reduce(add);
  const counts = positionCounts(uses);
  const means = multiply(sums, counts.graph.reshape(inverseCount(counts), [examples, 1]));
  const present = elementwise({ name: 'present', expression: 'min(a, T(1.0))', gradients: [] }, counts);
  const weights = convention === 'sumA_meanG' ? counts : present;
  const scale = inverseCount(sumAxes(present, 0, 0));
  return { parts: [{ ...plain(means, examples), weights }], alpha: 1, scale };
}

/** Gradients of a layer's outputs, one per use. The caller multiplies by 1/M. */
export function outputMoment(
  layer: LinearLayer,
  gradients: readonly (readonly [LayerUse, Tensor])[],
  flavour: Flavour,
  convention: ReduceConvention,
): Moment {
  if (flavour === 'expand' || isAppliedOnce(layer)) {
    return { parts: gradients.map(([use, g]) => everyRow(use, g)), alpha: 1, scale: null };
  }
  const examples = examplesOf(layer);
  const sums = gradients.map(([use, g]) => positionSums(use, g, 1)).reduce(add);
  const rows = plain(sums, examples);
  if (convention === 'meanA_sumG') return { parts: [rows], alpha: 1, scale: null };
  const positions = staticPositions(layer.uses);
  if (positions !== null) return { parts: [rows], alpha: 1 / positions ** 2, scale: null };
  const weights = inverseCount(positionCounts(layer.uses));
  return { parts: [{ ...rows, weights }], alpha: 1, scale: null };
}

/** One position per example: both flavours are the same. */
function isAppliedOnce({ uses }: LinearLayer): boolean {
  const [use, ...more] = uses;
  const positions = use?.positions;
  return more.length === 0 && positions?.kind === 'dense' && !positions.mask && positions.perExample === 1;
}

function inputOf(layer: LinearLayer, use: LayerUse): Tensor {
  if (use.input) return use.input;
  throw new KronlabError('internal', `${layer.name} reads one-hot vectors, which are counted, not summed`);
}

function examplesOf({ uses }: LinearLayer): number {
  return uses[0]?.positions.examples ?? 1;
}

function plain(x: Tensor, rows: number): MomentRows {
  return { x, rows, limit: null, weights: null };
}

function everyRow({ positions }: LayerUse, x: Tensor): MomentRows {
  const rows = plain(x, size(x.shape) / lastAxis(x));
  if (positions.kind === 'ragged') return { ...rows, limit: positions.offsets };
  return { ...rows, weights: positions.mask };
}

/** As `positionSums` of what a use reads; patches need not be written down for their sums. */
function inputSums(layer: LinearLayer, use: LayerUse, factor: number): Tensor {
  const { source } = use;
  if (source.kind === 'image') return patchSums(source.image.graph.late(source.image), source.window, factor);
  return positionSums(use, inputOf(layer, use), factor);
}

/** [N, width]: a use's real positions added up, times `factor`. */
function positionSums({ positions }: LayerUse, x: Tensor, factor: number): Tensor {
  if (positions.kind === 'ragged') {
    const sums = segmentSum(x, positions.offsets);
    return factor === 1 ? sums : scale(sums, factor);
  }
  const { examples, perExample, mask } = positions;
  const { graph } = x;
  const byPosition = graph.reshape(x, [examples, perExample, lastAxis(x)]);
  if (!mask) return sumAxes(byPosition, 1, 1, factor);
  return sumAxes(multiply(byPosition, graph.reshape(mask, [examples, perExample, 1])), 1, 1, factor);
}

/** Positions per example of all uses together, where every example has as many; else null. */
export function staticPositions(uses: readonly LayerUse[]): number | null {
  let sum = 0;
  for (const { positions } of uses) {
    if (positions.kind === 'ragged' || positions.mask) return null;
    sum += positions.perExample;
  }
  return sum;
}

/** [N]: how many real positions each example has in all uses together. */
export function positionCounts(uses: readonly LayerUse[]): Tensor {
  const fixed = uses.reduce((sum, use) => sum + (staticPositions([use]) ?? 0), 0);
  const counts = uses.flatMap(({ positions }): Tensor[] => {
    if (positions.kind === 'ragged') return [segmentCounts(positions.offsets)];
    const { examples, perExample, mask } = positions;
    return mask ? [sumAxes(mask.graph.reshape(mask, [examples, perExample]), 1, 1)] : [];
  });
  const counted = counts.reduce(add);
  if (fixed === 0) return counted;
  return elementwise({ name: 'add', expression: `a + T(${fixed}.0)`, gradients: [] }, counted);
}

/** 1 / a, and 1 where there is nothing to divide by. */
export function inverseCount(a: Tensor): Tensor {
  return elementwise({ name: 'inverse count', expression: 'T(1.0) / max(a, T(1.0))', gradients: [] }, a);
}
