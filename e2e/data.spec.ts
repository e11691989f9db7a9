/** Data of one's own through the window: chosen, looked at, read, reported, deleted and brought back. */
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encode } from 'fast-png';
import { idxBytes } from '../datasets/import/test-files.ts';
import { accessibilityFaults } from './support/axe.ts';
import { DataPage } from './support/data-page.ts';
import { expect, test } from './support/lab.ts';
import { NewComparisonPage } from './support/new-comparison-page.ts';
import { RunPage } from './support/run-page.ts';

const rows = Array.from(
  { length: 60 },
  (_, i) => `${i % 9 === 4 ? '' : i},${['red', 'blue'][i % 2]},${i / 4}`,
);
const csv = { name: 'cement.csv', content: `slag,colour,strength\n${rows.join('\n')}\n` };

/** Everything of data sets on the disk, without the folder for uploads itself. */
async function kept(dataDir: string): Promise<string[]> {
  const names = await readdir(join(dataDir, 'datasets'), { recursive: true }).catch(() => []);
  return names.filter((name) => name !== '.uploads');
}

test('a bundled set shows itself, and axe finds nothing', async ({ labPage: page }) => {
  const data = new DataPage(page);
  await data.open();
  await data.card('Handwritten digits').click();
  await expect(page.getByRole('heading', { name: 'Origin' })).toBeVisible();
  await expect(page.getByRole('img', { name: 'Mean image' })).toBeVisible();
  expect(await accessibilityFaults(page)).toEqual([]);
});

test('a table: types and target by choice, the report, deleted and back', async ({ labPage: page, lab }) => {
  const data = new DataPage(page);
  await data.open();
  await data.startImport();
  await data.chooseFiles([csv]);
  const table = data.panel.getByRole('region', { name: 'First rows' });
  await expect(table).toContainText('missing');
  await expect(data.panel.getByLabel('Target')).toHaveValue('strength');
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    expect.soft(await accessibilityFaults(page), `check, ${colorScheme}`).toEqual([]);
  }

  await data.panel.getByLabel('Target').selectOption('colour');
  await expect(data.panel).toContainText('2 classes');
  await data.panel.getByLabel('Target').selectOption('strength');
  await data.panel.getByLabel('Type of slag').selectOption('ignore');
  await expect(data.panel).toContainText('Column “slag” was to be ignored');
  await data.panel.getByLabel('Type of slag').selectOption('number');
  await expect(data.panel).toContainText('7 examples: column "slag" is empty or no number');
  await data.panel.getByLabel('Name', { exact: true }).fill('Cement');
  await data.importIt();
  await expect(data.panel).toContainText('7 of 60');
  expect((await kept(lab.dataDir)).filter((name) => name.startsWith('.uploads'))).toEqual([]);

  await data.panel.getByRole('link', { name: 'Show it' }).click();
  const details = page.getByRole('region', { name: 'Cement' });
  await expect(details.getByRole('rowheader', { name: 'colour = red' })).toBeVisible();
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    expect.soft(await accessibilityFaults(page), `details, ${colorScheme}`).toEqual([]);
  }
  await details.getByRole('button', { name: 'Delete' }).click();
  await expect(data.card('Cement')).toHaveCount(0);
  await page.getByRole('button', { name: /^Undo/ }).click();
  await expect(data.card('Cement')).toBeVisible();
});

test('what came in is trained on', async ({ labPage: page }) => {
  const data = new DataPage(page);
  await data.open();
  await data.startImport();
  await data.chooseFiles([csv]);
  await data.importIt();
  await data.panel.getByRole('link', { name: 'Train on it' }).click();
  const form = new NewComparisonPage(page);
  await expect(page.getByLabel('Dataset', { exact: true }).locator('option:checked')).toContainText(
    'cement · ',
  );
  await expect(page.getByLabel('Architecture', { exact: true })).toHaveValue('mlp');
  await expect(
    page.getByLabel('Architecture', { exact: true }).getByRole('option', { name: 'Vision transformer' }),
  ).toHaveText('Vision transformer (cannot read table)');
  await expect(page.getByLabel('Metric', { exact: true })).toHaveValue('val.r2');
  expect(await accessibilityFaults(page)).toEqual([]);

  for (const name of ['K-FAC expand', 'K-FAC reduce', 'Grafting control']) await form.removeOptimiser(name);
  await form.fill('Seeds', '1');
  await form.fill('Steps', '20');
  await form.fill('Warm-up steps', '5');
  await form.start();
  const run = new RunPage(page);
  await run.waitForAllDone();
  await expect(page.getByText(/^cement · lr 0\.02/)).toBeVisible();
  await page.goto(new URL('/runs', page.url()).href);
  await expect(page.getByRole('row', { name: /AdamW/ }).first()).toContainText('1 seed · cement');
  await expect(page.getByRole('row', { name: /AdamW/ }).first()).toContainText('1 of 1 done');
});

