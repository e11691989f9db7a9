/**
 * Which rule applies to which parameter: a table with one entry per 64-number block of the parameter arena, so that one
 * launch updates every parameter and still treats weights, biases and the rest differently.
 */
import type { WeightDecayKind } from '../../contract/run-spec.ts';
import type { GpuContext } from '../../gpu-kernels/device.ts';
import { uploadTable, type Region } from '../../gpu-kernels/region.ts';
import { size } from '../program/graph.ts';
import { blockLength, type Parameter, type Parameters } from '../program/parameters.ts';

export interface ParameterRule {
  /** Learning rate as a multiple of the step's. */
  lrScale: number;
  weightDecay: number;
  weightDecayKind: WeightDecayKind;
  /** False: moments are kept, but the values are left to another rule (K-FAC's). */
  isUpdated: boolean;
}

/** [blocks, 4] f32: lrScale, decoupled weight decay, isUpdated, L2 weight decay. */
export function ruleTable(
  gpu: GpuContext,
  parameters: Parameters,
  ruleOf: (parameter: Parameter) => ParameterRule,
): Region {
  const table = new Float32Array((parameters.arenaLength / blockLength) * 4);
  for (const parameter of parameters.all) {
    const { lrScale, weightDecay, weightDecayKind, isUpdated } = ruleOf(parameter);
    const [decoupled, l2] = weightDecayKind === 'l2' ? [0, weightDecay] : [weightDecay, 0];
    const first = parameter.offset / blockLength;
    const blocks = Math.ceil(size(parameter.shape) / blockLength);
    for (let block = first; block < first + blocks; block++) {
      table.set([lrScale, decoupled, isUpdated ? 1 : 0, l2], block * 4);
    }
  }
  return uploadTable(gpu, 'parameter rules', table);
}
