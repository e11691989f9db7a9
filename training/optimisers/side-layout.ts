/**
 * Two square matrices per layer, one for each side of its weight: `a` acts on the columns (inputs), `g` on the rows
 * (outputs). They lie in flat arenas, ordered by size, so that one batched product serves all of a size and one launch
 * all of them, and so that those of one side of a joint group are neighbours in the order of its layers.
 */
import type { JointLayout, JointMatrix } from '../curvature/joint-layout.ts';
import type { GpuContext } from '../../gpu-kernels/device.ts';
import { linearGrid } from '../../gpu-kernels/grid.ts';
import { createStorageBuffer, Region, uploadTable, writeRegion } from '../../gpu-kernels/region.ts';
import type { Binding, Dispatch } from '../../gpu-kernels/dispatch.ts';
import { expandTemplate } from '../../gpu-kernels/template.ts';
import { blockLength } from '../program/parameters.ts';
import sideSource from './side-matrix.wgsl';

export type Side = 'a' | 'g';

export interface SideMatrix<L> {
  readonly member: L;
  readonly side: Side;
  /** Rows and columns that count; and with the padding, which stays zero. */
  readonly size: number;
  readonly padded: number;
  /** Position in an arena, in numbers. */
  readonly offset: number;
}

/** Matrices of one padded size. */
export interface SideClass<L> {
  readonly padded: number;
  /** Numbers from one matrix to the next. */
  readonly stride: number;
  readonly offset: number;
  readonly matrices: SideMatrix<L>[];
}

export interface SideLayout<L> {
  readonly classes: SideClass<L>[];
  /** In the order they lie in an arena. */
  readonly matrices: SideMatrix<L>[];
  /** Numbers in an arena. */
  readonly length: number;
  /** The chunk of a joint group's side: its first number, the numbers from one matrix to the next, how many. */
  chunk(group: number, side: Side): { offset: number; stride: number; count: number };
  /** u32 [blocks]: the matrix each block belongs to. */
  readonly blocks: Region;
  /** 4 u32 per matrix; see side-matrix.wgsl. */
  readonly table: Region;
}

export function layOutSides<L extends JointMatrix>(gpu: GpuContext, joint: JointLayout<L>): SideLayout<L> {
  const sides = [...new Set(joint.groups.flatMap((g) => [g.rows, g.columns]))].sort((a, b) => a - b);
  const chunks = new Map<string, { offset: number; stride: number; count: number }>();
  let length = 0;
  const classes = sides.map((padded): SideClass<L> => {
    const stride = Math.ceil(padded ** 2 / blockLength) * blockLength;
    const offset = length;
    const matrices: SideMatrix<L>[] = [];
    joint.groups.forEach((group, index) => {
      for (const side of ['a', 'g'] as const) {
        if ((side === 'a' ? group.columns : group.rows) !== padded) continue;
        chunks.set(`${index} ${side}`, { offset: length, stride, count: group.layers.length });
        for (const member of group.layers) {
          const { inputs, outputs, bias } = member.layer;
          const size = side === 'g' ? outputs : inputs + (bias ? 1 : 0);
          matrices.push({ member, side, size, padded, offset: length });
          length += stride;
        }
      }
    });
    return { padded, stride, offset, matrices };
  });
  const matrices = classes.flatMap((c) => c.matrices);
  return {
    classes,
    matrices,
    length,
    chunk: (group, side) => chunks.get(`${group} ${side}`) ?? { offset: 0, stride: 0, count: 0 },
    blocks: uploadTable(gpu, 'side blocks', blockTable(classes, length)),
    table: uploadTable(gpu, 'side matrices', matrixTable(matrices)),
  };
}

function blockTable(classes: readonly SideClass<unknown>[], length: number): Uint32Array {
  const blocks = new Uint32Array(length / blockLength);
  let index = 0;
  for (const { matrices, stride } of classes) {
    for (const { offset } of matrices) {
      blocks.fill(index++, offset / blockLength, (offset + stride) / blockLength);
    }
  }
  return blocks;
}

function matrixTable(matrices: readonly SideMatrix<unknown>[]): Uint32Array {
  const partner = ({ member, side }: SideMatrix<unknown>) =>
    matrices.findIndex((other) => other.member === member && other.side !== side);
  return Uint32Array.from(matrices.flatMap((m) => [m.offset, m.size, m.padded, partner(m)]));
}

/** Memory for one square matrix per side of every layer. */
export interface SideArena {
  readonly whole: Region;
  /** By class of the layout. */
  readonly classes: readonly Region[];
  /** The matrices of one side of a joint group. */
  of(group: number, side: Side): Region;
}

export function sideArena<L>(gpu: GpuContext, layout: SideLayout<L>, label: string): SideArena {
  const buffer = createStorageBuffer(gpu, label, layout.length * 4);
  const part = (offset: number, length: number): Region => {
    const region = new Region(label, length * 4);
    region.locate(buffer, offset * 4);
    return region;
  };
  return {
    whole: part(0, layout.length),
    classes: layout.classes.map((c) => part(c.offset, c.stride * c.matrices.length)),
    of(group, side) {
      const { offset, stride, count } = layout.chunk(group, side);
      return part(offset, stride * count);
    },
  };
}

/** Makes every matrix the identity, with zero padding. */
export function writeIdentity<L>(gpu: GpuContext, layout: SideLayout<L>, arena: SideArena): void {
  const data = new Float32Array(layout.length);
  for (const { offset, size, padded } of layout.matrices) {
    for (let i = 0; i < size; i++) data[offset + i * (padded + 1)] = 1;
  }
  writeRegion(gpu, arena.whole, data);
}

interface SideKernel {
  label: string;
  /**
   * WGSL with `fn at_number(i: u32, index: u32, m: Matrix)`, called once per number of an arena, and with a struct
   * `Params` whose first member is `count: u32`.
   */
  code: string;
  bindings: Binding[];
  /** The other members of `Params`. */
  params?: number[];
  step?: { type: string; buffer: GPUBuffer };
  flops: number;
}

/** One thread per number of an arena. */
export function overSides<L>(layout: SideLayout<L>, kernel: SideKernel): Dispatch {
  const grid = linearGrid(layout.length, 64);
  const { params = [], ...rest } = kernel;
  return {
    ...rest,
    code: [expandTemplate(sideSource, { ROW: grid.row }), kernel.code].join('\n'),
    params: { type: 'Params', data: Uint32Array.of(layout.length, ...params) },
    bindings: [
      { name: 'blocks', type: 'array<u32>', region: layout.blocks, write: false },
      { name: 'matrices', type: 'array<Matrix>', region: layout.table, write: false },
      ...kernel.bindings,
    ],
    workgroups: grid.workgroups,
  };
}
