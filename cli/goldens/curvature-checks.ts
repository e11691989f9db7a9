/** Where the engine keeps factors and preconditioned gradients, as checks: padded storage cut to the fixture's arrays. */
import type { Factor, FactorSet } from '../../training/curvature/factors.ts';
import type { JointLayout } from '../../training/curvature/joint-layout.ts';
import type { Region } from '../../gpu-kernels/region.ts';
import type { LinearLayer } from '../../training/models/model-builder.ts';
import { lastAxis, size } from '../../training/program/graph.ts';
import { block, type Check } from './checks.ts';

/** The moving average of one factor. */
export function factorPlace(factor: Factor): Pick<Check, 'region' | 'pick'> {
  return { region: factor.average, pick: block(0, factor.padded, factor.size, factor.size) };
}

/** One layer's [d_out, d_in(+1)] in an arena of the joint layout. */
export function jointPlace(layout: JointLayout, name: string, arena: Region): Pick<Check, 'region' | 'pick'> {
  const group = layout.groups.find(({ layers }) => layers.some(({ layer }) => layer.name === name));
  const slot = group?.layers.findIndex(({ layer }) => layer.name === name) ?? 0;
  const found = group?.layers[slot];
  if (!group || !found) return { region: arena, pick: () => new Float32Array() };
  const first = group.offset + slot * group.stride;
  return { region: arena, pick: block(first, group.columns, found.layer.outputs, found.a.size) };
}

export function kfacLayer(set: FactorSet, name: string) {
  return set.layers.find(({ layer }) => layer.name === name);
}

/** Rows a layer's weight is applied to, which is what the sums of its gradient and its factors run over. */
export function mostRows(layers: readonly LinearLayer[]): number {
  return Math.max(
    ...layers.flatMap(({ uses }) => uses.map(({ output }) => size(output.shape) / lastAxis(output))),
  );
}
