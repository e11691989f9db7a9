// @vitest-environment happy-dom
import { cleanup, render, screen, waitFor, within } from '@testing-library/svelte';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { settingsSchema, type ApiInput } from '../contract/api.ts';
import { groupHash } from '../contract/group-hash.ts';
import { presetRuns, presets } from '../contract/presets.ts';
import type { RunSummary } from '../contract/runs.ts';
import App from './App.svelte';
import { Lab } from './state/lab.svelte.ts';
import { FakeClient } from './test/fake-client.ts';
import { FakePort } from './test/fake-port.ts';
import { makeRun } from './test/make-run.ts';

let stored: RunSummary[];
let client: FakeClient;
let port: FakePort;
let lab: Lab;

/** A Node side that keeps runs in an array: enough of the real one for what the pages do. */
function makeClient(): FakeClient {
  const listed = (trashed: boolean) => stored.filter((run) => (run.trashedMs !== null) === trashed);
  return new FakeClient({
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
    'comparisons.list': () => [],
    'comparisons.create': ({ name, runs }) => create(name, runs),
    'runs.list': ({ trashed = false }) => listed(trashed),
    'runs.get': ({ id }) => ({ run: stored.find((run) => run.id === id) ?? makeRun({ id }), events: [] }),
    'runs.series': () => [],
    'weights.open': () => ({ bytes: null }),
    'runs.trash': ({ ids, trashed }) => {
      stored = stored.map((run) => (ids.includes(run.id) ? { ...run, trashedMs: trashed ? 1 : null } : run));
      return { changed: ids.length };
    },
  });
}

function create(name: string, runs: ApiInput<'comparisons.create'>['runs']) {
  const rows = runs.map(({ groupName, spec }, i) =>
    makeRun({
      id: `new-${i}`,
      comparisonId: 'c',
      comparisonName: name,
      groupName,
      spec: spec as RunSummary['spec'],
      seed: spec.seed,
      groupHash: groupHash(spec as RunSummary['spec']),
    }),
  );
  stored.push(...rows);
  return { comparison: { id: 'c', name, createdMs: 1, runIds: rows.map((run) => run.id) }, runs: rows };
}

async function open(path: string): Promise<void> {
  history.replaceState(null, '', path);
  client = makeClient();
  port = new FakePort();
  lab = new Lab({ connect: () => Promise.resolve(client), createPort: () => port });
  render(App, { props: { lab } });
  await lab.start();
}

function press(key: string, options: KeyboardEventInit = {}): void {
  (document.activeElement ?? document.body).dispatchEvent(
    new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true, ...options }),
  );
}

const finished = (id: string, groupName: string, seed: number): RunSummary =>
  makeRun({
    id,
    groupName,
    groupHash: groupName,
    seed,
    status: 'finished',
    startedMs: 2,
    endedMs: 3,
    lastStep: 200,
  });

beforeEach(() => {
  stored = [];
  localStorage.clear();
});
afterEach(() => {
  cleanup();
  vi.restoreAllMocks();
});

test('a newcomer starts the default comparison with one click', async () => {
  await open('/runs');
  (await screen.findByRole('button', { name: 'Run the default comparison' })).click();
  await waitFor(() => expect(client.inputs('comparisons.create')).toHaveLength(1));
  const preset = presets['first-light'];
  expect(client.inputs('comparisons.create')[0]?.runs).toEqual(preset && presetRuns(preset));
  await waitFor(() => expect(location.pathname).toBe('/runs/new-0'));
  expect(port.requests.at(-1)).toMatchObject({ type: 'train', runId: 'new-0' });
  expect(lab.trainer.queue).toHaveLength(stored.length - 1);
});

test('runs are found by the filter; a filter that finds none says how many it hides', async () => {
  stored = [finished('a', 'AdamW', 1), finished('b', 'K-FAC reduce', 1)];
  await open('/runs');
  await screen.findByText('ViT · AdamW');
  const input = screen.getByLabelText<HTMLInputElement>('Filter runs');
  input.value = 'reduce';
  input.dispatchEvent(new Event('input', { bubbles: true }));
  await waitFor(() => expect(screen.queryByText('ViT · AdamW')).toBeNull());
  expect(screen.getByText('ViT · K-FAC reduce')).toBeTruthy();
  input.value = 'nothing';
  input.dispatchEvent(new Event('input', { bubbles: true }));
  await screen.findByText('No run matches');
  expect(screen.getByText('2 runs are hidden by the filter.')).toBeTruthy();
  screen.getByRole('button', { name: 'Clear filter' }).click();
  await screen.findByText('ViT · AdamW');
});

