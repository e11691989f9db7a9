/** Copies what belongs to layers out of a parameter arena into the joint layout. */
import type { Binding, Dispatch } from '../../gpu-kernels/dispatch.ts';
import { linearGrid } from '../../gpu-kernels/grid.ts';
import type { Region } from '../../gpu-kernels/region.ts';
import { expandTemplate } from '../../gpu-kernels/template.ts';
import type { JointLayout, JointMatrix } from './joint-layout.ts';
import packSource from './joint-pack.wgsl';
import layerSource from './kfac-layer.wgsl';

/** What every kernel over a joint arena reads with kfac-layer.wgsl. */
export function jointTables(layout: JointLayout<JointMatrix>): Binding[] {
  return [
    { name: 'blocks', type: 'array<u32>', region: layout.blocks, write: false },
    { name: 'layers', type: 'array<Layer>', region: layout.table, write: false },
  ];
}

/** Joint matrices of a parameter arena (momentum, gradients), times `clipScale` where there is one, padding zero. */
export function packJoint(
  layout: JointLayout<JointMatrix>,
  source: Region,
  target: Region,
  clipScale: Region | null = null,
): Dispatch {
  const grid = linearGrid(layout.length, 64);
  return {
    label: 'pack joint matrices',
    code: [layerSource, expandTemplate(packSource, { ROW: grid.row, CLIPPED: clipScale !== null })].join(
      '\n',
    ),
    bindings: [
      ...jointTables(layout),
      { name: 'source', type: 'array<f32>', region: source, write: false },
      ...(clipScale ? [{ name: 'clip', type: 'array<f32>', region: clipScale, write: false }] : []),
      { name: 'joint', type: 'array<f32>', region: target, write: true },
    ],
    params: { type: 'Params', data: Uint32Array.of(grid.count) },
    workgroups: grid.workgroups,
    flops: 0,
  };
}
