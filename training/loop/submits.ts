/**
 * A program's launches as submits of about the same time each: a GPU that is busy with one submit draws no window and
 * takes no command, and drivers kill one that lasts for seconds. How much fits into a submit is learnt from the time
 * that steps take. Where a step is cut never changes what it computes.
 */
import type { Phase } from '../../contract/runs.ts';
import type { AdapterClass } from '../../gpu-kernels/device.ts';
import { replay, type RecordedDispatch } from '../../gpu-kernels/dispatch.ts';
import type { Program } from '../program/compile.ts';
import type { PhaseTimer } from './phase-timer.ts';

/** Time of a submit to aim at, in ms: half a frame of a 60 Hz window. */
export const usualBudgetMs = 8;

/** Launches of one phase that follow each other. */
export interface Part {
  phase: Phase;
  dispatches: RecordedDispatch[];
}

/**
 * Work is counted in floating-point operations. What a workgroup's reads and writes and a launch itself cost beside
 * them, in the same unit, for threads that do little each; and a first guess of the time, on the slow side.
 */
const costs = {
  software: { workgroup: 6e3, launch: 5e4, msPerWork: 1 / 2e6 },
  gpu: { workgroup: 5e4, launch: 1e7, msPerWork: 1 / 2e8 },
} as const satisfies Record<AdapterClass, object>;

/** Steps whose median time replaces the guess, and steps after which it is looked at again. */
const firstSamples = 4;
const laterSamples = 50;
/** A rate off by less than this factor is not worth new cuts. */
const tolerated = 1.5;

/** How fast this adapter works through a program, learnt from its steps. */
export class Pace {
  /** Counts up when cuts should be made anew. */
  version = 0;
  private readonly adapterClass: AdapterClass;
  private readonly budgetMs: number;
  private samples: number[] = [];
  private isGuess = true;
  private msPerWork: number;

  constructor(adapterClass: AdapterClass, budgetMs: number) {
    this.adapterClass = adapterClass;
    this.budgetMs = budgetMs;
    this.msPerWork = costs[adapterClass].msPerWork;
  }

  /** Work that takes about the budget. */
  get limit(): number {
    return this.budgetMs / this.msPerWork;
  }

  workOf({ workgroups: [x, y, z] }: Pick<RecordedDispatch, 'workgroups'>, flops: number): number {
    const cost = costs[this.adapterClass];
    return flops + cost.workgroup * x * y * z + cost.launch;
  }

  /** Takes in that so much work took so many ms. */
  measured(work: number, ms: number): void {
    this.samples.push(ms / work);
    if (this.samples.length < (this.isGuess ? firstSamples : laterSamples)) return;
    const sorted = this.samples.sort((a, b) => a - b);
    // A clock too coarse for the step says zero: then nothing needs cutting.
    const median = Math.max(sorted[sorted.length >> 1] ?? 0, Number.MIN_VALUE);
    const factor = median / this.msPerWork;
    if (this.isGuess || factor > tolerated || factor < 1 / tolerated) {
      this.msPerWork = median;
      this.version++;
    }
    this.isGuess = false;
    this.samples = [];
  }
}

interface Cuts {
  submits: Part[][];
  work: number;
  version: number;
}

/** A program and its cuts, for every set of phases that it was asked for. */
export class CutProgram {
  private readonly device: GPUDevice;
  private readonly program: Program;
  private readonly pace: Pace;
  private readonly cuts = new Map<string, Cuts>();

  constructor(device: GPUDevice, program: Program, pace: Pace) {
    this.device = device;
    this.program = program;
    this.pace = pace;
  }

  /** Submits the launches of the given phases, with timestamps where a timer is given. Answers how much work they are. */
  submit(due: ReadonlySet<Phase>, timer: PhaseTimer | null): number {
    const { submits, work } = this.cutsFor(due);
    timer?.begin();
    submits.forEach((parts, i) => {
      const encoder = this.device.createCommandEncoder();
      if (timer) timer.encode(encoder, parts);
      else encode(encoder, parts);
      if (i === submits.length - 1) timer?.resolve(encoder);
      this.device.queue.submit([encoder.finish()]);
    });
    return work;
  }

  private cutsFor(due: ReadonlySet<Phase>): Cuts {
    const key = [...due].join();
    const known = this.cuts.get(key);
    if (known?.version === this.pace.version) return known;
    const launches = this.program.launches(due).map(({ phase, dispatch, flops }) => ({
      phase,
      dispatch,
      work: this.pace.workOf(dispatch, flops),
    }));
    const cuts: Cuts = {
      submits: cut(launches, this.pace.limit).map(partsOf),
      work: launches.reduce((sum, { work }) => sum + work, 0),
      version: this.pace.version,
    };
    this.cuts.set(key, cuts);
    return cuts;
  }
}

/** Cuts a list into as few pieces of about equal work as keep each near the limit. No piece is empty; nothing is lost. */
export function cut<T extends { work: number }>(list: readonly T[], limit: number): T[][] {
  const total = list.reduce((sum, { work }) => sum + work, 0);
  const count = Math.max(1, Math.ceil(total / limit));
  const pieces: T[][] = [];
  let done = 0;
  let current = -1;
  for (const item of list) {
    // The piece in whose share of the work the middle of this item lies.
    const piece = Math.floor(((done + item.work / 2) / total) * count);
    if (piece === current) pieces.at(-1)?.push(item);
    else pieces.push([item]);
    current = piece;
    done += item.work;
  }
  return pieces;
}

function partsOf(launches: readonly { phase: Phase; dispatch: RecordedDispatch }[]): Part[] {
  const parts: Part[] = [];
  for (const { phase, dispatch } of launches) {
    const last = parts.at(-1);
    if (last?.phase === phase) last.dispatches.push(dispatch);
    else parts.push({ phase, dispatches: [dispatch] });
  }
  return parts;
}

function encode(encoder: GPUCommandEncoder, parts: readonly Part[]): void {
  const pass = encoder.beginComputePass();
  for (const { dispatches } of parts) replay(pass, dispatches);
  pass.end();
}