test('an IDX pair and a folder of images', async ({ labPage: page }) => {
  const folder = await mkdtemp(join(tmpdir(), 'kronlab-png-'));
  try {
    for (const [label, value] of [
      ['cats', 10],
      ['dogs', 200],
    ] as const) {
      await mkdir(join(folder, 'pets', label), { recursive: true });
      for (let i = 0; i < 6; i += 1) {
        const pixels = new Uint8Array(64).fill(value + i);
        const png = encode({ width: 8, height: 8, channels: 1, depth: 8, data: pixels });
        await writeFile(join(folder, 'pets', label, `${i}.png`), png);
      }
    }
    await writeFile(join(folder, 'pets', 'cats', 'broken.png'), 'no image');
    const data = new DataPage(page);
    await data.open();
    const before = await data.list.getByRole('link').count();
    await data.startImport();
    await data.chooseFolder(join(folder, 'pets'));
    await expect(data.panel).toContainText('cats, dogs');
    await data.importIt();
    await expect(data.panel).toContainText('12 images, 8 × 8, 2 classes');
    await expect(data.panel).toContainText('pets/cats/broken.png');

    await data.panel.getByRole('button', { name: 'Close' }).click();
    await data.startImport();
    const pixels = Array.from({ length: 20 * 64 }, (_, i) => (7 * i) % 256);
    const labels = Array.from({ length: 20 }, (_, i) => i % 4);
    await data.chooseFiles([
      { name: 'train-images-idx3-ubyte', content: idxBytes([20, 8, 8], pixels) },
      { name: 'train-labels-idx1-ubyte', content: idxBytes([20], labels) },
    ]);
    await expect(data.panel).toContainText('20 images, 8 × 8 · 4 classes');
    await data.importIt();
    await expect(data.panel).toContainText('Nothing is left out.');
    await data.panel.getByRole('button', { name: 'Close' }).click();
    await expect(data.list.getByRole('link')).toHaveCount(before + 2);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('what the files do not tell is chosen: the labels of a pair, the decimal mark', async ({
  labPage: page,
}) => {
  const data = new DataPage(page);
  await data.open();
  await data.startImport();
  await data.offerFiles([
    { name: 'a.idx', content: idxBytes([4, 2, 2], [...Array(16).keys()]) },
    { name: 'b.idx', content: idxBytes([4], [0, 1, 0, 1]) },
  ]);
  await expect(data.panel).toContainText('has no file of labels beside it');
  await expect(data.panel.getByRole('button', { name: 'Import' })).toBeDisabled();
  await data.panel.getByLabel('File of labels').selectOption('b.idx');
  await expect(data.panel).toContainText('4 images, 2 × 2 · 2 classes');
  expect(await accessibilityFaults(page)).toEqual([]);
  await data.importIt();
  await expect(data.panel).toContainText('Nothing is left out.');
  await data.panel.getByRole('button', { name: 'Close' }).click();

  await data.startImport();
  await data.offerFiles([{ name: 'commas.csv', content: 'a;y\n1,5;0\n2,5;1\n;1\n' }]);
  await expect(data.panel).toContainText('holds numbers with commas such as "1,5"');
  await data.panel.getByLabel('Decimal mark').selectOption('Comma');
  await expect(data.panel.getByRole('region', { name: 'First rows' })).toContainText('1.5');
  await data.importIt();
  await expect(data.panel).toContainText('1 of 3');
});

test('what cannot be read is told, and nothing is kept of it', async ({ labPage: page, lab }) => {
  const data = new DataPage(page);
  await data.open();
  await page.keyboard.press('i');
  const chosen = page.waitForEvent('filechooser');
  await data.panel.getByRole('button', { name: 'Choose files' }).click();
  await (await chosen).setFiles({ name: 'x.dat', mimeType: '', buffer: Buffer.from('abc') });
  await expect(data.panel).toContainText('is of no format that its name or first bytes tell');
  await data.panel.getByRole('button', { name: 'Cancel' }).click();
  await expect(data.panel).toHaveCount(0);
  await expect.poll(() => kept(lab.dataDir)).toEqual([]);
});
