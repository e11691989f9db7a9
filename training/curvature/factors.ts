/**
 * Which Kronecker factors a model has, and their memory: A and G of every block of every layer (`blocks.ts`), A shared by
 * layers that read the same rows. What they are computed from is said in `factor-phase.ts`.
 */
import type { LayerReport } from '../../contract/runs.ts';
import type { GpuContext } from '../../gpu-kernels/device.ts';
import { placeInNewBuffer, Region, wholeBuffer } from '../../gpu-kernels/region.ts';
import { sharingOf, type LayerUse, type LinearLayer } from '../models/layers.ts';
import { layerBlocks, layerGroups, type Columns, type LayerBlock } from './blocks.ts';
import type { ReduceConvention } from './factor-rows.ts';
import type { Flavour, FlavoursOf } from './flavour.ts';
import { paddedSide } from './padding.ts';

export { addFactors, startFactors, type FactorProgram, type FactorUpdate } from './factor-phase.ts';

/** One symmetric matrix: its moving average and the value of the newest batch, both [padded, padded]. */
export interface Factor {
  readonly name: string;
  readonly size: number;
  readonly padded: number;
  readonly average: Region;
  readonly fresh: Region;
}

/** A block of a layer with its two factors: what is inverted and preconditioned as one. */
export interface KfacLayer {
  readonly layer: LayerBlock;
  /** Of G; A of an attention key may have another. */
  readonly flavour: Flavour;
  /** Shared by layers with the same input, such as query, key and value. */
  readonly a: Factor;
  readonly g: Factor;
}

/** The factors of one side of a layer, each over some columns of the same rows. */
export interface LayerMoment {
  readonly layer: LinearLayer;
  readonly flavour: Flavour;
  readonly factors: readonly { factor: Factor; columns: Columns }[];
}

/** All factors of a model and the memory they live in. */
export interface FactorSet {
  readonly gpu: GpuContext;
  readonly layers: KfacLayer[];
  readonly factors: Factor[];
  readonly inputs: readonly LayerMoment[];
  readonly outputs: readonly LayerMoment[];
  readonly convention: ReduceConvention;
  readonly averages: Region;
  readonly fresh: Region;
}

export interface FactorOptions {
  /** Wider factors are cut into blocks along their diagonal. Default: none is. */
  maxSide?: number;
  convention?: ReduceConvention;
}

/** Decides which factors exist and reserves their memory. */
export function createFactors(
  gpu: GpuContext,
  layers: readonly LinearLayer[],
  flavoursOf: FlavoursOf,
  options: FactorOptions = {},
): FactorSet {
  const { maxSide = Infinity, convention = 'meanA_sumG' } = options;
  const factors: Factor[] = [];
  const factor = (name: string, { width, ones }: Columns): Factor => {
    const side = width + (ones ? 1 : 0);
    const padded = paddedSide(side);
    const bytes = padded * padded * 4;
    const [average, fresh] = [new Region(name, bytes), new Region(`fresh ${name}`, bytes)];
    const created = { name, size: side, padded, average, fresh };
    factors.push(created);
    return created;
  };
  const moment = (side: string, layer: LinearLayer, flavour: Flavour, columns: readonly Columns[]) => ({
    layer,
    flavour,
    factors: columns.map((part, i) => {
      const number = columns.length > 1 ? ` (${i + 1} of ${columns.length})` : '';
      return { factor: factor(`${side} of ${layer.name}${number}`, part), columns: part };
    }),
  });
  const byRows = new Map<string, LayerMoment>();
  const outputs: LayerMoment[] = [];
  const blocks = layers.flatMap((layer): KfacLayer[] => {
    const { a: inputFlavour, g: flavour } = flavoursOf(layer);
    const groups = layerGroups(layer, maxSide);
    const key = rowsKey(layer, inputFlavour);
    const inputs =
      byRows.get(key) ??
      moment(
        'A',
        layer,
        inputFlavour,
        groups.flatMap((group) => group.inputs),
      );
    byRows.set(key, inputs);
    const own = moment(
      'G',
      layer,
      flavour,
      groups.flatMap((group) => group.outputs),
    );
    outputs.push(own);
    const factorOf = (side: LayerMoment, part: Columns) =>
      side.factors.find(({ columns }) => columns.first === part.first)?.factor as Factor;
    return layerBlocks(layer, maxSide).map(({ layer: block, a, g }) => ({
      ...{ layer: block, flavour, a: factorOf(inputs, a), g: factorOf(own, g) },
    }));
  });
  const place = (label: string, regions: Region[]) =>
    wholeBuffer(label, placeInNewBuffer(gpu, label, regions));
  return {
    gpu,
    layers: blocks,
    factors,
    inputs: [...byRows.values()],
    outputs,
    convention,
    averages: place(
      'factors',
      factors.map((f) => f.average),
    ),
    fresh: place(
      'fresh factors',
      factors.map((f) => f.fresh),
    ),
  };
}

/** Equal for layers that read the same rows. */
function rowsKey(layer: LinearLayer, flavour: Flavour): string {
  // Not by the input: asking for it would add a convolution's patches to the program, here in the wrong phase.
  const uses = layer.uses.map(({ source, positions }: LayerUse) => {
    const mark =
      positions.kind === 'ragged' ? `in ${positions.offsets.id}` : `of ${positions.mask?.id ?? 'all'}`;
    switch (source.kind) {
      case 'rows':
        return `${source.rows.id} ${mark}`;
      case 'image':
        return `${source.image.id} ${JSON.stringify(source.window)}`;
      case 'ids':
        return `ids ${source.ids.id} ${mark}`;
    }
  });
  return `${uses.join()} ${flavour} ${layer.groups} ${layer.inputs} ${layer.bias !== null}`;
}

/** What the layer table shows: every layer once, however many blocks it has. */
export function layerReports({ outputs, layers }: FactorSet): LayerReport[] {
  return outputs.map(({ layer, flavour, factors }) => {
    const own = layers.filter(({ layer: { whole } }) => whole === layer);
    const a = new Set(own.map((block) => block.a));
    return {
      name: layer.name,
      sharing: sharingOf(layer),
      aSize: layer.inputs + (layer.bias ? 1 : 0),
      gSize: layer.outputs / layer.groups,
      flavour,
      groups: layer.groups,
      aBlocks: a.size / layer.groups,
      gBlocks: factors.length / layer.groups,
    };
  });
}
