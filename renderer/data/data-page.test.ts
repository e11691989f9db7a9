// @vitest-environment happy-dom
import { cleanup, render, screen, waitFor, within } from '@testing-library/svelte';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { settingsSchema } from '../../contract/api.ts';
import type { DatasetDetails, DatasetSummary, ImportPreview } from '../../contract/datasets.ts';
import { KronlabError } from '../../contract/errors.ts';
import App from '../App.svelte';
import { Lab } from '../state/lab.svelte.ts';
import { FakeClient } from '../test/fake-client.ts';
import { FakePort } from '../test/fake-port.ts';
import type { FileDoor } from '../transport/files.ts';

const summary = (changes: Partial<DatasetSummary>): DatasetSummary => ({
  ...{ id: 'a1', name: 'Concrete', bundled: false, kind: 'table', task: 'regression', examples: 3 },
  ...{
    shape: [2],
    classCount: 0,
    targets: ['y'],
    isSplit: false,
    bytes: 2048,
    tags: ['own'],
    runs: 2,
    importedMs: 1,
  },
  ...changes,
});
const range = { min: 0, max: 5, mean: 2, std: 1 };
const details = (set: DatasetSummary): DatasetDetails => ({
  summary: set,
  record: {
    ...set,
    ...{ hash: 'f'.repeat(64), shapes: { inputs: [3, 2] }, classes: ['cat', 'dog'], edgeColumns: [] },
    columns: [
      { name: 'size', type: 'number' },
      { name: 'colour', type: 'category', value: 'red' },
    ],
    splits: [],
    skipped: { total: 4, reasons: [{ reason: 'is empty', count: 4, first: 'm.csv, row 2' }] },
    source: { format: 'csv', files: ['m.csv'] },
    importedMs: 1,
    statistics: {
      ...{ bytes: 2048, classCounts: [1, 2], inputs: range, columns: [range, range], targets: [range] },
      ...{ meanImage: null, graphs: null },
    },
  },
  licence: null,
  origin: null,
  sample: { kind: 'table', columns: ['size', 'y'], rows: [['1.5', '2']] },
});
const preview: ImportPreview = {
  ...{ name: 'm', format: 'csv', files: 1, bytes: 12, kind: 'table', task: 'regression', examples: 2 },
  ...{ shape: [1], classes: [], splits: [], sample: null, skipped: { total: 0, reasons: [] } },
  table: {
    columns: [
      { name: 'a', type: 'number', different: 0, missing: 1, min: 1, max: 2 },
      { name: 'y', type: 'number', different: 0, missing: 0, min: 0, max: 4.5 },
    ],
    rows: [
      ['', '4.5'],
      ['2', '0'],
    ],
    ...{ read: 2, task: 'regression' },
  },
  ...{ candidates: ['a', 'y'], chosen: ['y'], targets: ['y'] },
};

let sets: DatasetSummary[];
let trashed: DatasetSummary[];
let client: FakeClient;
let lab: Lab;
const put = vi.fn<FileDoor['put']>(() => Promise.resolve());

beforeEach(() => {
  sets = [summary({ id: 'digits', name: 'Digits', bundled: true, runs: 0, tags: [] }), summary({})];
  trashed = [];
});
afterEach(() => {
  cleanup();
  put.mockClear();
});

