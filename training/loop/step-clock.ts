/** How long steps take: the median and spread of the last fifty, for progress and its estimate of what is left. */
const remembered = 50;

export class StepClock {
  private readonly times: number[] = [];

  add(ms: number): void {
    this.times.push(ms);
    if (this.times.length > remembered) this.times.shift();
  }

  /** Median ms per step; null before the first. */
  get median(): number | null {
    return this.quantile(0.5);
  }

  /** Interquartile range in ms. */
  get spread(): number | null {
    const low = this.quantile(0.25);
    const high = this.quantile(0.75);
    return low === null || high === null ? null : high - low;
  }

  private quantile(q: number): number | null {
    const sorted = [...this.times].sort((a, b) => a - b);
    return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? null;
  }
}
