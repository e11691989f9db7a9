/**
 * How kernels write a factor: the newest batch's value, added to what earlier launches of the same update have made where
 * there are several, and in the last of them its moving average too, so that no launch of its own reads both again.
 */
import type { Access, Dispatch } from '../../gpu-kernels/dispatch.ts';
import type { Region } from '../../gpu-kernels/region.ts';
import { stepScalarsSource, type StepUniform } from '../program/step-scalars.ts';

export interface FactorTarget {
  /** [padded, padded], of the newest batch. */
  factor: Region;
  /** Add to what is there. */
  accumulate: boolean;
  /** Moves the average [padded, padded] by the step's `factorMix` towards the finished value. */
  average?: { region: Region; step: StepUniform } | null;
}

/** The WGSL function `NAME_set(i, value)`, which takes numbers or vec4s. `withStep` gives a launch what it reads. */
export function factorWriter(target: FactorTarget, name: string, type: 'f32' | 'vec4f'): Access {
  const { factor, accumulate, average } = target;
  const lines = [
    `fn ${name}_set(i: u32, value: ${type}) {`,
    accumulate ? `  let newest = ${name}[i] + value;` : '  let newest = value;',
    `  ${name}[i] = newest;`,
    ...(average ? ['  averages[i] += step.factorMix * (newest - averages[i]);'] : []),
    '}',
  ];
  const array = `array<${type}>`;
  return {
    code: lines.join('\n'),
    bindings: [
      { name, type: array, region: factor, write: true },
      ...(average ? [{ name: 'averages', type: array, region: average.region, write: true }] : []),
    ],
  };
}

/** A launch that calls a factor's writer, with the step's numbers where the average moves. */
export function withStep(dispatch: Dispatch, { average }: FactorTarget): Dispatch {
  if (!average) return dispatch;
  return { ...dispatch, code: [stepScalarsSource, dispatch.code].join('\n'), step: average.step };
}
