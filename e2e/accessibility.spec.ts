/** The lab without a mouse and without perfect sight: axe finds nothing on any page, and every page works by keyboard. */
import type { Page } from '@playwright/test';
import { accessibilityFaults } from './support/axe.ts';
import { ComparePage } from './support/compare-page.ts';
import { expect, test } from './support/lab.ts';
import { NewComparisonPage } from './support/new-comparison-page.ts';
import { RunsPage } from './support/runs-page.ts';
import { oneOfEachKind, trainComparison, twoOptimisers } from './support/small-comparison.ts';

const themes = ['light', 'dark'] as const;

async function goTo(page: Page, path: string): Promise<void> {
  await page.goto(new URL(path, page.url()).href);
  await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
  await expect(page.getByText(/^Loading|^Looking for/)).toHaveCount(0);
}

/** Looks at the page in both themes; every fault is reported, not only the first. */
async function expectNoFaults(page: Page, name: string): Promise<void> {
  for (const colorScheme of themes) await expectNoFaultsIn(colorScheme, page, name);
}

async function expectNoFaultsIn(
  colorScheme: (typeof themes)[number],
  page: Page,
  name: string,
): Promise<void> {
  await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
  expect.soft(await accessibilityFaults(page), `${name}, ${colorScheme}`).toEqual([]);
}

// A test for each theme and group of pages: axe takes seconds for a page, and a slow machine many.
for (const theme of themes) {
  for (const paths of [
    ['/runs', '/compare', '/new'],
    ['/data', '/data?set=digits', '/gpu', '/settings', '/nowhere'],
  ]) {
    test(`axe finds nothing in an empty lab, ${theme}: ${paths.join(', ')}`, async ({ labPage: page }) => {
      for (const path of paths) {
        await goTo(page, path);
        await expectNoFaultsIn(theme, page, `${path} when empty`);
      }
    });
  }

  test(`axe finds nothing on pages with runs, ${theme}`, async ({ labPage: page }) => {
    const run = await trainComparison(page, twoOptimisers);
    for (const path of [`/runs/${run.id}`, '/runs', '/compare']) {
      await goTo(page, path);
      if (path === '/compare') await expect(new ComparePage(page).verdict).toBeVisible();
      await expectNoFaultsIn(theme, page, path);
    }
    await test.step('what opens above a page', async () => {
      await new ComparePage(page).openExportMenu();
      await expectNoFaultsIn(theme, page, 'export menu');
      await page.keyboard.press('Escape');
      await page.keyboard.press('?');
      await expectNoFaultsIn(theme, page, 'sheet of keys');
      await page.keyboard.press('Escape');
      await page.keyboard.press('Control+k');
      await page.keyboard.type('adam');
      await expectNoFaultsIn(theme, page, 'palette');
    });
  });
}

test('a wrong field is tied to its sentence', async ({ labPage: page }) => {
  await goTo(page, '/new');
  const batch = page.getByLabel('Batch', { exact: true });
  await batch.fill('-3');
  await expect(batch).toHaveAttribute('aria-invalid', 'true');
  await expect(batch).toHaveAccessibleDescription(/at least 1/);
  await expect(page.getByText('1 field needs attention')).toBeVisible();
  await expectNoFaults(page, 'form with a wrong field');
});

test('the form with all its settings open explains each of them', async ({ labPage: page }) => {
  const form = new NewComparisonPage(page);
  await form.open();
  await form.paste(oneOfEachKind);
  await page.getByLabel('All settings').check();
  for (const heading of ['Curvature', 'Damping', 'Update', 'Schedule of curvature', 'Layers']) {
    await expect(page.getByRole('rowheader', { name: heading, exact: true }).first()).toBeVisible();
  }
  await expect(page.getByRole('region', { name: 'Layer table' })).toContainText('layers.0');

  const lines = page.getByLabel('K-FAC: Single layers', { exact: true });
  await lines.focus();
  await expect(lines).toHaveAccessibleDescription(/one a line/);
  await expect(page.locator('p.about')).toContainText('Layers with another flavour than the rest');
  await expectNoFaults(page, 'form with all settings');

  await lines.fill('body: reduce');
  await expect(lines).toHaveAccessibleDescription(/“body” fits no layer of the model/);
  await lines.fill('layers.*: reduce');
  await expect(form.startButton).toBeEnabled();
  await form.fill('K-FAC: Damping floor', '-1');
  await page.getByLabel('All settings').uncheck();
  await expect(page.getByLabel('K-FAC: Damping floor', { exact: true })).toHaveAccessibleDescription(
    /Damping floor must be at least 0/,
  );
  await expectNoFaults(page, 'form with a wrong setting');
});

test('everything can be reached by keyboard', async ({ labPage: page }) => {
  await trainComparison(page, twoOptimisers);

  await test.step('the skip link leads past the navigation', async () => {
    await goTo(page, '/runs');
    await page.keyboard.press('Tab');
    await expect(page.getByRole('link', { name: 'Skip to content' })).toBeFocused();
    await page.keyboard.press('Enter');
    await expect(page.getByRole('main')).toBeFocused();
  });

  const runs = new RunsPage(page);
  await test.step('/ finds the filter, Escape leaves it', async () => {
    await page.keyboard.press('/');
    await expect(runs.filter).toBeFocused();
    await page.keyboard.type('reduce');
    await expect(runs.groups).toHaveCount(1);
    await page.keyboard.press('Escape');
    await expect(runs.groups).toHaveCount(2);
    await page.keyboard.press('Escape');
    await expect(runs.filter).not.toBeFocused();
  });

  await test.step('J, Space and Escape select and let go', async () => {
    await page.keyboard.press('j');
    await page.keyboard.press('Space');
    await expect(runs.selection).toContainText('1 run in 1 group');
    await page.keyboard.press('Escape');
    await expect(runs.selection).not.toContainText('1 run');
  });

  await test.step('? shows the keys, Escape takes them away', async () => {
    await page.keyboard.press('?');
    const sheet = page.getByRole('dialog', { name: 'Keys' });
    await expect(sheet).toContainText('Filter runs');
    await page.keyboard.press('Escape');
    await expect(sheet).toBeHidden();
  });

  await test.step('Ctrl K finds pages and runs', async () => {
    await page.keyboard.press('Control+k');
    const palette = page.getByRole('dialog', { name: 'Search' });
    await expect(palette.getByRole('combobox')).toBeFocused();
    await page.keyboard.type('settings');
    await expect(palette.getByRole('option', { selected: true })).toContainText('Settings');
    await page.keyboard.press('Enter');
    await expect(page.getByRole('heading', { name: 'Settings', level: 1 })).toBeVisible();
    await expect(palette).toBeHidden();
    await page.keyboard.press('Control+k');
    // What is typed before the box has the focus goes to the page, as in any dialog.
    await expect(palette.getByRole('combobox')).toBeFocused();
    await page.keyboard.type('reduce seed 1');
    await expect(palette.getByRole('option', { selected: true })).toContainText('K-FAC reduce');
    await page.keyboard.press('Enter');
    await expect(page.getByRole('heading', { name: 'MLP · K-FAC reduce · seed 1', level: 1 })).toBeVisible();
  });
});
