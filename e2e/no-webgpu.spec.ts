/** The lab in a browser that has WebGPU switched off: it says what to switch on, and stored work stays usable. */
import { chromiumSwitches, findChromium } from '../tools/chromium.ts';
import { expect, test } from './support/lab.ts';
import { RunsPage } from './support/runs-page.ts';
import { startComparison, twoOptimisers } from './support/small-comparison.ts';

const executablePath = findChromium();
const withoutWebGpu = [
  '--enable-unsafe-webgpu',
  '--use-webgpu-adapter=swiftshader',
  '--enable-features=Vulkan',
];

test.use({
  launchOptions: {
    ...(executablePath === null ? {} : { executablePath }),
    args: [
      ...chromiumSwitches().filter((argument) => !withoutWebGpu.includes(argument)),
      // Where WebGPU needs no switch, a browser without a GPU process has no adapter either.
      '--disable-gpu',
      '--disable-software-rasterizer',
    ],
  },
});

test('without WebGPU the lab says what to switch on, and stores nothing half', async ({ labPage: page }) => {
  await test.step('on the GPU page', async () => {
    await page.getByRole('link', { name: 'No WebGPU adapter' }).click();
    await expect(page.locator('.verdict')).toContainText('there is no WebGPU adapter');
    await expect(page.locator('.verdict')).toContainText('chrome://flags/#enable-unsafe-webgpu');
    await expect(page.getByRole('heading', { name: 'What to switch on' })).toBeVisible();
    await expect(page.getByRole('listitem').filter({ hasText: '--enable-unsafe-webgpu' })).toBeVisible();
  });

  await test.step('on start: the runs wait, none has begun', async () => {
    await startComparison(page, twoOptimisers);
    await expect(page.getByText(/^\s*The queue is on hold: No WebGPU adapter was found/)).toBeVisible();
    await expect(page.getByRole('link', { name: 'What to switch on' })).toBeVisible();
    const runs = new RunsPage(page);
    await runs.open();
    for (const group of ['AdamW', 'K-FAC reduce']) await expect(runs.group(group)).toContainText('1 queued');
  });

  await test.step('and still wait after a reload, whole', async () => {
    await page.reload();
    const runs = new RunsPage(page);
    await expect(runs.groups).toHaveCount(2);
    for (const group of ['AdamW', 'K-FAC reduce']) {
      await expect(runs.group(group)).toContainText('1 queued');
      await runs.unfold(group);
    }
    await runs.members.first().getByRole('link').click();
    await expect(page.getByText(/0 of 20 steps/)).toBeVisible();
    await expect(page.getByRole('button', { name: 'Train now' })).toBeVisible();
    await expect(page.getByRole('region', { name: 'Settings of the run' })).toContainText('batchSize');
  });
});
