/** A run in the hands of a person: pause, resume, stop, delete, undo; and what is kept when it ends before its time. */
import { expect, test } from './support/lab.ts';
import { RunPage } from './support/run-page.ts';
import { RunsPage } from './support/runs-page.ts';
import {
  endless,
  smallSpec,
  startComparison,
  trainComparison,
  twoOptimisers,
} from './support/small-comparison.ts';

test('a run is paused, resumed and stopped, and keeps what it has', async ({ labPage: page }) => {
  const run = await startComparison(page, endless);
  await run.waitForSavedStep(20);

  await run.button('Pause').click();
  await expect(run.strip).toContainText('paused');
  const paused = await run.step();
  // Long enough for a hundred steps of a run that is not paused.
  await page.waitForTimeout(500);
  expect(await run.step()).toBe(paused);
  expect(await run.savedStep(), 'a pause saves everything').toBe(paused);
  await expect(run.events).toContainText(`Paused at step ${paused}`);

  await page.keyboard.press('p');
  await expect(run.strip).not.toContainText('paused');
  await expect.poll(() => run.step()).toBeGreaterThan(paused);

  await run.button('Stop').click();
  const question = page.getByRole('dialog', { name: 'Stop this run?' });
  await question.getByRole('button', { name: 'Keep training' }).click();
  await expect(question).toBeHidden();
  await run.button('Stop').click();
  await question.getByRole('button', { name: 'Stop this run' }).click();
  await expect(run.status).toHaveText('Stopped');
  const stopped = await run.step();
  expect(stopped).toBeGreaterThan(paused);

  await page.reload();
  await expect(run.status).toHaveText('Stopped');
  expect(await run.step()).toBe(stopped);
  await expect(run.events).toContainText(`Stopped at step ${stopped}`);
  await expect(
    run
      .chart(/^Training and validation loss/)
      .locator('path.line')
      .first(),
  ).toBeAttached();
});

test('a run whose loss explodes ends as diverged and says where', async ({ labPage: page }) => {
  const run = await startComparison(page, {
    name: 'Too much',
    seeds: [1],
    groups: [{ name: 'SGD', spec: smallSpec(1000, { name: 'sgd', lr: 10, weightDecay: 1 }) }],
  });
  await expect(run.status).toHaveText('Diverged', { timeout: 120_000 });
  const step = await run.step();
  expect(step).toBeGreaterThan(0);
  expect(step).toBeLessThan(1000);
  await expect(page.getByText(`The loss stopped being a finite number at step ${step}.`)).toBeVisible();
  await expect(run.events).toContainText(`non-finite at step ${step}`);

  const runs = new RunsPage(page);
  await runs.open();
  await expect(runs.group('SGD')).toContainText('1 of 1 diverged');
  await expect(runs.members).toContainText(`loss not finite at step ${step}`);
});

test('runs go to the trash and come back', async ({ labPage: page }) => {
  await trainComparison(page, twoOptimisers);
  const runs = new RunsPage(page);
  await runs.open();
  await runs.tick('AdamW');
  await page.keyboard.press('Delete');
  await expect(page.getByText('1 run moved to the trash.')).toBeVisible();
  await expect(runs.groups).toHaveCount(1);
  await expect(runs.group('AdamW')).toHaveCount(0);

  await page.keyboard.press('Control+z');
  await expect(runs.group('AdamW')).toContainText('1 of 1 done');

  await runs.tick('AdamW');
  await page.keyboard.press('Delete');
  await expect(runs.group('AdamW')).toHaveCount(0);
  await page.reload();
  await expect(runs.groups).toHaveCount(1);
  await page.getByRole('button', { name: 'Trash' }).click();
  await runs.tick('AdamW');
  await page.getByRole('button', { name: 'Restore' }).click();
  await expect(page.getByRole('heading', { name: 'The trash is empty' })).toBeVisible();
  await page.getByRole('button', { name: 'Back to runs' }).first().click();
  await expect(runs.group('AdamW')).toContainText('1 of 1 done');
});

test('a reload in the middle of training asks first, and leaves the run interrupted with its data', async ({
  labPage: page,
}) => {
  const run = await startComparison(page, endless);
  const { id } = run;
  const saved = await run.waitForSavedStep(40);
  const asked = page.waitForEvent('dialog');
  const reloaded = page.reload();
  const question = await asked;
  expect(question.type()).toBe('beforeunload');
  await question.accept();
  await reloaded;

  const after = new RunPage(page);
  expect(after.id).toBe(id);
  await expect(after.status).toHaveText('Interrupted');
  const kept = await after.step();
  expect(kept).toBeGreaterThanOrEqual(saved);
  await expect(page.getByText(/The window that trained this run was closed at step/)).toBeVisible();
  await expect(
    after
      .chart(/^Validation accuracy by step/)
      .locator('path.line')
      .first(),
  ).toBeAttached();
});