async function open(path: string, answers: FakeClient['answers'] = {}): Promise<void> {
  history.replaceState(null, '', path);
  client = new FakeClient({
    'app.info': () => ({
      ...{ version: '0', host: 'browser', databasePath: '', databaseBytes: 0, nodeVersion: '24' },
      ...{ sqliteVersion: '3', notices: [] },
    }),
    'settings.get': () => settingsSchema.parse({}),
    'runs.list': () => [],
    'comparisons.list': () => [],
    'datasets.list': (input) => (input.trashed === true ? trashed : sets),
    'datasets.get': ({ id }) => details(sets.find((set) => set.id === id) ?? summary({ id })),
    'datasets.sample': () => ({ kind: 'text', text: 'Call me Ishmael.' }),
    'datasets.rename': ({ id, name }) => {
      sets = sets.map((set) => (set.id === id ? { ...set, name } : set));
      return sets.find((set) => set.id === id)!;
    },
    'datasets.tag': ({ id, tags }) => {
      sets = sets.map((set) => (set.id === id ? { ...set, tags } : set));
      return sets.find((set) => set.id === id)!;
    },
    'datasets.trash': ({ id, trashed: away }) => {
      const all = [...sets, ...trashed];
      const set = all.find((other) => other.id === id)!;
      sets = all.filter((other) => other.id !== id && !trashed.includes(other)).concat(away ? [] : [set]);
      trashed = away ? [set] : [];
      return { id };
    },
    'imports.open': () => ({ id: 'inbox-1' }),
    'imports.preview': () => preview,
    'imports.run': () => ({ record: details(summary({ name: 'm' })).record, outcome: 'new' }),
    'imports.cancel': () => ({ cancelled: true }),
    'imports.discard': ({ id }) => ({ id }),
    ...answers,
  });
  lab = new Lab({
    connect: () => Promise.resolve(client),
    createPort: () => new FakePort(),
    files: { put, choose: null },
  });
  render(App, { props: { lab } });
  await lab.start();
}

const click = (name: string | RegExp) => screen.getByRole('button', { name }).click();
const text = () => document.body.textContent.replace(/\s+/g, ' ');

async function chooseFile(): Promise<void> {
  click('Import');
  const input = await screen.findByLabelText('Files to import');
  Object.defineProperty(input, 'files', { value: [new File(['a,y\n1,2\n'], 'm.csv')] });
  input.dispatchEvent(new Event('change', { bubbles: true }));
  await screen.findByRole('heading', { name: 'Preview' });
}

test('lists the sets with their sizes, tags and runs', async () => {
  await open('/data');
  const list = await screen.findByRole('region', { name: 'All data sets' });
  expect(within(list).getAllByRole('link')).toHaveLength(2);
  const own = within(list).getByRole('link', { name: /Concrete/ });
  expect(own.textContent.replace(/\s+/g, ' ')).toMatch(/3 rows of 2 columns · regression 2 runs own/);
  expect(await within(list).findAllByText(/Call me Ishmael/)).toHaveLength(2);
});

test('says what is wrong, and tries again', async () => {
  let works = false;
  await open('/data', {
    'datasets.list': () => {
      if (works) return sets;
      throw new KronlabError('storage', 'The disk is away.');
    },
  });
  await screen.findByText('The disk is away.');
  works = true;
  click('Try again');
  await screen.findByRole('region', { name: 'All data sets' });
});

test('describes a set with its statistics and what was left out', async () => {
  await open('/data?set=a1');
  const panel = await screen.findByRole('region', { name: 'Concrete' });
  await within(panel).findByRole('heading', { name: 'Origin' });
  expect(within(panel).getByRole('rowheader', { name: 'colour = red' })).toBeTruthy();
  expect(within(panel).getByRole('rowheader', { name: 'dog' })).toBeTruthy();
  expect(text()).toContain('4 examples: is empty');
  expect(text()).toContain('drawn by seed for each comparison');
});

test('renames and tags where they stand, with undo', async () => {
  await open('/data?set=a1');
  const name = await screen.findByLabelText<HTMLInputElement>('Name of the data set');
  name.value = 'Cement';
  name.dispatchEvent(new Event('input', { bubbles: true }));
  name.dispatchEvent(new FocusEvent('blur'));
  await screen.findByText('Renamed.');
  click(/^Undo/);
  await waitFor(() => expect(sets.at(-1)!.name).toBe('Concrete'));
  const tag = await screen.findByLabelText<HTMLInputElement>('Add a tag');
  tag.value = 'small';
  tag.dispatchEvent(new Event('input', { bubbles: true }));
  tag.form!.dispatchEvent(new Event('submit', { bubbles: true, cancelable: true }));
  await waitFor(() => expect(sets.at(-1)!.tags).toEqual(['own', 'small']));
  await screen.findByRole('button', { name: 'Remove the tag small' });
  screen.getByRole('button', { name: 'Remove the tag own' }).click();
  await waitFor(() => expect(sets.at(-1)!.tags).toEqual(['small']));
});

