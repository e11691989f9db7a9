// @vitest-environment happy-dom
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { DatasetRecord } from '../../contract/datasets.ts';
import { KronlabError } from '../../contract/errors.ts';
import { pieceBytes } from '../../contract/pieces.ts';
import type { AdapterReport } from '../../contract/training.ts';
import type { MetricBatch, RunSummary } from '../../contract/runs.ts';
import { FakeClient } from '../test/fake-client.ts';
import { FakePort } from '../test/fake-port.ts';
import { makeRun } from '../test/make-run.ts';
import { Toasts } from './toasts.svelte.ts';
import { TrainerStore } from './trainer.svelte.ts';

const environment = {
  adapter: 'SwiftShader (software)',
  vendor: 'google',
  architecture: 'swiftshader',
  software: true,
  host: 'Chromium 156',
  appVersion: '0.1.0',
};
const report: AdapterReport = { environment, features: [], limits: {}, subgroupSize: 4 };

let client: FakeClient;
let ports: FakePort[];
let trainer: TrainerStore;
let toasts: Toasts;

function port(): FakePort {
  const last = ports.at(-1);
  if (!last) throw new Error('no worker was started');
  return last;
}

function started(runId: string): void {
  port().say({ type: 'started', runId, environment, layers: [], parameters: 10 });
}

function batch(steps: number[]): MetricBatch {
  return {
    keys: steps.map(() => 'train.loss'),
    steps,
    activeMs: steps.map((step) => step * 10),
    wallMs: steps.map((step) => step * 12),
    values: steps.map((step) => 1 / step),
  };
}

const runA = makeRun({ id: 'a', groupName: 'AdamW' });
const runB = makeRun({ id: 'b', groupName: 'K-FAC expand' });
const runC = makeRun({ id: 'c', comparisonId: 'comparison-2' });

beforeEach(() => {
  vi.useFakeTimers();
  ports = [];
  toasts = new Toasts();
  const answer = (input: { id: string }): RunSummary => makeRun({ id: input.id });
  client = new FakeClient({
    'runs.start': answer,
    'runs.finish': answer,
    'runs.append': ({ metrics }) => ({ savedStep: Math.max(0, ...metrics.steps) }),
  });
  trainer = new TrainerStore(client, toasts, () => {
    const next = new FakePort();
    ports.push(next);
    return next;
  });
});
afterEach(() => {
  vi.useRealTimers();
});

test('runs are trained one after another, and each end is stored before the next begins', async () => {
  trainer.enqueue([runA, runB]);
  expect(port().requests).toEqual([{ type: 'train', runId: 'a', spec: runA.spec }]);
  started('a');
  port().say({ type: 'append', runId: 'a', metrics: batch([1, 2, 3]), events: [] });
  port().say({ type: 'finished', runId: 'a', result: { status: 'finished', lastStep: 3, activeMs: 30 } });
  await vi.advanceTimersByTimeAsync(0);
  expect(client.calls.map((call) => call.name)).toEqual(['runs.start', 'runs.append', 'runs.finish']);
  expect(client.inputs('runs.finish')).toEqual([
    { id: 'a', status: 'finished', lastStep: 3, activeMs: 30, error: null },
  ]);
  expect(port().requests.at(-1)).toEqual({ type: 'train', runId: 'b', spec: runB.spec });
  expect(trainer.live?.run.id).toBe('b');
});

test('says up to which step the run is saved', async () => {
  trainer.enqueue([runA]);
  started('a');
  port().say({ type: 'append', runId: 'a', metrics: batch([1, 2, 3, 4]), events: [] });
  expect(trainer.live?.savedStep).toBe(0);
  await vi.advanceTimersByTimeAsync(0);
  expect(trainer.live?.savedStep).toBe(4);
});

