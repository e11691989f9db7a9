/** Comparisons small enough for tests whose story is not the training itself. */
import type { Page } from '@playwright/test';
import { NewComparisonPage, type ComparisonJson } from './new-comparison-page.ts';
import { RunPage } from './run-page.ts';

/** Settings of a run of `steps` steps, evaluated ten times, that takes a moment anywhere. */
export function smallSpec(steps: number, optimizer: Record<string, unknown>): Record<string, unknown> {
  return {
    dataset: { id: 'digits' },
    model: { kind: 'mlp', hidden: [16] },
    optimizer,
    schedule: { kind: 'constant' },
    batchSize: 64,
    steps,
    evaluateEvery: Math.max(1, Math.floor(steps / 10)),
    seed: 0,
    target: { metric: 'val.accuracy', op: '>=', value: 0.5 },
  };
}

/** Two optimisers, one seed each. */
export const twoOptimisers: ComparisonJson = {
  name: 'Two optimisers',
  seeds: [1],
  groups: [
    { name: 'AdamW', spec: smallSpec(20, { name: 'adamw', lr: 0.01 }) },
    { name: 'K-FAC reduce', spec: smallSpec(20, { name: 'kfac', flavour: 'reduce', lr: 0.02 }) },
  ],
};

/** An optimiser of each kind, so that the form shows every heading; K-FAC with damping that moves. */
export const oneOfEachKind: ComparisonJson = {
  name: 'One of each kind',
  seeds: [1],
  groups: [
    { name: 'AdamW', spec: smallSpec(20, { name: 'adamw', lr: 0.01 }) },
    {
      name: 'K-FAC',
      spec: smallSpec(20, {
        name: 'kfac',
        flavour: 'auto',
        lr: 0.02,
        dampingScale: 'loss',
        dampingAdaptation: 'levenberg-marquardt',
      }),
    },
    { name: 'SINGD', spec: smallSpec(20, { name: 'singd', flavour: 'reduce', lr: 0.02 }) },
    { name: 'Shampoo', spec: smallSpec(20, { name: 'shampoo', lr: 0.02 }) },
  ],
};

/** One run that would go on for hours; a test pauses, stops or abandons it. */
export const endless: ComparisonJson = {
  name: 'Endless',
  seeds: [1],
  groups: [
    {
      name: 'AdamW',
      spec: { ...smallSpec(5_000_000, { name: 'adamw', lr: 0.001 }), evaluateEvery: 20 },
    },
  ],
};

/** Fills the form by "Paste JSON", starts, and answers the page of the first run. */
export async function startComparison(page: Page, comparison: ComparisonJson): Promise<RunPage> {
  const form = new NewComparisonPage(page);
  await form.open();
  await form.paste(comparison);
  await form.start();
  return new RunPage(page);
}

/** As `startComparison`, and waits until all its runs are over. */
export async function trainComparison(page: Page, comparison: ComparisonJson): Promise<RunPage> {
  const run = await startComparison(page, comparison);
  await run.waitForAllDone();
  return run;
}
