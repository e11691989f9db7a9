/** First-order optimisers, each one launch over the flat parameter arena. */
import { floatBits, type Dispatch } from '../../gpu-kernels/dispatch.ts';
import { linearGrid } from '../../gpu-kernels/grid.ts';
import type { Region } from '../../gpu-kernels/region.ts';
import { expandTemplate, type TemplateValues } from '../../gpu-kernels/template.ts';
import { stepScalarsSource, type StepUniform } from '../program/step-scalars.ts';
import adamwSource from './adamw.wgsl';
import sgdSource from './sgd.wgsl';

/** Arenas of one layout; `second` is unused by SGD. */
export interface OptimiserArenas {
  values: Region;
  gradients: Region;
  first: Region;
  second: Region;
  rules: Region;
  /** Numbers in each arena, padding included. */
  length: number;
}

/** Adam's moments, and the AdamW step for every block whose rule asks for it. */
export function adamw(
  arenas: OptimiserArenas,
  step: StepUniform,
  settings: { beta1: number; beta2: number; eps: number },
): Dispatch {
  const numbers = [settings.beta1, settings.beta2, settings.eps];
  return overArena('adamw', adamwSource, {}, arenas, ['first', 'second'], step, numbers);
}

/** SGD with momentum, Nesterov's or heavy ball. */
export function sgd(
  arenas: OptimiserArenas,
  step: StepUniform,
  settings: { momentum: number; nesterov: boolean },
): Dispatch {
  return overArena('sgd', sgdSource, { NESTEROV: settings.nesterov }, arenas, ['first'], step, [
    settings.momentum,
  ]);
}

function overArena(
  label: string,
  source: string,
  values: TemplateValues,
  arenas: OptimiserArenas,
  moments: ('first' | 'second')[],
  step: StepUniform,
  numbers: number[],
): Dispatch {
  const quads = arenas.length / 4;
  const grid = linearGrid(quads, 64);
  const type = 'array<vec4f>';
  return {
    label,
    code: [stepScalarsSource, expandTemplate(source, { ...values, ROW: grid.row })].join('\n'),
    bindings: [
      { name: 'gradients', type, region: arenas.gradients, write: false },
      { name: 'rules', type, region: arenas.rules, write: false },
      ...moments.map((name) => ({ name, type, region: arenas[name], write: true })),
      { name: 'values', type, region: arenas.values, write: true },
    ],
    params: { type: 'Params', data: Uint32Array.of(quads, ...numbers.map(floatBits)) },
    step,
    workgroups: grid.workgroups,
    flops: 12 * arenas.length,
  };
}
