/** Curves as they grow, for the table that is shown while a comparison trains. */
import type { MetricBatch, MetricKey, Series } from '../contract/runs.ts';

export class LiveSeries {
  private readonly byKey = new Map<MetricKey, Map<string, Series>>();

  append(runId: string, metrics: MetricBatch): void {
    metrics.keys.forEach((key, i) => {
      const series = this.seriesOf(runId, key);
      series.steps.push(metrics.steps[i]!);
      series.activeMs.push(metrics.activeMs[i]!);
      series.wallMs.push(metrics.wallMs[i]!);
      series.values.push(metrics.values[i]!);
    });
  }

  of(key: MetricKey): Series[] {
    return [...(this.byKey.get(key)?.values() ?? [])];
  }

  private seriesOf(runId: string, key: MetricKey): Series {
    const runs = this.byKey.get(key) ?? new Map<string, Series>();
    this.byKey.set(key, runs);
    const series = runs.get(runId) ?? { runId, key, steps: [], activeMs: [], wallMs: [], values: [] };
    runs.set(runId, series);
    return series;
  }
}
