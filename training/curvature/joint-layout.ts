/**
 * Where the joint matrices [W b] of all K-FAC layers lie while they are preconditioned: grouped by padded shape, so
 * that one batched matrix product serves every layer of a group, each matrix padded to whole vec4s and whole blocks.
 */
import type { GpuContext } from '../../gpu-kernels/device.ts';
import { placeInNewBuffer, Region, uploadTable } from '../../gpu-kernels/region.ts';
import { blockLength } from '../program/parameters.ts';
import type { KfacLayer } from './factors.ts';
import { paddedSide } from './padding.ts';

/** A weight as a matrix [outputs, inputs], and the bias that is its last column where there is one. */
export interface JointMatrix {
  readonly layer: {
    readonly outputs: number;
    readonly inputs: number;
    readonly weight: { readonly offset: number };
    readonly bias: { readonly offset: number } | null;
    /** Numbers from one output to the next, and from one input to the next. Default: `inputs` and 1. */
    readonly rowStride?: number;
    readonly columnStride?: number;
  };
}

export interface JointGroup<L extends JointMatrix = KfacLayer> {
  /** Padded rows (outputs) and columns (inputs and bias). */
  rows: number;
  columns: number;
  layers: L[];
  /** Numbers from one matrix to the next. */
  stride: number;
  /** Position of the group in a joint arena, in numbers. */
  offset: number;
}

export interface JointLayout<L extends JointMatrix = KfacLayer> {
  groups: JointGroup<L>[];
  /** Layers in the order they lie in a joint arena. */
  layers: L[];
  /** Numbers in a joint arena. */
  length: number;
  /** u32 [blocks]: the layer each block belongs to. */
  blocks: Region;
  /** 9 u32 per layer; see kfac-layer.wgsl. */
  table: Region;
}

const noBias = 0xffffffff;

export function layOutJoint<L extends JointMatrix>(gpu: GpuContext, layers: readonly L[]): JointLayout<L> {
  const groups: JointGroup<L>[] = [];
  for (const layer of layers) {
    const rows = paddedSide(layer.layer.outputs);
    const columns = paddedSide(layer.layer.inputs + (layer.layer.bias ? 1 : 0));
    let group = groups.find((g) => g.rows === rows && g.columns === columns);
    if (!group) {
      group = {
        rows,
        columns,
        layers: [],
        stride: Math.ceil((rows * columns) / blockLength) * blockLength,
        offset: 0,
      };
      groups.push(group);
    }
    group.layers.push(layer);
  }
  let length = 0;
  for (const group of groups) {
    group.offset = length;
    length += group.stride * group.layers.length;
  }
  const ordered = groups.flatMap((g) => g.layers);
  return {
    groups,
    layers: ordered,
    length,
    blocks: blockTable(gpu, groups, length),
    table: layerTable(gpu, groups),
  };
}

function blockTable(gpu: GpuContext, groups: readonly JointGroup<JointMatrix>[], length: number): Region {
  const blocks = new Uint32Array(length / blockLength);
  let layer = 0;
  for (const group of groups) {
    for (let slot = 0; slot < group.layers.length; slot++, layer++) {
      const first = (group.offset + slot * group.stride) / blockLength;
      blocks.fill(layer, first, first + group.stride / blockLength);
    }
  }
  return uploadTable(gpu, 'joint blocks', blocks);
}

function layerTable(gpu: GpuContext, groups: readonly JointGroup<JointMatrix>[]): Region {
  const rows = groups.flatMap((group) =>
    group.layers.map(({ layer }, slot) => [
      group.offset + slot * group.stride,
      group.columns,
      layer.outputs,
      layer.inputs,
      layer.weight.offset,
      layer.bias?.offset ?? noBias,
      group.stride / blockLength,
      layer.rowStride ?? layer.inputs,
      layer.columnStride ?? 1,
    ]),
  );
  return uploadTable(gpu, 'joint layers', Uint32Array.from(rows.flat()));
}

/** A joint arena: the whole, and one region per group. */
export function jointArena(
  gpu: GpuContext,
  layout: Pick<JointLayout<JointMatrix>, 'groups' | 'length'>,
  label: string,
): { whole: Region; groups: Region[] } {
  const groups = layout.groups.map(
    (g) => new Region(`${label} ${g.rows} x ${g.columns}`, g.stride * g.layers.length * 4),
  );
  const buffer = placeInNewBuffer(gpu, label, groups);
  const whole = new Region(label, layout.length * 4);
  whole.locate(buffer, 0);
  return { whole, groups };
}
