/**
 * How far a comparison is: runs done, the run in training, and when all will be over. Pure bookkeeping with a clock that
 * tests can set; drawing is in `progress-view.ts`.
 */
import type { TrainingProgress } from '../contract/training.ts';

interface Finished {
  group: string;
  wallMs: number;
}

export class Progress {
  private readonly plan: readonly { group: string; steps: number }[];
  private readonly now: () => number;
  private readonly finished: Finished[] = [];
  private current: { startedMs: number; progress: TrainingProgress | null } | null = null;

  /** `plan`: the runs in the order in which they are trained. */
  constructor(plan: readonly { group: string; steps: number }[], now: () => number = Date.now) {
    this.plan = plan;
    this.now = now;
  }

  get total(): number {
    return this.plan.length;
  }

  get done(): number {
    return this.finished.length;
  }

  startRun(): void {
    this.current = { startedMs: this.now(), progress: null };
  }

  report(progress: TrainingProgress): void {
    if (this.current !== null) this.current.progress = progress;
  }

  endRun(): void {
    const run = this.plan[this.done];
    if (this.current !== null && run !== undefined) {
      this.finished.push({ group: run.group, wallMs: this.now() - this.current.startedMs });
    }
    this.current = null;
  }

  /** Share of all steps that are done, 0 to 1. */
  get fraction(): number {
    const steps = (runs: readonly { steps: number }[]) => runs.reduce((sum, run) => sum + run.steps, 0);
    const all = steps(this.plan);
    return all === 0 ? 1 : (steps(this.plan.slice(0, this.done)) + (this.current?.progress?.step ?? 0)) / all;
  }

  /**
   * Milliseconds until all runs are over, or null before anything is known. A run is expected to take as long as the
   * finished ones of its group (evaluation included), or of all groups, or at the pace of the run in training.
   */
  get remainingMs(): number | null {
    const pace = this.currentTotalMs();
    const mean = (runs: readonly Finished[]) =>
      runs.length === 0 ? null : runs.reduce((sum, run) => sum + run.wallMs, 0) / runs.length;
    let remaining = 0;
    for (const [i, run] of this.plan.slice(this.done).entries()) {
      const isCurrent = i === 0 && this.current !== null;
      const expected =
        (isCurrent ? pace : null) ??
        mean(this.finished.filter((f) => f.group === run.group)) ??
        mean(this.finished) ??
        pace;
      if (expected === null) return null;
      const elapsed = isCurrent && this.current !== null ? this.now() - this.current.startedMs : 0;
      remaining += Math.max(0, expected - elapsed);
    }
    return remaining;
  }

  /** Expected length of the run in training, from its own pace; null before its tenth step. */
  private currentTotalMs(): number | null {
    const progress = this.current?.progress;
    if (this.current === null || progress === null || progress === undefined || progress.step < 10)
      return null;
    return ((this.now() - this.current.startedMs) / progress.step) * progress.steps;
  }
}
