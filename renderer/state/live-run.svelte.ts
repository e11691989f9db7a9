/**
 * The run in training as the window sees it: progress, what is saved, and its curves, kept in memory so that the run
 * page need not read back what this window has just produced.
 */
import type { KronlabError } from '../../contract/errors.ts';
import type {
  Environment,
  LayerReport,
  MetricBatch,
  MetricKey,
  RunEvent,
  RunSummary,
  Series,
} from '../../contract/runs.ts';
import type { TrainingProgress } from '../../contract/training.ts';

/** Charts take new points at most four times a second. */
const DRAW_EVERY_MS = 250;
/** After so many median steps without news a run counts as stalled, but never before the minimum. */
const STALL_STEPS = 10;
const STALL_MINIMUM_MS = 5000;
/** The progress reports spread over the last 50 steps. */
const WINDOW_STEPS = 50;
/** Interquartile range of a normal distribution in standard deviations. */
const IQR_IN_SD = 1.349;

export interface TimeLeft {
  ms: number;
  /** One standard deviation; null where the steps so far do not say. */
  spreadMs: number | null;
}

export class LiveRun {
  readonly run: RunSummary;
  progress = $state.raw<TrainingProgress | null>(null);
  command = $state<'run' | 'pause' | 'stop'>('run');
  savedStep = $state(0);
  /** Why the store does not take rows at the moment. */
  trouble = $state.raw<KronlabError | null>(null);
  environment = $state.raw<Environment | null>(null);
  layers = $state.raw<readonly LayerReport[]>([]);
  parameters = $state<number | null>(null);
  events = $state.raw<readonly RunEvent[]>([]);
  /** Counts the redraws; read it to follow the curves. */
  version = $state(0);
  lastNewsMs = $state(Date.now());
  #series = new Map<MetricKey, Series>();
  #drawTimer: ReturnType<typeof setTimeout> | null = null;
  /** Wall-clock and training time over which the run was not paused, for the share of evaluation in what is left. */
  #paceWallMs = 0;
  #paceActiveMs = 0;

  constructor(run: RunSummary) {
    this.run = run;
  }

  /** A fresh copy of the curve of one metric, or null before its first point. */
  series(key: MetricKey): Series | null {
    const series = this.#series.get(key);
    if (this.version < 0 || !series) return null;
    return {
      ...series,
      steps: [...series.steps],
      activeMs: [...series.activeMs],
      wallMs: [...series.wallMs],
      values: [...series.values],
    };
  }

  report(progress: TrainingProgress, nowMs: number): void {
    const before = this.progress;
    if (before && before.state !== 'paused' && progress.activeMs > before.activeMs) {
      this.#paceWallMs += nowMs - this.lastNewsMs;
      this.#paceActiveMs += progress.activeMs - before.activeMs;
    }
    this.lastNewsMs = nowMs;
    this.progress = progress;
  }

  add(metrics: MetricBatch, events: readonly RunEvent[]): void {
    metrics.keys.forEach((key, i) => {
      let series = this.#series.get(key);
      if (!series) {
        series = { runId: this.run.id, key, steps: [], activeMs: [], wallMs: [], values: [] };
        this.#series.set(key, series);
      }
      series.steps.push(metrics.steps[i] ?? 0);
      series.activeMs.push(metrics.activeMs[i] ?? 0);
      series.wallMs.push(metrics.wallMs[i] ?? 0);
      series.values.push(metrics.values[i] ?? NaN);
    });
    if (events.length > 0) this.events = [...this.events, ...events];
    this.#drawTimer ??= setTimeout(() => {
      this.#drawTimer = null;
      this.version += 1;
    }, DRAW_EVERY_MS);
  }

  /**
   * What is left, from the median of the last steps: the scatter of the steps to come, and the doubt in the median
   * itself, which grows with the number of steps.
   */
  timeLeft(): TimeLeft | null {
    const progress = this.progress;
    if (!progress || progress.stepMs === null) return null;
    const steps = progress.steps - progress.step;
    const overhead = this.#paceActiveMs > 0 ? Math.max(1, this.#paceWallMs / this.#paceActiveMs) : 1;
    const ms = steps * progress.stepMs * overhead;
    if (progress.stepMsSpread === null) return { ms, spreadMs: null };
    const sd = (progress.stepMsSpread / IQR_IN_SD) * overhead;
    const doubtInMedian = (Math.PI / 2) * (steps ** 2 / Math.min(WINDOW_STEPS, Math.max(1, progress.step)));
    return { ms, spreadMs: sd * Math.sqrt(steps + doubtInMedian) };
  }

  /** Since when nothing was heard of the run although it should be training; null while all is well. */
  stalledSince(nowMs: number): number | null {
    const progress = this.progress;
    if (!progress || progress.state !== 'training' || progress.stepMs === null) return null;
    const limit = Math.max(STALL_MINIMUM_MS, STALL_STEPS * progress.stepMs);
    return nowMs - this.lastNewsMs > limit ? this.lastNewsMs : null;
  }
}