test('a full disk pauses the run, keeps its rows and goes on by itself when there is room', async () => {
  let full = true;
  client.answers['runs.append'] = ({ metrics }) => {
    if (full) throw new KronlabError('storage', 'The disk is full.');
    return { savedStep: Math.max(...metrics.steps) };
  };
  trainer.enqueue([runA]);
  started('a');
  port().say({ type: 'append', runId: 'a', metrics: batch([1, 2]), events: [] });
  await vi.advanceTimersByTimeAsync(0);
  expect(port().requests.at(-1)).toEqual({ type: 'command', command: 'pause' });
  expect(trainer.live?.trouble?.message).toBe('The disk is full.');
  port().say({ type: 'append', runId: 'a', metrics: batch([3]), events: [] });
  full = false;
  await vi.advanceTimersByTimeAsync(5000);
  expect(trainer.live?.trouble).toBeNull();
  expect(trainer.live?.savedStep).toBe(3);
  expect(port().requests.at(-1)).toEqual({ type: 'command', command: 'run' });
  const stored = client.inputs('runs.append').flatMap((input) => input.metrics.steps);
  expect(new Set(stored)).toEqual(new Set([1, 2, 3]));
});

test('a diverged run ends as diverged and the queue goes on', async () => {
  trainer.enqueue([runA, runB]);
  started('a');
  port().say({ type: 'finished', runId: 'a', result: { status: 'diverged', lastStep: 12, activeMs: 120 } });
  await vi.advanceTimersByTimeAsync(0);
  expect(client.inputs('runs.finish')[0]).toMatchObject({ id: 'a', status: 'diverged', lastStep: 12 });
  expect(trainer.live?.run.id).toBe('b');
});

test('a crash of the worker fails the run with a reason and starts another worker for the next', async () => {
  trainer.enqueue([runA, runB]);
  started('a');
  port().crash('out of memory');
  await vi.advanceTimersByTimeAsync(0);
  expect(client.inputs('runs.finish')[0]).toMatchObject({
    status: 'failed',
    error: 'The training worker stopped: out of memory',
  });
  expect(ports).toHaveLength(2);
  expect(ports[0]?.terminated).toBe(true);
  expect(port().requests).toEqual([{ type: 'train', runId: 'b', spec: runB.spec }]);
});

test('what a dead worker still says is not listened to', async () => {
  trainer.enqueue([runA, runB]);
  const dead = port();
  dead.crash('gone');
  await vi.advanceTimersByTimeAsync(0);
  dead.say({ type: 'finished', runId: 'b', result: { status: 'finished', lastStep: 200, activeMs: 1 } });
  await vi.advanceTimersByTimeAsync(0);
  expect(trainer.live?.run.id).toBe('b');
});

test('a device lost twice in a row holds the queue; the rest stays queued and can be released', async () => {
  trainer.enqueue([runA, runB, runC]);
  const lost = new KronlabError('device-lost', 'The GPU was lost.').toShape();
  port().say({ type: 'failed', runId: 'a', error: lost });
  await vi.advanceTimersByTimeAsync(0);
  expect(trainer.live?.run.id).toBe('b');
  port().say({ type: 'failed', runId: 'b', error: lost });
  await vi.advanceTimersByTimeAsync(0);
  expect(trainer.live).toBeNull();
  expect(trainer.held?.message).toBe('The GPU was lost.');
  expect(trainer.queue.map((run) => run.id)).toEqual(['c']);
  trainer.release();
  expect(trainer.live?.run.id).toBe('c');
});

test('without an adapter nothing fails: the run goes back to the head of the queue', async () => {
  trainer.enqueue([runA, runB]);
  const none = new KronlabError('no-adapter', 'No WebGPU adapter. Switch on Vulkan.').toShape();
  port().say({ type: 'failed', runId: 'a', error: none });
  await vi.advanceTimersByTimeAsync(0);
  expect(client.calls).toEqual([]);
  expect(trainer.queue.map((run) => run.id)).toEqual(['a', 'b']);
  expect(trainer.adapterError?.code).toBe('no-adapter');
});

test('probing tells which adapter there is', () => {
  trainer.probe();
  expect(port().requests).toEqual([{ type: 'probe' }]);
  port().say({ type: 'adapter', report });
  expect(trainer.adapter).toEqual(report);
  expect(trainer.adapterError).toBeNull();
});

