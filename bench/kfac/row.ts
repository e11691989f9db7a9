/** One measured line of `npm run bench -- kfac`, as `--json` prints it. */
import type { Phase } from '../../contract/runs.ts';

export interface KfacRow {
  name: string;
  adapter: string;
  /** Median ms of what the name says. */
  ours_ms: number;
  /** The same in the same run by what it is held against: expand for factor updates, AdamW for steps. */
  reference_ms: number;
  /** ours_ms over reference_ms. */
  ratio: number;
  /** Mean ms of each phase per step; only of steps. */
  phases: Partial<Record<Phase, number>>;
  /** Largest step over the median step, after the dense start; only of steps. */
  worst_over_median?: number;
  /** What the cost model says of `ratio`; only of growth. */
  theory?: number;
}
