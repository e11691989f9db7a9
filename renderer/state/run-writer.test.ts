import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { KronlabError } from '../../contract/errors.ts';
import { FakeClient } from '../test/fake-client.ts';
import { makeRun } from '../test/make-run.ts';
import { emptyBatch, joinBatch, RunWriter } from './run-writer.ts';

const environment = {
  adapter: 'a',
  vendor: 'v',
  architecture: 'x',
  software: false,
  host: 'h',
  appVersion: '0',
};
const rows = (step: number) => ({
  keys: ['train.loss' as const],
  steps: [step],
  activeMs: [step],
  wallMs: [step],
  values: [0.5],
});

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test('rows that come while a call is under way go out together, in order', async () => {
  const releases: (() => void)[] = [];
  const client = new FakeClient({
    'runs.append': async ({ metrics }) => {
      await new Promise<void>((resolve) => releases.push(resolve));
      return { savedStep: metrics.steps.at(-1) ?? 0 };
    },
  });
  const saved: number[] = [];
  const writer = new RunWriter(client, 'a', {
    saved: (step) => saved.push(step),
    trouble: () => undefined,
    rejected: () => undefined,
  });
  for (const step of [1, 2, 3]) writer.append(rows(step), []);
  releases[0]?.();
  await vi.advanceTimersByTimeAsync(0);
  releases[1]?.();
  await vi.advanceTimersByTimeAsync(0);
  expect(client.inputs('runs.append').map((input) => input.metrics.steps)).toEqual([[1], [2, 3]]);
  expect(saved).toEqual([1, 3]);
});

test('a lost connection is retried until it works, and the order is kept', async () => {
  let away = 3;
  const log: string[] = [];
  const client = new FakeClient({
    'runs.start': ({ id }) => {
      away -= 1;
      if (away > 0) throw new KronlabError('unavailable', 'away');
      log.push('start');
      return makeRun({ id });
    },
    'runs.append': () => {
      log.push('append');
      return { savedStep: 1 };
    },
    'runs.finish': ({ id }) => {
      log.push('finish');
      return makeRun({ id });
    },
  });
  const troubles: (string | null)[] = [];
  const writer = new RunWriter(client, 'a', {
    saved: () => undefined,
    trouble: (error) => troubles.push(error?.code ?? null),
    rejected: () => undefined,
  });
  writer.start(environment, []);
  writer.append(rows(1), []);
  const finished = writer.finish({ status: 'finished', activeMs: 1, lastStep: 1, error: null });
  await vi.advanceTimersByTimeAsync(10_000);
  await finished;
  expect(log).toEqual(['start', 'append', 'finish']);
  expect(troubles).toEqual(['unavailable', 'unavailable', null]);
});

test('a refusal for good lets the end resolve and sends nothing more', async () => {
  const client = new FakeClient({
    'runs.append': () => {
      throw new KronlabError('not-found', 'There is no such run.');
    },
  });
  const rejected = vi.fn();
  const writer = new RunWriter(client, 'a', { saved: () => undefined, trouble: () => undefined, rejected });
  writer.append(rows(1), []);
  await writer.finish({ status: 'finished', activeMs: 1, lastStep: 1, error: null });
  expect(rejected).toHaveBeenCalledOnce();
  expect(client.calls.map((call) => call.name)).toEqual(['runs.append']);
});

test('joining batches keeps every column in step', () => {
  const joined = joinBatch(joinBatch(emptyBatch(), rows(1)), rows(2));
  expect(joined).toEqual({
    keys: ['train.loss', 'train.loss'],
    steps: [1, 2],
    activeMs: [1, 2],
    wallMs: [1, 2],
    values: [0.5, 0.5],
  });
});
