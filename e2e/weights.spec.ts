/** Weights through the window: kept when a run ends, saved as a file, started from again, and deleted with their run. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { accessibilityFaults } from './support/axe.ts';
import { expect, test } from './support/lab.ts';
import { NewComparisonPage } from './support/new-comparison-page.ts';
import { RunPage } from './support/run-page.ts';
import { smallSpec, trainComparison } from './support/small-comparison.ts';

const group = (lr: number) => ({ name: 'SGD', spec: smallSpec(10, { name: 'sgd', lr }) });

test('a run’s weights are saved, and another run goes on from them', async ({ labPage: page, lab }) => {
  const kept = async () =>
    (await readdir(join(lab.dataDir, 'weights'))).filter((name) => name.endsWith('.safetensors'));
  const first = await trainComparison(page, { name: 'First', seeds: [1], groups: [group(0.1)] });
  const { id } = first;
  expect(await kept()).toEqual([`${id}.safetensors`]);
  const download = page.waitForEvent('download');
  await first.button('Save weights, ').click();
  expect((await download).suggestedFilename()).toBe('mlp-sgd-seed-1.safetensors');
  const path = await (await download).path();

  const form = new NewComparisonPage(page);
  await form.open();
  // At this rate nothing moves: the first accuracy is that of the weights themselves.
  await form.paste({ name: 'Second', seeds: [7], groups: [group(1e-12)] });
  const values = page.getByRole('group', { name: 'First values' });
  const chosen = page.waitForEvent('filechooser');
  await values.getByRole('button', { name: 'Start from weights' }).click();
  await (await chosen).setFiles(path);
  await expect(values).toContainText('4 tensors');
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    expect.soft(await accessibilityFaults(page), colorScheme).toEqual([]);
  }
  await form.fill('Hidden widths', '8');
  await expect(values).toContainText('has the shape [16, 64]; the model needs [8, 64]');
  await expect(form.startButton).toBeDisabled();
  await form.fill('Hidden widths', '16');
  await form.start();
  const second = new RunPage(page);
  await second.waitForAllDone();
  expect((await kept()).sort()).toEqual([`${id}.safetensors`, `${second.id}.safetensors`].sort());
  await expect(page.getByRole('region', { name: 'Settings of the run' })).toContainText('startWeights');

  await page.goto(new URL('/runs', page.url()).href);
  await page.getByLabel('Select all 2 runs').check();
  await page.getByRole('button', { name: 'Delete' }).click();
  await page.getByRole('button', { name: 'Trash', exact: true }).click();
  await page.getByRole('button', { name: 'Empty the trash' }).click();
  await expect(page.getByRole('dialog')).toContainText('2 runs with their curves, events and ');
  await page.getByRole('button', { name: 'Delete 2 runs for good' }).click();
  await expect(page.getByText('The trash is empty')).toBeVisible();
  expect(await kept()).toEqual([]);
});
