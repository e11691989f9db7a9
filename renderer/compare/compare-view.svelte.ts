/**
 * What the compare page computes: from the runs and their curves to groups, lines, the comparison and its sentence.
 * Curves depend on the metric and the band, the comparison on the target as well, so that dragging the target
 * recomputes no curve.
 */
import type { MetricKey, RunSummary } from '../../contract/runs.ts';
import { comparisonLines, comparisonMarks } from '../../training/charts/comparison-chart.ts';
import { slotColor, type Encoding } from '../../training/charts/encoding.ts';
import { compare, groupRuns, type BandKind, type Target } from '../../training/statistics/index.ts';
import { timeRefusal, verdictSentence } from '../../training/charts/verdict-sentence.ts';
import type { Lab } from '../state/lab.svelte.ts';
import { comparedMetrics, presetTarget, tidyTarget } from './targets.ts';

export class CompareView {
  #lab: Lab;
  #runs: () => readonly RunSummary[];
  show = $state<'both' | 'step' | 'time'>('both');
  band = $state<BandKind>('min-max');
  logY = $state(false);
  asTable = $state(false);
  /** Group the pointer or the focus is on. */
  highlighted = $state<string | null>(null);
  #moved = $state.raw<{ metric: MetricKey; value: number } | null>(null);
  #chosenMetric = $state<MetricKey | null>(null);
  #chosenReference = $state<string | null>(null);

  constructor(lab: Lab, runs: () => readonly RunSummary[]) {
    this.#lab = lab;
    this.#runs = runs;
  }

  readonly runs = $derived.by(() => this.#runs());
  readonly metrics = $derived.by(() => comparedMetrics(this.runs));
  /** The chosen one where these runs have it, else what they were to reach. */
  readonly metric: MetricKey = $derived.by(
    () => this.metrics.find((metric) => metric === this.#chosenMetric) ?? this.metrics[0] ?? 'val.loss',
  );
  readonly series = $derived.by(() =>
    this.runs.flatMap((run) => this.#lab.series.get(run.id, this.metric) ?? []),
  );
  readonly groups = $derived.by(() => groupRuns(this.runs, this.series, this.metric));
  readonly encodings = $derived.by(() => this.#lab.colours.encode(this.groups));
  readonly lines = $derived.by(() =>
    comparisonLines(this.groups, {
      metric: this.metric,
      band: this.band,
      encodings: this.encodings,
      color: slotColor,
    }),
  );
  readonly preset: Target = $derived.by(() => presetTarget(this.runs, this.groups, this.metric));
  readonly isMoved = $derived.by(() => this.#moved !== null && this.#moved.metric === this.metric);
  readonly target: Target = $derived.by(() =>
    this.#moved?.metric === this.metric ? { ...this.preset, value: this.#moved.value } : this.preset,
  );
  /** The default reference is taken at the preset, so that it does not jump while the target is dragged. */
  readonly reference = $derived.by(() => {
    const chosen = this.groups.find((group) => group.hash === this.#chosenReference)?.hash;
    if (chosen !== undefined) return chosen;
    const atPreset = compare({ runs: this.runs, series: this.series, target: this.preset });
    return atPreset.reference?.group.hash;
  });
  readonly comparison = $derived.by(() =>
    compare({ runs: this.runs, series: this.series, target: this.target, reference: this.reference }),
  );
  readonly marks = $derived.by(() => comparisonMarks(this.comparison, (hash) => this.colorOf(hash)));
  readonly sentence = $derived.by(() => verdictSentence(this.comparison));
  readonly timeRefusal = $derived.by(() => timeRefusal(this.comparison));

  chooseMetric(metric: MetricKey): void {
    this.#chosenMetric = metric;
  }

  encodingOf(hash: string): Encoding | undefined {
    return this.encodings.get(hash);
  }

  colorOf(hash: string): string {
    return slotColor(this.encodings.get(hash)?.slot ?? null);
  }

  moveTarget(value: number): void {
    const tidy = tidyTarget(this.metric, value);
    this.#moved = tidy === this.preset.value ? null : { metric: this.metric, value: tidy };
  }

  backToPreset(): void {
    this.#moved = null;
  }

  chooseReference(hash: string): void {
    this.#chosenReference = hash;
  }

  /** Step and time, step, time, and round again. */
  nextAxis(): void {
    this.show = this.show === 'both' ? 'step' : this.show === 'step' ? 'time' : 'both';
  }
}
