/** How long a comparison will take, from earlier runs of the same work on the same adapter. Measured or not said. */
import { canonicalJson } from '../../contract/group-hash.ts';
import type { RunSpec } from '../../contract/run-spec.ts';
import type { RunSummary } from '../../contract/runs.ts';
import { median } from '../../training/statistics/summary.ts';
import type { ReadGroup } from './read-draft.ts';

export interface GroupEstimate {
  columnId: string;
  name: string;
  /** For all seeds together; null: nothing like it was trained here yet. */
  ms: number | null;
}

/** Runs shorter than this say too little about a step. */
const ENOUGH_STEPS = 10;

export function estimate(
  groups: readonly ReadGroup[],
  seeds: number,
  runs: readonly RunSummary[],
  adapter: string | null,
): GroupEstimate[] {
  return groups.map(({ columnId, name, spec }) => {
    const work = workOf(spec);
    const perStep = runs.flatMap((run) => {
      const measured =
        run.lastStep >= ENOUGH_STEPS && run.activeMs > 0 && run.environment?.adapter === adapter;
      return measured && workOf(run.spec) === work ? [run.activeMs / run.lastStep] : [];
    });
    const ms = perStep.length > 0 ? median(perStep) * spec.steps * seeds : null;
    return { columnId, name, ms };
  });
}

/** Settings of optimisers that decide how much work a step is. */
const costlySettings: ReadonlySet<string> = new Set([
  'flavour',
  'recipe',
  'preconditioner',
  'fisher',
  'fisherSamples',
  'maxFactorSide',
  'layers',
  'embeddings',
  'factorInterval',
  'inverseInterval',
  'rootInterval',
  'basisInterval',
  'dampingAdaptation',
  'adaptationInterval',
]);

/** Two runs do the same work per step when these settings agree; rates and dampings cost nothing. */
function workOf(spec: RunSpec): string {
  const { optimizer } = spec;
  const costly = Object.entries(optimizer).filter(([key]) => costlySettings.has(key));
  return canonicalJson([
    spec.dataset,
    spec.model,
    spec.batchSize,
    optimizer.name,
    Object.fromEntries(costly),
    // Exact damping decomposes where the other rules invert.
    'dampingRule' in optimizer && optimizer.dampingRule === 'exact',
  ]);
}

/** How many of the earlier runs of a group's optimiser got to its target; null where there are none to ask. */
export function earlierReach(
  group: ReadGroup,
  runs: readonly RunSummary[],
): { reached: number; of: number } | null {
  const { target, dataset, model } = group.spec;
  const alike = runs.filter(
    (run) =>
      run.status === 'finished' &&
      run.spec.optimizer.name === group.spec.optimizer.name &&
      run.spec.target.metric === target.metric &&
      canonicalJson([run.spec.dataset, run.spec.model]) === canonicalJson([dataset, model]),
  );
  if (alike.length === 0) return null;
  const reached = alike.filter((run) => {
    const metric = run.metrics.find((summary) => summary.key === target.metric);
    const best = target.op === '>=' ? metric?.max : metric?.min;
    return (
      best !== undefined &&
      best !== null &&
      (target.op === '>=' ? best >= target.value : best <= target.value)
    );
  });
  return { reached: reached.length, of: alike.length };
}