test('pause, resume and stop reach the worker; stop is final', async () => {
  trainer.enqueue([runA]);
  started('a');
  trainer.pause();
  trainer.resume();
  trainer.stop();
  trainer.resume();
  const commands = port().requests.filter((request) => request.type === 'command');
  expect(commands.map((request) => request.command)).toEqual(['pause', 'run', 'stop']);
  port().say({ type: 'finished', runId: 'a', result: { status: 'stopped', lastStep: 7, activeMs: 70 } });
  await vi.advanceTimersByTimeAsync(0);
  expect(client.inputs('runs.finish')[0]).toMatchObject({ status: 'stopped', lastStep: 7 });
});

test('a worker that does not obey stop is ended, and the run is kept as stopped', async () => {
  trainer.enqueue([runA]);
  started('a');
  trainer.stop();
  await vi.advanceTimersByTimeAsync(31_000);
  expect(ports[0]?.terminated).toBe(true);
  expect(client.inputs('runs.finish')[0]).toMatchObject({ id: 'a', status: 'stopped' });
  expect(trainer.live).toBeNull();
});

test('stopping a comparison leaves its other runs queued in the store and other comparisons in the queue', () => {
  trainer.enqueue([runA, runB, runC]);
  started('a');
  expect(trainer.stopComparison('comparison-1')).toBe(1);
  expect(trainer.queue.map((run) => run.id)).toEqual(['c']);
  expect(port().requests.at(-1)).toEqual({ type: 'command', command: 'stop' });
  expect(client.inputs('runs.finish')).toEqual([]);
});

test('a run is never queued twice', () => {
  trainer.enqueue([runA, runB]);
  trainer.enqueue([runA, runB]);
  expect(trainer.queue.map((run) => run.id)).toEqual(['b']);
});

test('a run that the store refuses is stopped and the reason is told', async () => {
  client.answers['runs.start'] = () => {
    throw new KronlabError('invalid', 'The run is in the trash.');
  };
  trainer.enqueue([runA]);
  started('a');
  await vi.advanceTimersByTimeAsync(0);
  expect(toasts.items.map((toast) => toast.text)).toEqual(['The run is in the trash.']);
  expect(port().requests.at(-1)).toEqual({ type: 'command', command: 'stop' });
});

test('the worker gets the kernel choices of its adapter, and none where they cannot be read', async () => {
  const owner = { adapter: 'Card | maker | chip', version: '1' };
  client.answers['kernels.read'] = ({ adapter }) => ({ key: adapter });
  trainer.probe();
  port().say({ type: 'read-kernels', owner });
  await vi.advanceTimersByTimeAsync(0);
  expect(port().requests.at(-1)).toEqual({ type: 'kernels', choices: { key: owner.adapter } });

  client.answers['kernels.read'] = () => Promise.reject(new KronlabError('unavailable', 'closed'));
  port().say({ type: 'read-kernels', owner });
  await vi.advanceTimersByTimeAsync(0);
  expect(port().requests.at(-1)).toEqual({ type: 'kernels', choices: null });
});

test('what the worker measured is kept; a store that cannot keep it disturbs nothing', async () => {
  const owner = { adapter: 'Card | maker | chip', version: '1' };
  const choices = { key: 'name' };
  trainer.probe();
  port().say({ type: 'keep-kernels', owner, choices });
  await vi.advanceTimersByTimeAsync(0);
  expect(client.calls).toEqual([{ name: 'kernels.keep', input: { ...owner, choices } }]);
  expect(toasts.items).toEqual([]);
});