test('the trash is emptied of what was seen there, after it has said what and how much', async () => {
  const bytes = 2048;
  trashed = [{ ...sets.find(({ bundled }) => !bundled)!, id: 'gone', name: 'Gone', bytes, runs: 2 }];
  await open('/data', {
    'datasets.emptyTrash': ({ ids }) => {
      trashed = trashed.filter(({ id }) => !ids.includes(id));
      return { ids: [...ids], bytes };
    },
  });
  click('Trash');
  (await screen.findByRole('button', { name: 'Empty the trash' })).click();
  const dialog = await screen.findByRole('dialog', { name: 'Empty the trash?' });
  expect(dialog.textContent.replace(/\s+/g, ' ')).toMatch(
    /1 data set of 2\S*.KiB is deleted from this disk.*2 runs .*Gone/s,
  );
  click('Keep it');
  await waitFor(() => expect(screen.queryByRole('dialog')).toBeNull());
  expect(client.inputs('datasets.emptyTrash')).toEqual([]);
  click('Empty the trash');
  (await screen.findByRole('button', { name: /^Delete 2.* for good$/ })).click();
  await screen.findByText(/^1 data set deleted; 2.* are free again\.$/);
  expect(client.inputs('datasets.emptyTrash')).toEqual([{ ids: ['gone'] }]);
  await screen.findByText('The trash is empty');
  expect(screen.queryByRole('button', { name: 'Empty the trash' })).toBeNull();
});

test('deletes into the trash, and brings back', async () => {
  await open('/data?set=a1');
  (await screen.findByRole('button', { name: 'Delete' })).click();
  await screen.findByText('“Concrete” moved to the trash.');
  expect(location.search).toBe('');
  click('Trash');
  (await screen.findByRole('button', { name: 'Restore Concrete' })).click();
  await screen.findByText('“Concrete” restored.');
  expect(sets.map((set) => set.id)).toContain('a1');
  await screen.findByText('The trash is empty');
});

test('keeps a set that runs need, and says which', async () => {
  await open('/data?set=a1', {
    'datasets.trash': () => {
      throw new KronlabError('invalid', '"Concrete" is needed by "AdamW, seed 1"; let it end first.');
    },
  });
  (await screen.findByRole('button', { name: 'Delete' })).click();
  await screen.findByText(/needed by "AdamW, seed 1"/);
  expect(location.search).toBe('?set=a1');
});

test('imports: files, a look at them, other choices, the report', async () => {
  await open('/data');
  await screen.findByRole('region', { name: 'All data sets' });
  await chooseFile();
  expect(put).toHaveBeenCalledWith(
    'inbox-1',
    [expect.objectContaining({ name: 'm.csv' })],
    expect.anything(),
    expect.anything(),
  );
  const table = screen.getByRole('region', { name: 'First rows' });
  expect(within(table).getByText(/1 missing/)).toBeTruthy();
  const type = within(table).getByLabelText<HTMLSelectElement>('Type of a');
  type.value = 'category';
  type.dispatchEvent(new Event('change', { bubbles: true }));
  await waitFor(() =>
    expect(client.inputs('imports.preview').at(-1)).toEqual({
      id: 'inbox-1',
      options: { types: { a: 'category' } },
    }),
  );
  const panel = screen.getByRole('region', { name: /^Import m/ });
  within(panel).getByRole('button', { name: 'Import' }).click();
  await screen.findByRole('link', { name: 'Show it' });
  expect(client.inputs('imports.run')).toEqual([{ id: 'inbox-1', options: { types: { a: 'category' } } }]);
  expect(text()).toContain('4 of 7');
  screen.getByRole('link', { name: 'Show it' }).click();
  await screen.findByRole('region', { name: 'Concrete' });
});

