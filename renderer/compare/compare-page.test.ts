// @vitest-environment happy-dom
import { cleanup, render, screen, waitFor, within } from '@testing-library/svelte';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { settingsSchema, type ApiInput } from '../../contract/api.ts';
import type { Comparison, RunSummary, Series } from '../../contract/runs.ts';
import App from '../App.svelte';
import { plainText } from '../../training/charts/verdict-sentence.ts';
import { CompareView } from './compare-view.svelte.ts';
import { Lab } from '../state/lab.svelte.ts';
import { FakeClient } from '../test/fake-client.ts';
import { FakePort } from '../test/fake-port.ts';
import { adamw, expand, reduce, testGroup } from '../../training/statistics/test-runs.ts';

const slow = testGroup('AdamW', adamw, [
  [0.5, 0.7, 0.8, 0.94],
  [0.5, 0.7, 0.8, 0.95],
  [0.5, 0.7, 0.8, 0.96],
]);
const fast = testGroup(
  'K-FAC expand',
  expand,
  [
    [0.5, 0.94],
    [0.6, 0.95],
    [0.5, 0.96],
  ],
  150,
);
const never = testGroup('K-FAC reduce', reduce, [
  [0.5, 0.6],
  [0.5, 0.7],
  [0.1, 0.867],
]);
const groups = [slow, fast, never];
const runs: RunSummary[] = groups.flatMap((group) => group.runs);
const series: Series[] = groups.flatMap((group) => group.series);
const comparison: Comparison = {
  id: 'c1',
  name: 'Test comparison',
  createdMs: 1,
  runIds: runs.map((run) => run.id),
};

let exported: ApiInput<'export.create'>[] = [];
let listed: RunSummary[] = [];
let seriesError: Error | null = null;

async function open(path: string): Promise<Lab> {
  history.replaceState(null, '', path);
  const client = new FakeClient({
    'app.info': () => ({
      version: '0.1.0',
      host: 'browser',
      databasePath: '/data/kronlab.sqlite3',
      databaseBytes: 4096,
      nodeVersion: '24',
      sqliteVersion: '3',
      notices: [],
    }),
    'settings.get': () => settingsSchema.parse({}),
    'settings.set': (patch) => settingsSchema.parse(patch),
    'comparisons.list': () => (listed.length === 0 ? [] : [comparison]),
    'runs.list': () => listed,
    'runs.series': ({ runIds, keys }) => {
      if (seriesError !== null) throw seriesError;
      return series.filter((s) => runIds.includes(s.runId) && keys.includes(s.key));
    },
    'export.create': (input) => {
      exported.push(input);
      return [{ name: 'metrics_long.csv' as const, rows: 26, content: 'a,b\r\n' }];
    },
  });
  const lab = new Lab({ connect: () => Promise.resolve(client), createPort: () => new FakePort() });
  render(App, { props: { lab } });
  await lab.start();
  return lab;
}

beforeEach(() => {
  exported = [];
  listed = runs;
  seriesError = null;
  // happy-dom lays nothing out: give the charts a size, as a window would.
  vi.spyOn(HTMLElement.prototype, 'clientWidth', 'get').mockReturnValue(600);
  vi.spyOn(HTMLElement.prototype, 'clientHeight', 'get').mockReturnValue(400);
});
afterEach(() => {
  cleanup();
  vi.restoreAllMocks();
});

const verdict = () => document.querySelector('.verdict')?.textContent.replace(/\s+/g, ' ').trim();
const wordsOf = (element: Element) => element.textContent.replace(/\s+/g, ' ').trim();
/** Cells of a table's rows, without its head. */
const cellsOf = (region: HTMLElement) =>
  within(region)
    .getAllByRole('row')
    .slice(1)
    .map((row) => [...row.children].map(wordsOf));
const tableRows = () => cellsOf(screen.getByRole('region', { name: /^To reach/ }));

function press(element: Element, key: string): void {
  element.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }));
}

test('the answer, both charts and the table, without naming a comparison', async () => {
  await open('/compare');
  await waitFor(() =>
    expect(verdict()).toBe('K-FAC expand reaches 0.930 in 0.50 × the steps and 0.75 × the time of AdamW.'),
  );
  expect(screen.getByRole('heading', { level: 1 }).textContent).toBe('Test comparison');
  expect(screen.getAllByRole('group', { name: /^Validation accuracy by/ })).toHaveLength(2);
  expect(tableRows()).toEqual([
    ['K-FAC expand', '3 of 3', '20[20, 20]', '0.50 ×', '3.0 s', '0.75 ×', '0.950', '100'],
    ['AdamW reference', '3 of 3', '40[40, 40]', '1 ×', '4.0 s', '1 ×', '0.950', '100'],
    ['K-FAC reduce', '0 of 3', 'Not reached · best 0.867 at step 20', '0.700', '100'],
  ]);
});