test('deleted runs go to the trash at once and Ctrl Z brings them back', async () => {
  stored = [finished('a', 'AdamW', 1), finished('b', 'AdamW', 2), finished('c', 'K-FAC reduce', 1)];
  await open('/runs');
  (await screen.findByRole('checkbox', { name: 'Select ViT · AdamW' })).click();
  (await screen.findByRole('button', { name: 'Delete' })).click();
  await screen.findByText('2 runs moved to the trash.');
  await waitFor(() => expect(screen.queryByText('ViT · AdamW')).toBeNull());
  document.body.focus();
  press('z', { ctrlKey: true });
  await screen.findByText('ViT · AdamW');
  expect(stored.every((run) => run.trashedMs === null)).toBe(true);
});

test('the weights that a run ended with are saved as a file, named after the run; a run without any offers none', async () => {
  stored = [finished('a', 'AdamW', 1)];
  await open('/runs/a');
  await waitFor(() => expect(client.inputs('weights.open')).toHaveLength(1));
  expect(screen.queryByRole('button', { name: /^Save weights/ })).toBeNull();
  cleanup();

  const bytes = new Uint8Array([1, 2, 3, 250]);
  const saved: Blob[] = [];
  vi.spyOn(URL, 'createObjectURL').mockImplementation((blob) => (saved.push(blob as Blob), 'blob:x'));
  let name = '';
  vi.spyOn(HTMLAnchorElement.prototype, 'click').mockImplementation(function (this: HTMLAnchorElement) {
    name = this.download;
  });
  await open('/runs');
  client.answers['weights.open'] = () => ({ bytes: bytes.length });
  client.answers['weights.read'] = ({ start }) => ({
    bytes: btoa(String.fromCharCode(...bytes.subarray(start))),
  });
  lab.router.go('/runs/a');
  (await screen.findByRole('button', { name: /^Save weights, 4/ })).click();
  await waitFor(() => expect(saved).toHaveLength(1));
  expect(new Uint8Array(await saved[0]!.arrayBuffer())).toEqual(bytes);
  expect(name).toBe('vit-adamw-seed-1.safetensors');
});

test('a file of weights is chosen in the form, described, and given up again', async () => {
  await open('/new');
  const hash = 'ab'.repeat(32);
  const put = vi.spyOn(lab.files, 'put').mockResolvedValue();
  client.answers['imports.open'] = () => ({ id: 'inbox-01' });
  client.answers['weights.take'] = () => ({
    ...{ hash, bytes: 2048 },
    tensors: [{ name: 'patch.weight', type: 'f32', shape: [1, 1] }],
  });
  const input = await screen.findByLabelText<HTMLInputElement>('File of weights');
  const file = new File(['x'], 'net.safetensors');
  Object.defineProperty(input, 'files', { value: [file] });
  input.dispatchEvent(new Event('change', { bubbles: true }));
  const group = await screen.findByRole('group', { name: 'First values' });
  await within(group).findByText(hash.slice(0, 12));
  expect(put).toHaveBeenCalledWith(
    'inbox-01',
    [{ name: 'net.safetensors', file }],
    expect.anything(),
    expect.anything(),
  );
  expect(client.inputs('weights.take')).toEqual([{ inbox: 'inbox-01' }]);
  await within(group).findByText(
    /^They do not fit the model: abababababab, tensor "patch\.weight": has the shape \[1, 1\]/,
    {},
    // The model code comes after the page, and is large.
    { timeout: 15_000 },
  );
  expect(screen.getByRole<HTMLButtonElement>('button', { name: 'Start' }).disabled).toBe(true);
  within(group).getByRole('button', { name: 'Draw instead' }).click();
  await within(group).findByText('Drawn from each run’s seed');
  await waitFor(() =>
    expect(screen.getByRole<HTMLButtonElement>('button', { name: 'Start' }).disabled).toBe(false),
  );
});

test('the trash of runs is emptied after it has said how many runs and how many bytes go', async () => {
  stored = [{ ...finished('a', 'AdamW', 1), name: 'Old run', trashedMs: 1 }, finished('b', 'SGD', 1)];
  await open('/runs');
  client.answers['weights.total'] = () => ({ bytes: 2048 });
  client.answers['runs.emptyTrash'] = ({ ids }) => {
    stored = stored.filter(({ id }) => !ids.includes(id));
    return { ids: [...ids] };
  };
  (await screen.findByRole('button', { name: 'Trash' })).click();
  (await screen.findByRole('button', { name: 'Empty the trash' })).click();
  const dialog = await screen.findByRole('dialog', { name: 'Empty the trash?' });
  expect(dialog.textContent.replace(/\s+/g, ' ')).toMatch(
    /1 run with its curves, events and 2.*KiB of weights is deleted .*Old run.*200 steps/,
  );
  within(dialog).getByRole('button', { name: 'Keep it' }).click();
  await waitFor(() => expect(screen.queryByRole('dialog')).toBeNull());
  expect(client.inputs('runs.emptyTrash')).toEqual([]);
  screen.getByRole('button', { name: 'Empty the trash' }).click();
  (await screen.findByRole('button', { name: 'Delete 1 run for good' })).click();
  await screen.findByText('The trash is empty');
  expect(client.inputs('runs.emptyTrash')).toEqual([{ ids: ['a'] }]);
});