test('keeps the form where a choice does not fit, and ends the inbox when it is closed', async () => {
  let fails = false;
  await open('/data', {
    'imports.preview': () => {
      if (fails) throw new KronlabError('invalid', 'm.csv: holds texts');
      return preview;
    },
  });
  await screen.findByRole('region', { name: 'All data sets' });
  await chooseFile();
  fails = true;
  const target = screen.getByLabelText<HTMLSelectElement>('Target');
  target.value = 'a';
  target.dispatchEvent(new Event('change', { bubbles: true }));
  await screen.findByText('m.csv: holds texts');
  const panel = screen.getByRole('region', { name: /^Import m/ });
  expect(within(panel).getByRole<HTMLButtonElement>('button', { name: 'Import' }).disabled).toBe(true);
  within(panel).getByRole('button', { name: 'Cancel' }).click();
  await waitFor(() => expect(client.inputs('imports.discard')).toEqual([{ id: 'inbox-1' }]));
  expect(screen.queryByRole('region', { name: /^Import/ })).toBeNull();
});

/** Picks an option; the document of the tests knows `:checked` of inputs alone, by which selects are read. */
function choose(label: string, value: string): void {
  const select = screen.getByLabelText<HTMLSelectElement>(label);
  select.value = value;
  const option = [...select.options].find((candidate) => candidate.value === value);
  const asked = vi.spyOn(select, 'querySelector').mockReturnValue(option ?? null);
  select.dispatchEvent(new Event('change', { bubbles: true }));
  asked.mockRestore();
}

test('lets several labels be chosen, in the order of the file', async () => {
  await open('/data', {});
  await screen.findByRole('region', { name: 'All data sets' });
  await chooseFile();
  choose('Task', 'multi-label');
  const first = await screen.findByLabelText<HTMLInputElement>('a');
  expect(screen.getByLabelText<HTMLInputElement>('y').checked).toBe(true);
  expect(screen.queryByLabelText('Target')).toBeNull();
  first.click();
  await waitFor(() => {
    expect(client.inputs('imports.preview').at(-1)).toMatchObject({
      options: { task: 'multi-label', target: ['a', 'y'] },
    });
  });
  // A class is one column: the choice of several ends with it.
  choose('Task', 'classification');
  await screen.findByLabelText('Target');
  const { options } = client.inputs('imports.preview').at(-1) as { options: object };
  expect(options).toMatchObject({ task: 'classification' });
  expect(options).not.toHaveProperty('target');
});

/** The options of the last look at the files. */
const lastOptions = () => (client.inputs('imports.preview').at(-1) as { options: object }).options;

test('offers the dialect of a CSV file where it cannot be read as it is', async () => {
  await open('/data', {
    'imports.preview': ({ options }) => {
      if (options.decimal === ',') return preview;
      const choices = { format: 'csv' };
      throw new KronlabError('invalid', 'm.csv, column "a": holds numbers with commas', choices);
    },
  });
  await screen.findByRole('region', { name: 'All data sets' });
  click('Import');
  const input = await screen.findByLabelText('Files to import');
  Object.defineProperty(input, 'files', { value: [new File(['a;y\n1,5;2\n'], 'm.csv')] });
  input.dispatchEvent(new Event('change', { bubbles: true }));
  await screen.findByText(/holds numbers with commas/);
  choose('Decimal mark', ',');
  await screen.findByRole('heading', { name: 'Preview' });
  choose('First row', 'data');
  await waitFor(() => expect(lastOptions()).toEqual({ decimal: ',', header: false }));
  choose('Separator', ';');
  await waitFor(() => expect(lastOptions()).toEqual({ decimal: ',', header: false, separator: ';' }));
  // Another format has choices of its own.
  choose('Format', 'text');
  await waitFor(() => expect(lastOptions()).toEqual({ format: 'text' }));
});

