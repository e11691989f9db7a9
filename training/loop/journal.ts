/** Metric rows and events of a run, collected until they are handed on in one batch. */
import type { MetricBatch, MetricKey, RunEvent } from '../../contract/runs.ts';

export class Journal {
  private metrics: MetricBatch = emptyBatch();
  private events: RunEvent[] = [];

  add(key: MetricKey, step: number, time: { activeMs: number; wallMs: number }, value: number): void {
    this.metrics.keys.push(key);
    this.metrics.steps.push(step);
    this.metrics.activeMs.push(time.activeMs);
    this.metrics.wallMs.push(time.wallMs);
    this.metrics.values.push(value);
  }

  event(step: number, level: RunEvent['level'], code: string, text: string): void {
    this.events.push({ step, atMs: Date.now(), level, code, text });
  }

  /** Everything since the last call; null when there is nothing. */
  take(): { metrics: MetricBatch; events: RunEvent[] } | null {
    if (this.metrics.keys.length === 0 && this.events.length === 0) return null;
    const taken = { metrics: this.metrics, events: this.events };
    this.metrics = emptyBatch();
    this.events = [];
    return taken;
  }
}

function emptyBatch(): MetricBatch {
  return { keys: [], steps: [], activeMs: [], wallMs: [], values: [] };
}
