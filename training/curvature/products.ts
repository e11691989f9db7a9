/** The matrix products that precondition all layers of a joint layout, group by group. */
import type { GpuContext } from '../../gpu-kernels/device.ts';
import type { Dispatch } from '../../gpu-kernels/dispatch.ts';
import { linearGrid } from '../../gpu-kernels/grid.ts';
import { matmul } from '../../gpu-kernels/matmul/matmul.ts';
import type { Region } from '../../gpu-kernels/region.ts';
import { expandTemplate } from '../../gpu-kernels/template.ts';
import divideSource from './eigen-divide.wgsl';
import type { Eigenbases } from './eigenbases.ts';
import type { GroupInverses } from './inverses.ts';
import type { JointGroup, JointLayout, JointMatrix } from './joint-layout.ts';

/** A matrix per layer, in arenas of the joint layout. */
export interface JointArena {
  whole: Region;
  groups: Region[];
}

/** Arenas that a chain of products goes through: from `packed` over `half` to `result`, `packed` is kept. */
export interface ProductArenas {
  packed: JointArena;
  half: JointArena;
  result: JointArena;
}

interface Side {
  label: string;
  from: JointArena;
  to: JointArena;
  isTransposed?: boolean;
}

/** result = G^-1 packed A^-1 */
export function inverseProducts(
  gpu: GpuContext,
  layout: JointLayout<JointMatrix>,
  inverses: readonly GroupInverses[],
  { packed, half, result }: ProductArenas,
): Dispatch[] {
  return [
    ...fromLeft(gpu, layout, inverses, { label: 'G^-1 M', from: packed, to: half }),
    ...fromRight(gpu, layout, inverses, { label: '(G^-1 M) A^-1', from: half, to: result }),
  ];
}

/** to = Ug^T from Ua: into the eigenbases, whose vectors are rows. */
export function intoBases(
  gpu: GpuContext,
  layout: JointLayout<JointMatrix>,
  bases: readonly GroupInverses[],
  { packed, half, result }: ProductArenas,
): Dispatch[] {
  return [
    ...fromLeft(gpu, layout, bases, { label: 'Ug^T M', from: packed, to: half }),
    ...fromRight(gpu, layout, bases, { label: '(Ug^T M) Ua', from: half, to: result, isTransposed: true }),
  ];
}

/** result = Ug [ (Ug^T packed Ua) / (scales + lambda) ] Ua^T */
export function eigenProducts(
  gpu: GpuContext,
  layout: JointLayout,
  bases: Eigenbases,
  arenas: ProductArenas,
): Dispatch[] {
  const { half, result } = arenas;
  const grid = linearGrid(layout.length, 64);
  return [
    ...intoBases(gpu, layout, bases.groups, arenas),
    {
      label: 'divide by curvature',
      code: expandTemplate(divideSource, { ROW: grid.row }),
      bindings: [
        { name: 'blocks', type: 'array<u32>', region: layout.blocks, write: false },
        { name: 'scales', type: 'array<f32>', region: bases.scales.whole, write: false },
        { name: 'amounts', type: 'array<vec4f>', region: bases.amounts.region, write: false },
        { name: 'turned', type: 'array<f32>', region: result.whole, write: true },
      ],
      params: { type: 'Params', data: Uint32Array.of(grid.count) },
      workgroups: grid.workgroups,
      flops: 2 * layout.length,
    },
    ...fromRight(gpu, layout, bases.groups, { label: 'T Ua^T', from: result, to: half }),
    ...fromLeft(gpu, layout, bases.groups, {
      label: 'Ug (T Ua^T)',
      from: half,
      to: result,
      isTransposed: true,
    }),
  ];
}

/** Every matrix of an arena times its layer's matrix of the outputs' side, from the left. */
export function fromLeft(
  gpu: GpuContext,
  layout: JointLayout<JointMatrix>,
  matrices: readonly GroupInverses[],
  { label, from, to, isTransposed = false }: Side,
): Dispatch[] {
  return layout.groups.map((group, i) =>
    matmul(gpu, {
      ...sizes(group, group.rows),
      label,
      a: matrices[i]?.g as Region,
      b: from.groups[i] as Region,
      c: to.groups[i] as Region,
      strideB: group.stride,
      transposeA: isTransposed,
    }),
  );
}

/** Every matrix of an arena times its layer's matrix of the inputs' side, from the right. */
export function fromRight(
  gpu: GpuContext,
  layout: JointLayout<JointMatrix>,
  matrices: readonly GroupInverses[],
  { label, from, to, isTransposed = false }: Side,
): Dispatch[] {
  return layout.groups.map((group, i) =>
    matmul(gpu, {
      ...sizes(group, group.columns),
      label,
      a: from.groups[i] as Region,
      b: matrices[i]?.a as Region,
      c: to.groups[i] as Region,
      strideA: group.stride,
      transposeB: isTransposed,
    }),
  );
}

function sizes(group: JointGroup<JointMatrix>, k: number) {
  return { m: group.rows, n: group.columns, k, batch: group.layers.length, strideC: group.stride };
}