test('lets the target of arrays, the task and the file of labels be chosen', async () => {
  const arrays: ImportPreview = {
    ...preview,
    ...{ format: 'npz', table: null, candidates: ['score', 'kind'], chosen: ['score'], targets: ['score0'] },
  };
  await open('/data', {
    'imports.preview': ({ options }) => {
      if (options.format === 'idx') {
        if (options.labels === 'b.idx') return { ...arrays, format: 'idx', candidates: [], chosen: [] };
        throw new KronlabError('invalid', 'a.idx: has no file of labels', { files: ['a.idx', 'b.idx'] });
      }
      if (options.target !== undefined) return { ...arrays, chosen: [options.target].flat() };
      throw new KronlabError('invalid', 'a.npz: its arrays are', { format: 'npz', targets: ['x', 'score'] });
    },
  });
  await screen.findByRole('region', { name: 'All data sets' });
  click('Import');
  const input = await screen.findByLabelText('Files to import');
  Object.defineProperty(input, 'files', { value: [new File(['x'], 'a.npz')] });
  input.dispatchEvent(new Event('change', { bubbles: true }));
  await screen.findByText(/its arrays are/);
  choose('Target', 'score');
  await screen.findByRole('heading', { name: 'Preview' });
  choose('Target', 'kind');
  choose('Task', 'regression');
  await waitFor(() => expect(lastOptions()).toMatchObject({ target: 'kind', task: 'regression' }));
  choose('Format', 'idx');
  await screen.findByLabelText('File of labels');
  choose('File of labels', 'b.idx');
  await waitFor(() => expect(lastOptions()).toEqual({ format: 'idx', labels: 'b.idx' }));
  expect(await screen.findByLabelText('File of labels')).toBeTruthy();
});

test('says what became of data that was there already, and what this import left out', async () => {
  await open('/data', {
    'imports.run': () => ({ record: details(summary({ name: 'Old' })).record, outcome: 'repaired' }),
  });
  await screen.findByRole('region', { name: 'All data sets' });
  await chooseFile();
  const panel = screen.getByRole('region', { name: /^Import m/ });
  within(panel).getByRole('button', { name: 'Import' }).click();
  await screen.findByText(/already, as “Old”; it was damaged and is whole again/);
  expect(text()).toContain('4 of 7');
});

test('shows how many examples have each label, and of how many nobody knows', async () => {
  const set = summary({ task: 'multi-label', targets: ['toxic', 'soluble'] });
  const shown = details(set);
  const labels = [
    { positive: 1, negative: 3, missing: 1 },
    { positive: 0, negative: 0, missing: 5 },
  ];
  const statistics = { ...shown.record.statistics, targets: null, labels };
  await open('/data?set=a1', {
    'datasets.get': () => ({ ...shown, record: { ...shown.record, statistics } }),
  });
  const table = await screen.findByRole('table', { name: 'Shares of each label' });
  const rows = within(table)
    .getAllByRole('row')
    .slice(1)
    .map((row) => [...row.children].map((cell) => cell.textContent));
  expect(rows).toEqual([
    ['toxic', '25.0 %', '20.0 %'],
    ['soluble', '–', '100.0 %'],
  ]);
});

test('shows how far it is, and goes back to the choices when it is cancelled', async () => {
  let end: (error: KronlabError) => void = () => undefined;
  await open('/data', {
    'imports.run': () => new Promise((_, reject) => (end = reject)),
    'imports.cancel': () => {
      end(new KronlabError('cancelled', 'Cancelled; nothing was kept.'));
      return { cancelled: true };
    },
  });
  await screen.findByRole('region', { name: 'All data sets' });
  await chooseFile();
  const panel = screen.getByRole('region', { name: /^Import m/ });
  within(panel).getByRole('button', { name: 'Import' }).click();
  await screen.findByRole('progressbar');
  client.emit('imports.progress', { id: 'inbox-1', phase: 'reading', file: 'm.csv', fraction: 0.4 });
  client.emit('imports.progress', { id: 'other', phase: 'reading', file: 'x.csv', fraction: 0.9 });
  await waitFor(() => expect(panel.textContent.replace(/\s+/g, ' ')).toContain('Reading m.csv 40 %'));
  within(panel).getByRole('button', { name: 'Cancel' }).click();
  await screen.findByRole('heading', { name: 'Preview' });
  expect(screen.queryByRole('alert')).toBeNull();
});

test('fetches Fashion-MNIST at one click', async () => {
  await open('/data', { 'imports.fetch': () => ({ origin: 'machine' }) });
  await screen.findByRole('region', { name: 'All data sets' });
  click('Import');
  (await screen.findByRole('button', { name: 'Get Fashion-MNIST' })).click();
  await screen.findByRole('heading', { name: 'Preview' });
  expect(client.inputs('imports.fetch')).toEqual([{ id: 'inbox-1', set: 'fashion-mnist' }]);
  expect(client.inputs('imports.preview')).toEqual([{ id: 'inbox-1', options: { name: 'Fashion-MNIST' } }]);
});
