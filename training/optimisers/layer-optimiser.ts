/**
 * What an optimiser adds to a training program when it treats a layer's weight as a matrix: statistics, what is made
 * of them, and its own update of those weights. First-order rules need none of this; everything they do is one launch.
 */
import type { LayerReport } from '../../contract/runs.ts';
import type { GpuContext } from '../../gpu-kernels/device.ts';
import type { Region } from '../../gpu-kernels/region.ts';
import type { Graph, Tensor } from '../program/graph.ts';
import type { Loss } from '../program/operations/loss.ts';
import type { StepUniform } from '../program/step-scalars.ts';
import type { OptimiserArenas } from './first-order.ts';

export interface LayerOptimiser {
  /** Memory that a fresh run finds zero. */
  readonly state: readonly Region[];
  /** What is known of each layer's matrices. */
  readonly reports: LayerReport[];
  /** Matrices whose decomposition may fail, which keep the result they had; null where nothing can. */
  readonly failures: MatrixFailures | null;
  /** One f32, the damping in use, where it moves during a run; null or left out where it is constant or there is none. */
  readonly movingDamping?: Region | null;
  /** Null or left out where nothing is inverted from its old inverse. */
  readonly warmStarts?: WarmStarts | null;
  /** Known once the update is added; left out where nothing adapts. */
  readonly adaptation?: Adaptation | null;
  /** Known once the curvature is added; left out where everything that is due is done within its step. */
  readonly slices?: Slices | null;
  /** Gives a fresh run what it does not find zero. */
  reset(gpu: GpuContext): void;
  /**
   * Asked behind the forward pass: what takes the gradient of the mean loss by a layer's output while the backward pass is
   * being added, as soon as it is there. Left out: nobody.
   */
  watchGradients?(graph: Graph, loss: Loss, step: StepUniform): (output: Tensor, gradient: Tensor) => void;
  /** Work between the backward pass and the update; the program has its forward and backward pass already. */
  addCurvature(graph: Graph, loss: Loss, step: StepUniform, arenas: OptimiserArenas): void;
  /** What has to be remembered of the time before any parameter moves. */
  addMemory?(graph: Graph, arenas: OptimiserArenas): void;
  /** Work done once, after the gradients of a run's first step, which then moves nothing. */
  addStart?(graph: Graph): void;
  /** The update of the weights; the first-order launch, with Adam's moments, comes before it. */
  addUpdate(graph: Graph, arenas: OptimiserArenas, step: StepUniform): void;
}

/** What is done with the loss of the same batch after a step. */
export interface Adaptation {
  /** Every so many steps. */
  readonly interval: number;
  /** Adds it to a program that takes the loss again. */
  add(graph: Graph, loss: Loss, arenas: OptimiserArenas): void;
}

/** Work of a round that is spread over as many steps as there are slices, each done at the end of its step. */
export interface Slices {
  readonly count: number;
  /** Adds the work of one slice to a program of its own. */
  add(graph: Graph, slice: number): void;
}

export interface MatrixFailures {
  /** u32 per matrix: how often it failed in this run. */
  readonly counts: Region;
  /** Four words per matrix: step (u32), damping and raise (f32) of its newest failure, one unused. Left out: not kept. */
  readonly latest?: Region;
  /** Kind of event. */
  readonly code: string;
  /** One sentence for the log: what failed so many times, and what was done. */
  describe(matrix: number, times: number, newest: NewestFailure): string;
}

/** Matrices that are inverted from their old inverses where these are near enough. */
export interface WarmStarts {
  /** u32: 1 for every matrix whose newest inversion was such a one, 0 for the others and between them. */
  readonly flags: Region;
  readonly matrices: number;
}

/** The last time that a matrix failed. */
export interface NewestFailure {
  step: number;
  /** What is added to the matrix from then on, and how many times the setting's that is; 0 and 1 where nothing is raised. */
  damping: number;
  raise: number;
}
