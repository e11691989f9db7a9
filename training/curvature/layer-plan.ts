/**
 * What each layer of a model takes before anything is trained: sizes, operations of a step and of an update of its factors in
 * both flavours, bytes, and the flavour it gets and why. A multiply-add counts as two operations, and second moments are
 * counted as whole squares.
 */
import type { LinearLayer, LayerUse } from '../models/layers.ts';
import { sharingOf } from '../models/layers.ts';
import { lastAxis, size } from '../program/graph.ts';
import { layerGroups, type Columns } from './blocks.ts';
import { explainFlavours, type ExplainedFlavour, type Flavour, type FlavourSettings } from './flavour.ts';
import { paddedSide } from './padding.ts';

export interface LayerPlan {
  name: string;
  parameters: number;
  /** One example's output at the first place where the layer is used, `[16, 32]`; of rows of graphs the width alone. */
  output: number[];
  /** R: positions per example, of ragged rows on average. */
  sharing: number;
  aSize: number;
  gSize: number;
  groups: number;
  /** Into how many blocks each side is cut. */
  aBlocks: number;
  gBlocks: number;
  flavour: Flavour;
  /** Why it is that flavour, in a few words. */
  why: string;
  /** Of a step: forward, and both gradients. */
  stepFlops: number;
  /** Of one update of the factors, without the backward pass that makes the gradients. */
  expandFlops: number;
  reduceFlops: number;
  /** Of a batch's outputs, and of one copy of the factors. */
  outputBytes: number;
  factorBytes: number;
}

export interface PlanSettings extends FlavourSettings {
  /** Wider factors are cut into blocks. Default: none is. */
  maxFactorSide?: number;
}

/** Plans of layers that were traced over any number of examples, for batches of `batch`. */
export function planLayers(
  layers: readonly LinearLayer[],
  settings: PlanSettings,
  lossPools: boolean,
  batch: number,
): LayerPlan[] {
  const flavour = explainFlavours(layers, settings, lossPools);
  return layers.map((layer) => planLayer(layer, batch, flavour(layer), settings.maxFactorSide ?? Infinity));
}

function planLayer(
  layer: LinearLayer,
  batch: number,
  { flavour, why }: ExplainedFlavour,
  maxSide: number,
): LayerPlan {
  const { name, inputs, outputs, groups, uses } = layer;
  const rows = uses.reduce((sum, use) => sum + rowsOf(use, batch), 0);
  const cut = layerGroups(layer, maxSide);
  const [a, g] = [cut.flatMap((group) => group.inputs), cut.flatMap((group) => group.outputs)];
  // One-hot inputs are counted and never multiplied.
  const isTable = uses.some(({ source }) => source.kind === 'ids');
  const squares = (isTable ? 0 : sumOver(a, (side) => side ** 2)) + sumOver(g, (side) => side ** 2);
  const sums = isTable || rows <= batch ? 0 : rows * (inputs * groups + outputs);
  const [first] = uses;
  return {
    name,
    parameters: inputs * outputs + (layer.bias ? outputs : 0),
    output: first ? outputShape(first) : [outputs],
    sharing: sharingOf(layer),
    ...{ aSize: inputs + (layer.bias ? 1 : 0), gSize: outputs / groups, groups },
    ...{ aBlocks: a.length / groups, gBlocks: g.length / groups },
    ...{ flavour, why },
    stepFlops: isTable ? 0 : 6 * rows * inputs * outputs,
    expandFlops: 2 * rows * squares,
    reduceFlops: isTable ? 2 * rows * squares : 2 * Math.min(rows, batch) * squares + sums,
    outputBytes: 4 * rows * outputs,
    factorBytes: 4 * sumOver([...a, ...g], (side) => paddedSide(side) ** 2),
  };
}

function sumOver(columns: readonly Columns[], of: (side: number) => number): number {
  return columns.reduce((sum, { width, ones }) => sum + of(width + (ones ? 1 : 0)), 0);
}

function rowsOf({ output, positions }: LayerUse, batch: number): number {
  return (size(output.shape) / lastAxis(output) / positions.examples) * batch;
}

function outputShape({ output, positions }: LayerUse): number[] {
  return positions.kind === 'ragged' ? [lastAxis(output)] : output.shape.slice(1);
}

/**
 * What of a model does not fit an adapter, one sentence each; none where all of it does. Factors that layers share are
 * counted for each of them. `hasFactors`: the optimiser keeps them.
 */
export function limitWarnings(
  plans: readonly LayerPlan[],
  parameters: number,
  limits: Readonly<Record<string, number>>,
  hasFactors = true,
): string[] {
  const { maxStorageBufferBindingSize = Infinity, maxBufferSize = Infinity } = limits;
  const limit = Math.min(maxStorageBufferBindingSize, maxBufferSize);
  const mebibytes = (bytes: number): string => `${Math.ceil(bytes / 2 ** 20)} MiB`;
  const tooMuch = (what: string, bytes: number): string[] =>
    bytes <= limit
      ? []
      : [`${what} ${mebibytes(bytes)} in one piece; this adapter binds at most ${mebibytes(limit)}.`];
  const factors = hasFactors ? plans.reduce((sum, plan) => sum + plan.factorBytes, 0) : 0;
  return [
    ...tooMuch('The parameters take', 4 * parameters),
    ...tooMuch('The factors of K-FAC take', factors),
    ...plans.flatMap((plan) => tooMuch(`The output of ${plan.name} takes`, plan.outputBytes)),
  ];
}
