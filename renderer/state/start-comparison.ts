/** Stores a comparison, gives its groups their colours and puts its runs in the queue: the one way to start training. */
import type { ApiInput } from '../../contract/api.ts';
import { presetRuns, presets } from '../../contract/presets.ts';
import type { RunSummary } from '../../contract/runs.ts';
import type { Lab } from './lab.svelte.ts';

/** Opens the first run's page when stored. Throws `KronlabError`; then nothing was stored and nothing was started. */
export async function startComparison(
  lab: Lab,
  input: ApiInput<'comparisons.create'>,
): Promise<RunSummary[]> {
  const { comparison, runs } = await lab.client.call('comparisons.create', input);
  lab.runs.merge(runs);
  lab.runs.comparisons = [comparison, ...lab.runs.comparisons.filter(({ id }) => id !== comparison.id)];
  lab.colours.claim(runs.map((run) => run.groupHash));
  lab.trainer.enqueue(runs);
  const [first] = runs;
  if (first) lab.router.go(`/runs/${encodeURIComponent(first.id)}`);
  return runs;
}

export const defaultPreset = presets['first-light'];

/** The comparison a newcomer starts with one click. */
export async function startDefaultComparison(lab: Lab): Promise<void> {
  if (!defaultPreset) return;
  try {
    await startComparison(lab, { name: defaultPreset.name, runs: presetRuns(defaultPreset) });
  } catch (error) {
    lab.toasts.fail(error);
  }
}
