/**
 * The story the lab exists for: from nothing to a comparison that was set up by hand, trained on the GPU API, closed,
 * found again, compared and exported, and whose files say the same as the page.
 */
import { ComparePage } from './support/compare-page.ts';
import { parseCsv, readDownloads, type Row } from './support/csv.ts';
import { expect, test } from './support/lab.ts';
import { NewComparisonPage } from './support/new-comparison-page.ts';
import { recordTexts } from './support/record-texts.ts';
import { readCount, RunPage } from './support/run-page.ts';
import { RunsPage } from './support/runs-page.ts';

const groups = ['AdamW', 'K-FAC expand', 'SGD'];
const seeds = [1, 2];
const steps = 40;
const evaluateEvery = 10;
const atEveryStep = ['train.loss', 'train.lr', 'time.step_ms'];
const atEveryEvaluation = ['val.loss', 'val.accuracy', 'val.ece'];
const observationsOfARun = atEveryStep.length * steps + atEveryEvaluation.length * (steps / evaluateEvery);

test('a first comparison, from the empty lab to the files', async ({ labPage: page }) => {
  const runs = new RunsPage(page);
  await expect(page.getByRole('heading', { name: 'No runs yet' })).toBeVisible();

  await test.step('set up a comparison', async () => {
    await page.getByRole('link', { name: 'Set up another' }).click();
    const form = new NewComparisonPage(page);
    await form.choose('Start from', 'First light: handwritten digits');
    await expect(page.getByText('The form now holds “First light: handwritten digits”.')).toBeVisible();
    await form.startButton.click({ trial: true, timeout: 3000 });
    await form.fill('Name', 'A first look');
    await form.chooseDataset('Handwritten digits');
    await form.choose('Architecture', 'MLP');
    await form.fill('Hidden widths', '16');
    await form.removeOptimiser('K-FAC reduce');
    await form.choose('Grafting control: optimiser', 'SGD with momentum');
    await form.fill('Name of group 3', 'SGD');
    await form.fill('SGD: Learning rate', 'a lot');
    await expect(form.startButton).toBeDisabled();
    await form.fill('SGD: Learning rate', '0.05');
    await form.fill('Steps', String(steps));
    await form.fill('Evaluate every', String(evaluateEvery));
    await form.fill('Seeds', seeds.join(', '));
    await form.fill('Warm-up steps', '5');
    await form.fill('Value', '0.5');
    await expect(page.getByText(`${groups.length * seeds.length}runs`)).toBeVisible();
    await form.start();
  });

  await test.step('watch it train', async () => {
    const run = new RunPage(page);
    const stripTexts = await recordTexts(page, '.strip');
    const titles = await recordTexts(page, 'h1');
    await expect(
      run
        .chart(/^Validation accuracy by step/)
        .locator('path.line')
        .first(),
    ).toBeAttached({
      timeout: 60_000,
    });
    await run.waitForAllDone();
    await expect(run.status).toHaveText('Finished');
    expect(await run.step()).toBe(steps);
    const seen = await stripTexts();
    const onTheWay = seen.filter((text) => /^(10|20|30) of 40 steps/.test(text));
    expect(onTheWay, 'the progress is seen between its ends').not.toEqual([]);
    expect(seen.some((text) => /about .* left/.test(text))).toBe(true);
    expect(seen.some((text) => /\b[1-9]\d*saved up to step/.test(text))).toBe(true);
    for (const group of groups) {
      for (const seed of seeds) expect(await titles()).toContain(`MLP · ${group} · seed ${seed}`);
    }
  });

  await test.step('find it again after a reload', async () => {
    await page.reload();
    await runs.open();
    await expect(runs.groups).toHaveCount(groups.length);
    for (const group of groups) await expect(runs.group(group)).toContainText('2 of 2 done');
    await page.keyboard.press('/');
    await page.keyboard.type('expand status:finished');
    await expect(runs.groups).toHaveCount(1);
    await expect(page.getByText('2 of 6', { exact: true })).toBeVisible();
    await page.keyboard.press('Escape');
    await page.keyboard.press('Escape');
    await expect(runs.groups).toHaveCount(groups.length);
  });

  await test.step('select with the keyboard and compare', async () => {
    for (let i = 0; i < groups.length; i++) {
      await page.keyboard.press('j');
      await page.keyboard.press('Space');
    }
    await expect(runs.selection).toContainText('6 runs in 3 groups');
    await page.keyboard.press('c');
    await expect(page).toHaveURL(/\/compare\?runs=/);
  });

  const compare = new ComparePage(page);
  await test.step('read the answer', async () => {
    await expect(compare.verdict).toContainText('0.500');
    await expect(compare.target).toHaveAttribute('aria-valuetext', '0.500');
    await expect(compare.chart(/by step/).locator('path.line')).toHaveCount(groups.length);
    await expect(compare.chart(/by training time/).locator('path.line')).toHaveCount(groups.length);
    for (const group of groups) expect(await compare.cell(group, 'Reached')).toMatch(/^[012] of 2$/);
  });

  await test.step('move the target with the keyboard', async () => {
    await page.keyboard.press('t');
    await expect(compare.target).toBeFocused();
    await page.keyboard.type('0.999');
    await page.keyboard.press('Enter');
    await expect(compare.target).toHaveAttribute('aria-valuetext', '0.999');
    for (const group of groups) await expect(compare.row(group)).toContainText(/0 of 2\s*Not reached/);
    await page.getByRole('button', { name: 'Back to preset 0.500' }).click();
    await compare.target.focus();
    await page.keyboard.press('PageUp');
    await page.keyboard.press('ArrowUp');
    await page.keyboard.press('ArrowDown');
    await expect(compare.target).toHaveAttribute('aria-valuetext', '0.510');
    await expect(page.getByRole('heading', { name: 'To reach 0.510 validation accuracy' })).toBeVisible();
    await expect(compare.verdict).toContainText('0.510');
  });

  await test.step('export, and read the files', async () => {
    const menu = await compare.openExportMenu();
    const promised = (await menu.innerText()).replace(/\s+/g, ' ');
    await page.keyboard.press('Escape');
    const files = await readDownloads(await compare.export(/^All of these/, 4));
    expect([...files.keys()].sort()).toEqual([
      'comparison.csv',
      'comparison.svg',
      'metrics_long.csv',
      'runs.csv',
    ]);
    const csv = (name: string) => parseCsv(files.get(name) ?? '');
    const metrics = csv('metrics_long.csv');
    checkMetrics(metrics.columns, metrics.rows);
    checkRuns(csv('runs.csv').rows, metrics.rows);
    await checkComparison(csv('comparison.csv').columns, csv('comparison.csv').rows, metrics.rows, compare);
    expect(promised).toContain(`metrics_long.csv: one observation a row ${metrics.rows.length} rows`);
    expect(promised).toContain('runs.csv: settings and best values 6 rows');
    expect(promised).toContain('comparison.csv: steps, time, ratios 3 rows');
    for (const group of groups) expect(files.get('comparison.svg')).toContain(group);
  });
});

