/**
 * How a layer falls into blocks that are preconditioned on their own. The groups of a convolution do not see each other,
 * so each has its own pair of factors. A factor that would be wider than allowed is cut along its diagonal: what couples
 * one part of the inputs (or outputs) with another is left out, the parts themselves are kept whole.
 */
import { sharingOf, type LinearLayer } from '../models/layers.ts';

/** A part [outputs, inputs] of a layer's weight, with the bias where it holds the homogeneous coordinate. */
export interface LayerBlock {
  readonly name: string;
  readonly whole: LinearLayer;
  readonly sharing: number;
  readonly outputs: number;
  readonly inputs: number;
  /** Where the part starts in the parameter arenas, known once parameters are allocated. */
  readonly weight: { readonly offset: number };
  readonly bias: { readonly offset: number } | null;
  /** Numbers from one output to the next, and from one input to the next. */
  readonly rowStride: number;
  readonly columnStride: number;
}

/** Columns of what a layer reads, or of its output, that one factor is made of. */
export interface Columns {
  readonly first: number;
  readonly width: number;
  /** With the homogeneous coordinate of the bias. */
  readonly ones: boolean;
}

/**
 * Near-equal parts of `width` columns (and the homogeneous coordinate, which the last one holds) that are at most `limit`
 * wide each. They start at multiples of 4 where that leaves no part empty, because rows are read as vec4s.
 */
export function columnParts(first: number, width: number, ones: boolean, limit: number): Columns[] {
  const most = Math.max(4, Math.floor(limit / 4) * 4);
  const side = width + (ones ? 1 : 0);
  if (side <= limit) return [{ first, width, ones }];
  const count = Math.ceil(side / most);
  const quads = Math.ceil(width / count / 4) * 4;
  const isWhole = quads * (count - 1) < width;
  const start = (i: number) => Math.min(width, isWhole ? i * quads : Math.ceil((i * width) / count));
  return Array.from({ length: count }, (_, i) => ({
    first: first + start(i),
    width: start(i + 1) - start(i),
    ones: ones && i === count - 1,
  }));
}

/** The factors of one group of a layer: those of A by columns of what it reads, those of G by columns of its output. */
export interface LayerGroup {
  inputs: Columns[];
  outputs: Columns[];
}

export function layerGroups(layer: LinearLayer, limit: number): LayerGroup[] {
  const outputs = layer.outputs / layer.groups;
  return Array.from({ length: layer.groups }, (_, k) => ({
    inputs: columnParts(k * layer.inputs, layer.inputs, layer.bias !== null, limit),
    outputs: columnParts(k * outputs, outputs, false, limit),
  }));
}

/** The part of the weight that a factor of each side preconditions. */
export function layerBlock(layer: LinearLayer, group: number, a: Columns, g: Columns): LayerBlock {
  const { weight, bias, name } = layer;
  const rowStride = layer.isTransposed ? 1 : layer.inputs;
  const columnStride = layer.isTransposed ? layer.outputs : 1;
  const column = a.first - group * layer.inputs;
  const isWhole = a.width === layer.inputs && g.width === layer.outputs;
  return {
    name: isWhole ? name : `${name} [${spanOf(g)}, ${spanOf({ ...a, first: column })}]`,
    whole: layer,
    sharing: sharingOf(layer),
    outputs: g.width,
    inputs: a.width,
    weight: {
      get offset() {
        return weight.offset + g.first * rowStride + column * columnStride;
      },
    },
    bias:
      bias && a.ones
        ? {
            get offset() {
              return bias.offset + g.first;
            },
          }
        : null,
    rowStride,
    columnStride,
  };
}

/** All parts of a layer, group by group, with the columns that the factors of each are made of. */
export function layerBlocks(
  layer: LinearLayer,
  limit: number,
): { layer: LayerBlock; a: Columns; g: Columns }[] {
  return layerGroups(layer, limit).flatMap((group, k) =>
    group.outputs.flatMap((g) => group.inputs.map((a) => ({ layer: layerBlock(layer, k, a, g), a, g }))),
  );
}

function spanOf({ first, width }: { first: number; width: number }): string {
  return `${first}-${first + width - 1}`;
}