test('moving the target changes sentence and table at once, and the preset comes back', async () => {
  await open('/compare?comparison=c1');
  const slider = await screen.findByRole('slider', { name: 'Target validation accuracy' });
  expect(slider.getAttribute('aria-valuetext')).toBe('0.930');
  press(document.body, 't');
  expect(document.activeElement).toBe(slider);
  for (const key of ['.', '8', '6', 'Enter']) press(slider, key);
  await waitFor(() =>
    expect(screen.getByRole('heading', { level: 2, name: /0\.860 validation accuracy/ })).toBeTruthy(),
  );
  expect(tableRows()[2]).toContain('Not reached · by most seeds · best 0.867 at step 20');
  press(slider, 'ArrowDown');
  press(slider, 'PageDown');
  await waitFor(() => expect(slider.getAttribute('aria-valuetext')).toBe('0.848'));
  screen.getByRole('button', { name: /Back to preset 0\.930/ }).click();
  await waitFor(() => expect(slider.getAttribute('aria-valuetext')).toBe('0.930'));
  expect(screen.queryByRole('button', { name: /Back to preset/ })).toBeNull();
});

test('another reference turns the ratios round', async () => {
  const lab = await open('/runs');
  await lab.series.want(
    runs.map((run) => run.id),
    ['val.accuracy'],
  );
  const view = new CompareView(lab, () => runs);
  view.chooseReference(fast.runs[0]!.groupHash);
  expect(plainText(view.sentence)).toBe(
    'AdamW reaches 0.930 in 2.00 × the steps and 1.33 × the time of K-FAC expand.',
  );
});

test('the curves as a table, one row a step', async () => {
  await open('/compare');
  (await screen.findByRole('button', { name: 'Show as table' })).click();
  const [bySteps] = await screen.findAllByRole('region', { name: /^Validation accuracy by step/ });
  const heads = within(bySteps!).getAllByRole('columnheader').map(wordsOf);
  expect(heads).toEqual(['step', 'AdamW', 'K-FAC expand', 'K-FAC reduce']);
  expect(cellsOf(bySteps!)).toEqual([
    ['10', '0.5000', '0.5000', '0.5000'],
    ['20', '0.7000', '0.9500', '0.7000'],
    ['30', '0.8000', '', ''],
    ['40', '0.9500', '', ''],
  ]);
});

test('times are withheld across adapters, and the page says why', async () => {
  listed = runs.map((run) =>
    run.groupName === 'AdamW'
      ? { ...run, environment: { ...run.environment!, adapter: 'Another adapter' } }
      : run,
  );
  await open('/compare');
  await waitFor(() => expect(verdict()).toBe('K-FAC expand reaches 0.930 in 0.50 × the steps of AdamW.'));
  expect(screen.getByText(/Wall-clock is hidden: these runs used two adapters/)).toBeTruthy();
  expect(screen.queryByRole('columnheader', { name: 'Time' })).toBeNull();
});

test('a file is exported with the target and the reference that are shown', async () => {
  const saved: string[] = [];
  vi.spyOn(HTMLAnchorElement.prototype, 'click').mockImplementation(function (this: HTMLAnchorElement) {
    saved.push(this.download);
  });
  const lab = await open('/compare');
  (await screen.findByRole('button', { name: 'Export' })).click();
  const entry = await screen.findByText('Metrics, long');
  entry.click();
  await waitFor(() =>
    expect(lab.toasts.items.map((toast) => toast.text)).toEqual(['Exported 26 rows to metrics_long.csv.']),
  );
  expect(saved).toEqual(['metrics_long.csv']);
  expect(exported).toEqual([
    {
      runIds: runs.map((run) => run.id),
      kinds: ['metrics_long.csv'],
      target: { metric: 'val.accuracy', op: '>=', value: 0.93 },
      reference: slow.runs[0]!.groupHash,
    },
  ]);
});

test('nothing to compare, runs that are gone, and curves that cannot be loaded each say so', async () => {
  listed = [];
  await open('/compare');
  expect(await screen.findByText('Nothing to compare yet')).toBeTruthy();
  cleanup();
  listed = runs;
  await open('/compare?runs=gone');
  expect(await screen.findByText('These runs are not here')).toBeTruthy();
  cleanup();
  seriesError = new Error('The disk does not answer.');
  await open('/compare');
  expect(await screen.findByText('The disk does not answer.')).toBeTruthy();
  seriesError = null;
  screen.getByRole('button', { name: 'Try again' }).click();
  await waitFor(() => expect(verdict()).toContain('reaches 0.930'));
});