test('a run in training is not deleted, and it is said why', async () => {
  stored = [{ ...finished('a', 'AdamW', 1), status: 'running' }];
  await open('/runs');
  (await screen.findByRole('checkbox', { name: 'Select ViT · AdamW' })).click();
  (await screen.findByRole('button', { name: 'Delete' })).click();
  await screen.findByText('1 run in training cannot be deleted. Stop it first.');
  expect(client.inputs('runs.trash')).toEqual([]);
});

test('C compares what is selected, and Back finds filter and selection again', async () => {
  stored = [finished('a', 'AdamW', 1), finished('b', 'K-FAC reduce', 1)];
  await open('/runs');
  lab.runsView.filter = 'adam';
  (await screen.findByRole('checkbox', { name: 'Select ViT · AdamW' })).click();
  await screen.findByText('1 run in 1 group');
  press('c');
  await waitFor(() => expect(location.pathname + location.search).toBe('/compare?runs=a'));
  lab.router.go('/runs');
  expect(await screen.findByText('1 run in 1 group')).toBeTruthy();
  expect(screen.getByLabelText<HTMLInputElement>('Filter runs').value).toBe('adam');
});

test('a wrong field says what would be right and keeps Start away', async () => {
  await open('/new');
  const damping = await screen.findByLabelText<HTMLInputElement>('K-FAC expand: Damping');
  damping.value = '-1';
  damping.dispatchEvent(new Event('input', { bubbles: true }));
  await screen.findByText('Damping must be above 0; try 0.001 to 0.1.');
  expect(damping.getAttribute('aria-invalid')).toBe('true');
  expect(screen.getByRole<HTMLButtonElement>('button', { name: 'Start' }).disabled).toBe(true);
  damping.value = '0.03';
  damping.dispatchEvent(new Event('input', { bubbles: true }));
  await waitFor(() =>
    expect(screen.getByRole<HTMLButtonElement>('button', { name: 'Start' }).disabled).toBe(false),
  );
  screen.getByRole('button', { name: 'Start' }).click();
  await waitFor(() => expect(client.inputs('comparisons.create')).toHaveLength(1));
  const dampings = client
    .inputs('comparisons.create')[0]
    ?.runs.flatMap(({ groupName, spec }) =>
      groupName === 'K-FAC expand' && 'damping' in spec.optimizer ? [spec.optimizer.damping] : [],
    );
  expect(new Set(dampings)).toEqual(new Set([0.03]));
});

test('the draft is kept with the settings', async () => {
  await open('/new');
  const name = await screen.findByLabelText<HTMLInputElement>('Name');
  name.value = 'Mine';
  name.dispatchEvent(new Event('input', { bubbles: true }));
  await waitFor(() => expect(client.inputs('settings.set').at(-1)?.draft).toContain('"name":"Mine"'), {
    timeout: 3000,
  });
});

test('the sheet of keys lists what works on the page, and Escape closes it', async () => {
  stored = [finished('a', 'AdamW', 1)];
  await open('/runs');
  await screen.findByText('ViT · AdamW');
  press('?');
  const sheet = await screen.findByRole('dialog', { name: 'Keys' });
  expect(within(sheet).getByText('Compare the selected runs')).toBeTruthy();
  sheet.dispatchEvent(new Event('cancel', { cancelable: true }));
  await waitFor(() => expect(screen.queryByRole('dialog', { name: 'Keys' })).toBeNull());
});

test('without an adapter the GPU page says what to switch on, and stored runs stay readable', async () => {
  await open('/gpu');
  port.say({
    type: 'failed',
    runId: null,
    error: { code: 'no-adapter', message: 'No WebGPU adapter was found.' },
  });
  await screen.findByText('Nothing can be trained here yet: there is no WebGPU adapter.');
  expect(screen.getByText('What to switch on')).toBeTruthy();
  expect(screen.getByText('No WebGPU adapter')).toBeTruthy();
});

test('an unknown address says so', async () => {
  await open('/nowhere');
  await screen.findByText('There is no page here');
});