const long = 'run_id,run_name,group,seed,metric,step,epoch,process_time_s,wall_time_s,value';

function checkMetrics(columns: readonly string[], rows: readonly Row[]): void {
  expect(columns.join(',')).toBe(long);
  expect(rows).toHaveLength(groups.length * seeds.length * observationsOfARun);
  const byRun = Map.groupBy(rows, (row) => `${row['group']} ${row['seed']}`);
  const runNames = groups.flatMap((group) => seeds.map((seed) => `${group} ${seed}`));
  expect([...byRun.keys()].sort()).toEqual([...runNames].sort());
  const everyStep = Array.from({ length: steps }, (_, i) => i + 1);
  const evaluations = everyStep.filter((step) => step % evaluateEvery === 0);
  for (const own of byRun.values()) {
    const stepsOf = (metric: string) =>
      own.filter((row) => row['metric'] === metric).map((row) => Number(row['step']));
    for (const metric of atEveryStep) expect(stepsOf(metric)).toEqual(everyStep);
    for (const metric of atEveryEvaluation) expect(stepsOf(metric)).toEqual(evaluations);
    const losses = own.filter((row) => row['metric'] === 'train.loss').map((row) => Number(row['value']));
    expect(losses.every((loss) => Number.isFinite(loss) && loss > 0)).toBe(true);
    expect(losses.at(-1), 'it has learnt something').toBeLessThan(losses[0] ?? 0);
  }
}

/** Step of the first evaluation at the target, from the raw rows; Infinity where there is none. */
function stepsToTarget(metrics: readonly Row[], run: Row, target: number): number {
  const hits = metrics.filter(
    (row) =>
      row['run_id'] === run['run_id'] && row['metric'] === 'val.accuracy' && Number(row['value']) >= target,
  );
  return Math.min(...hits.map((row) => Number(row['step'])));
}

function checkRuns(rows: readonly Row[], metrics: readonly Row[]): void {
  expect(rows).toHaveLength(groups.length * seeds.length);
  for (const row of rows) {
    expect(row).toMatchObject({
      comparison: 'A first look',
      status: 'finished',
      last_step: String(steps),
      'param.model.kind': 'mlp',
      'param.batchSize': '64',
      'param.steps': String(steps),
      'metric.train.loss.n': String(steps),
      'metric.val.accuracy.n': String(steps / evaluateEvery),
      'target.val.accuracy.value': '0.51',
    });
    const reachedAt = stepsToTarget(metrics, row, 0.51);
    expect(row['target.val.accuracy.reached']).toBe(String(reachedAt < Infinity));
    expect(row['target.val.accuracy.step']).toBe(reachedAt < Infinity ? String(reachedAt) : '');
  }
  expect(rows.filter((row) => row['group'] === 'SGD').map((row) => row['param.optimizer.lr'])).toEqual([
    '0.05',
    '0.05',
  ]);
}

const comparisonColumns =
  'group,optimizer,n,n_reached,steps_to_target_median,steps_to_target_min,steps_to_target_max,steps_ratio,' +
  'time_to_target_s_median,time_ratio,final_metric_median';

/** The file, the page and the raw rows agree, group by group. */
async function checkComparison(
  columns: readonly string[],
  rows: readonly Row[],
  metrics: readonly Row[],
  page: ComparePage,
): Promise<void> {
  expect(columns.join(',')).toBe(comparisonColumns);
  expect(rows.map((row) => row['group']).sort()).toEqual([...groups].sort());
  const runs = [...new Map(metrics.map((row) => [row['run_id'], row])).values()];
  for (const row of rows) {
    const group = row['group'] ?? '';
    const hits = runs.filter((run) => run['group'] === group).map((run) => stepsToTarget(metrics, run, 0.51));
    const reached = hits.filter((step) => step < Infinity);
    const median = ((hits[0] ?? NaN) + (hits[1] ?? NaN)) / 2;
    expect(row).toMatchObject({
      n: '2',
      n_reached: String(reached.length),
      steps_to_target_median: median < Infinity ? String(median) : '',
      steps_to_target_min: reached.length > 0 ? String(Math.min(...reached)) : '',
      steps_to_target_max: reached.length > 0 ? String(Math.max(...reached)) : '',
    });
    expect(await page.cell(group, 'Reached')).toBe(`${reached.length} of 2`);
    if (median < Infinity) expect(readCount(await page.cell(group, 'Steps'))).toBe(median);
    else await expect(page.row(group)).toContainText('Not reached');
  }
}
