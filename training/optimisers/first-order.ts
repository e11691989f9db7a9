/** First-order optimisers, each one launch over the flat parameter arena. */
import { floatBits, type Dispatch } from '../../gpu-kernels/dispatch.ts';
import { linearGrid } from '../../gpu-kernels/grid.ts';
import type { Region } from '../../gpu-kernels/region.ts';
import { expandTemplate } from '../../gpu-kernels/template.ts';
import { stepScalarsSource, type StepUniform } from '../program/step-scalars.ts';
import adamSource from './adam.wgsl';
import sgdSource from './sgd.wgsl';

/** Arenas of one layout; `second` is unused by SGD. */
export interface OptimiserArenas {
  values: Region;
  gradients: Region;
  first: Region;
  second: Region;
  rules: Region;
  /** f32: what every gradient is multiplied by before it is used; null where nothing is clipped. */
  clipScale: Region | null;
  /** Numbers in each arena, padding included. */
  length: number;
}

/** Adam's moments, and the AdamW or NAdamW step for every block whose rule asks for it. */
export function adam(
  arenas: OptimiserArenas,
  step: StepUniform,
  settings: { beta1: number; beta2: number; eps: number; nesterov: boolean },
): Dispatch {
  return overArena(arenas, step, {
    label: settings.nesterov ? 'nadamw' : 'adamw',
    source: adamSource,
    nesterov: settings.nesterov,
    moments: ['first', 'second'],
    numbers: [settings.beta1, settings.beta2, settings.eps],
  });
}

/** SGD with momentum, Nesterov's or heavy ball. */
export function sgd(
  arenas: OptimiserArenas,
  step: StepUniform,
  settings: { momentum: number; nesterov: boolean },
): Dispatch {
  return overArena(arenas, step, {
    label: 'sgd',
    source: sgdSource,
    nesterov: settings.nesterov,
    moments: ['first'],
    numbers: [settings.momentum],
  });
}

interface Kernel {
  label: string;
  source: string;
  nesterov: boolean;
  moments: ('first' | 'second')[];
  /** Parameters after the number of quads. */
  numbers: number[];
}

function overArena(arenas: OptimiserArenas, step: StepUniform, kernel: Kernel): Dispatch {
  const quads = arenas.length / 4;
  const grid = linearGrid(quads, 64);
  const type = 'array<vec4f>';
  const { clipScale } = arenas;
  const values = { ROW: grid.row, NESTEROV: kernel.nesterov, CLIPPED: clipScale !== null };
  return {
    label: kernel.label,
    code: [stepScalarsSource, expandTemplate(kernel.source, values)].join('\n'),
    bindings: [
      { name: 'gradients', type, region: arenas.gradients, write: false },
      { name: 'rules', type, region: arenas.rules, write: false },
      ...(clipScale ? [{ name: 'clip', type: 'array<f32>', region: clipScale, write: false }] : []),
      ...kernel.moments.map((name) => ({ name, type, region: arenas[name], write: true })),
      { name: 'values', type, region: arenas.values, write: true },
    ],
    params: { type: 'Params', data: Uint32Array.of(quads, ...kernel.numbers.map(floatBits)) },
    step,
    workgroups: grid.workgroups,
    flops: 12 * arenas.length,
  };
}
