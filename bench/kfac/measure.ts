/**
 * What curvature costs: factor updates of both flavours against each other, whole steps at the default intervals against
 * AdamW's, the phases of a step, and how factor updates grow with positions, width and batch.
 */
import {
  kfacSpecSchema,
  adamwSpecSchema,
  type KfacSpec,
  type OptimizerSpec,
} from '../../contract/run-spec.ts';
import type { Phase } from '../../contract/runs.ts';
import type { GpuContext } from '../../gpu-kernels/device.ts';
import type { Flavour } from '../../training/curvature/flavour.ts';
import { median } from '../../training/statistics/index.ts';
import { timeInTurns, type RoundRules, type Side } from '../rounds.ts';
import { convolutionNet, linearNet, vitNet, wideResNetNet, type KfacNet } from './nets.ts';
import { CurvatureStep } from './program.ts';
import type { KfacRow } from './row.ts';

type Say = (line: string) => void;

const adamw = adamwSpecSchema.parse({ name: 'adamw', lr: 1e-3 });
const kfac = (flavour: Flavour, settings: Partial<KfacSpec> = {}): KfacSpec =>
  kfacSpecSchema.parse({ name: 'kfac', flavour, lr: 1e-3, ...settings });

const rules: RoundRules = { budgetMs: 20_000, fewest: 5 };

export async function measureKfac(gpu: GpuContext, say: Say): Promise<KfacRow[]> {
  const rows: KfacRow[] = [];
  for (const net of [vitNet, convolutionNet]) {
    say(`factor updates of ${net.name} ...`);
    rows.push(await factorRow(gpu, net, `factors-${net.name}`));
  }
  for (const net of [vitNet, wideResNetNet]) {
    say(`steps of ${net.name} ...`);
    rows.push(...(await stepRows(gpu, net)));
  }
  for (const [batch, positions, width] of growth) {
    const net = linearNet(batch, positions, width);
    say(`growth: ${net.name} ...`);
    const row = await factorRow(gpu, net, `growth ${net.name}`);
    // Per factor: reduce sums N R D numbers and multiplies N D^2, expand multiplies N R D^2.
    rows.push({ ...row, theory: (positions + width) / (positions * width) });
  }
  return rows;
}

/** From 64 examples of 16 positions and 64 features, one of them two and four times as large, or smaller. */
const growth: readonly (readonly [batch: number, positions: number, width: number])[] = [
  [64, 4, 64],
  [64, 16, 64],
  [64, 64, 64],
  [64, 16, 32],
  [64, 16, 128],
  [64, 16, 256],
  [128, 16, 64],
  [256, 16, 64],
];

/**
 * The factor phase alone, from activations and gradients that lie there: the empirical Fisher, because the backward pass
 * that the others add is the same for both flavours and would hide the difference.
 */
async function factorRow(gpu: GpuContext, net: KfacNet, name: string): Promise<KfacRow> {
  const made = new Map<Flavour, CurvatureStep>();
  for (const flavour of ['reduce', 'expand'] as const) {
    made.set(flavour, await CurvatureStep.build(gpu, net, kfac(flavour, { fisher: 'empirical' })));
  }
  const due = new Set<Phase>(['factors']);
  const sides = [...made].map(([flavour, step]): Side<Flavour> => ({
    name: flavour,
    run: (calls) => step.submit(due, calls),
  }));
  for (const step of made.values()) await step.step();
  const times = await timeInTurns(sides, await callTimes(sides), rules);
  for (const step of made.values()) step.dispose();
  const [ours, reference] = [times.get('reduce')?.ms ?? NaN, times.get('expand')?.ms ?? NaN];
  return {
    ...{ name, adapter: gpu.name, ours_ms: ours, reference_ms: reference },
    ...{ ratio: ours / reference, phases: { factors: ours } },
  };
}

async function callTimes<Name extends string>(sides: readonly Side<Name>[]): Promise<Map<Name, number>> {
  const times = new Map<Name, number>();
  for (const side of sides) {
    await side.run(1);
    const began = performance.now();
    await side.run(2);
    times.set(side.name, (performance.now() - began) / 2);
  }
  return times;
}

/** So many cycles of factor and inverse updates are timed, in turns. */
const cycles = 3;

/** Every step of whole cycles of the default intervals, after the dense start, in turns with as many of AdamW's. */
async function stepRows(gpu: GpuContext, net: KfacNet): Promise<KfacRow[]> {
  const optimizers: readonly [string, OptimizerSpec][] = [
    ['adamw', adamw],
    ['reduce', kfac('reduce')],
    ['expand', kfac('expand')],
  ];
  const { factorInterval: cycle, denseSteps } = kfac('reduce');
  const made = new Map<string, CurvatureStep>();
  const times = new Map<string, number[]>();
  for (const [name, optimizer] of optimizers) {
    const step = await CurvatureStep.build(gpu, net, optimizer);
    for (let i = 0; i < (optimizer.name === 'kfac' ? denseSteps : 2); i++) await step.step();
    made.set(name, step);
    times.set(name, []);
  }
  // One round after another and not side after side: a slow minute then meets all of them.
  for (let i = 0; i < cycles * cycle; i++) {
    for (const [name, step] of made) {
      const began = performance.now();
      await step.step();
      times.get(name)?.push(performance.now() - began);
    }
  }
  const rows: KfacRow[] = [];
  for (const flavour of ['reduce', 'expand']) {
    const [ours, reference] = [
      perCycle(times.get(flavour) ?? [], cycle),
      perCycle(times.get('adamw') ?? [], cycle),
    ];
    rows.push({
      ...{ name: `step-${net.name}-${flavour}`, adapter: gpu.name },
      ...{ ours_ms: ours.mean, reference_ms: reference.mean, ratio: ours.mean / reference.mean },
      phases: await phaseTimes(made.get(flavour), cycle),
      worst_over_median: ours.worst / ours.median,
    });
  }
  for (const step of made.values()) step.dispose();
  return rows;
}

/** The same place of the cycle in all cycles is one step of it: the median over cycles leaves disturbances out. */
function perCycle(times: readonly number[], cycle: number): { mean: number; median: number; worst: number } {
  const steps = Array.from({ length: cycle }, (_, at) => median(times.filter((__, i) => i % cycle === at)));
  return {
    mean: steps.reduce((a, b) => a + b, 0) / cycle,
    median: median(steps),
    worst: Math.max(...steps),
  };
}

/** Each phase on its own; those of a cycle are spread over its steps. */
async function phaseTimes(
  step: CurvatureStep | undefined,
  cycle: number,
): Promise<Partial<Record<Phase, number>>> {
  const found: Partial<Record<Phase, number>> = {};
  for (const phase of step?.phases ?? []) {
    const times: number[] = [];
    for (let i = 0; i < 5; i++) {
      const began = performance.now();
      await step?.submit(new Set([phase]), 1);
      times.push(performance.now() - began);
    }
    const share = phase === 'factors' || phase === 'inverses' ? cycle : 1;
    found[phase] = median(times) / share;
  }
  return found;
}