test('the worker gets the files of an imported data set piece by piece, or the reason why not', async () => {
  const record = datasetRecord('0123456789abcdef');
  client.answers['datasets.open'] = () => ({ record, bytes: 5 });
  client.answers['datasets.read'] = ({ start }) => ({
    bytes: start === 0 ? btoa('\u0001\u0002\u00ff') : btoa('ab'),
  });
  trainer.probe();
  port().say({ type: 'read-dataset', request: 7, id: record.id });
  await vi.advanceTimersByTimeAsync(0);
  expect(client.inputs('datasets.read').map(({ start }) => start)).toEqual([0, 3]);
  const bytes = Uint8Array.of(1, 2, 255, 97, 98);
  expect(port().requests.at(-1)).toEqual({ type: 'dataset', request: 7, answer: { record, bytes } });

  client.answers['datasets.read'] = () => ({ bytes: '' });
  port().say({ type: 'read-dataset', request: 8, id: record.id });
  await vi.advanceTimersByTimeAsync(0);
  expect(port().requests.at(-1)).toMatchObject({
    request: 8,
    answer: {
      error: { code: 'invalid', message: expect.stringContaining('changed while it was read') as unknown },
    },
  });
});

function datasetRecord(id: string): DatasetRecord {
  return {
    ...{ id, hash: '', name: 'Mine', tags: [], kind: 'table', task: 'regression', examples: 1, shapes: {} },
    ...{ classes: [], columns: [], edgeColumns: [], targets: ['y'], splits: [], importedMs: 0 },
    skipped: { total: 0, reasons: [] },
    source: { format: 'csv', files: [] },
    statistics: {
      ...{
        bytes: 0,
        classCounts: null,
        inputs: null,
        columns: null,
        targets: null,
        meanImage: null,
        graphs: null,
      },
    },
  };
}

test('the weights of a run are kept before its end is, and what cannot be kept does not hold it up', async () => {
  const bytes = Uint8Array.from({ length: pieceBytes + 3 }, (_, i) => i % 251);
  const pieces: { start: number; length: number }[] = [];
  client.answers['weights.keep'] = ({ start, bytes: piece, total }) => {
    expect(total).toBe(bytes.length);
    expect(client.inputs('runs.finish')).toEqual([]);
    pieces.push({ start, length: atob(piece).length });
    return { written: start + atob(piece).length };
  };
  trainer.enqueue([runA, runB]);
  started('a');
  port().say({ type: 'weights', runId: 'a', bytes: bytes.slice() });
  port().say({ type: 'finished', runId: 'a', result: { status: 'finished', lastStep: 3, activeMs: 30 } });
  await vi.waitFor(() => expect(client.inputs('runs.finish')).toHaveLength(1));
  expect(pieces).toEqual([
    { start: 0, length: pieceBytes },
    { start: pieceBytes, length: 3 },
  ]);

  client.answers['weights.keep'] = () => {
    throw new KronlabError('storage', 'The disk is full.');
  };
  await vi.waitFor(() => expect(trainer.live?.run.id).toBe('b'));
  started('b');
  port().say({ type: 'weights', runId: 'b', bytes: bytes.slice(0, 8) });
  port().say({ type: 'finished', runId: 'b', result: { status: 'finished', lastStep: 3, activeMs: 30 } });
  await vi.waitFor(() => expect(client.inputs('runs.finish')).toHaveLength(2));
  expect(toasts.items.map(({ text }) => text)).toContain('The disk is full.');
});

test('a run gets the file that it starts from, or the reason why not', async () => {
  trainer.enqueue([runA]);
  const bytes = new Uint8Array([5, 6, 7]);
  client.answers['weights.open'] = () => ({ bytes: bytes.length });
  client.answers['weights.read'] = ({ start }) => ({
    bytes: btoa(String.fromCharCode(...bytes.subarray(start))),
  });
  port().say({ type: 'read-weights', request: 1, hash: 'ab'.repeat(32) });
  await vi.waitFor(() =>
    expect(port().requests.at(-1)).toEqual({ type: 'weights', request: 1, answer: bytes }),
  );
  client.answers['weights.open'] = () => ({ bytes: null });
  port().say({ type: 'read-weights', request: 2, hash: 'cd'.repeat(32) });
  await vi.waitFor(() =>
    expect(port().requests.at(-1)).toMatchObject({ request: 2, answer: { error: { code: 'not-found' } } }),
  );
});
