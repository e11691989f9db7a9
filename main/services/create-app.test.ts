import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { createClient } from '../../contract/client.ts';
import { presets, presetRuns } from '../../contract/presets.ts';
import type { MetricBatch } from '../../contract/runs.ts';
import type { Client } from '../../contract/api.ts';
import { createApp, databaseName, type App } from './create-app.ts';
import { createDirectTransport } from './direct-transport.ts';

const environment = {
  adapter: 'a',
  vendor: 'v',
  architecture: '',
  software: true,
  host: 'h',
  appVersion: '0',
};
const planned = presetRuns(presets['first-light']!).slice(0, 3);
const at = (step: number, value: number): MetricBatch => ({
  keys: ['val.accuracy'],
  steps: [step],
  activeMs: [step * 10],
  wallMs: [step * 11],
  values: [value],
});

function testFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'kronlab-app-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

let app: App;
let client: Client;
let ids: string[];
beforeEach(async () => {
  app = createApp({ dataDir: '', databasePath: ':memory:', host: 'direct', checkOutputs: true });
  client = createClient(createDirectTransport(app));
  ids = (await client.call('comparisons.create', { name: 'x', runs: planned })).comparison.runIds;
});
afterEach(() => app.close());

const start = (id: string) => client.call('runs.start', { id, environment, layers: [] });
const append = (id: string, step: number, value = 0.5) =>
  client.call('runs.append', { id, metrics: at(step, value), events: [] });
const finish = (id: string, status: 'finished' | 'stopped' | 'diverged' | 'failed' = 'finished') =>
  client.call('runs.finish', { id, status, activeMs: 100, lastStep: 9, error: null });
const invalid = (words: RegExp) => ({ code: 'invalid', message: expect.stringMatching(words) });

describe('the life of a run', () => {
  it('goes forward only, and each refusal names the run and its state', async () => {
    const [id = ''] = ids;
    await expect(append(id, 1)).rejects.toMatchObject(invalid(/"AdamW, seed 1" is queued; metrics can only/));
    await start(id);
    await finish(id);
    await expect(append(id, 2)).rejects.toMatchObject(invalid(/is finished/));
    await expect(start(id)).rejects.toMatchObject(invalid(/is finished; only a waiting run/));
    await expect(finish(id, 'stopped')).rejects.toMatchObject(invalid(/ended already as finished/));
  });

  it('takes every call a second time without harm', async () => {
    const [id = ''] = ids;
    await start(id);
    const first = await start(id);
    await append(id, 3);
    expect(await append(id, 3)).toEqual({ savedStep: 3 });
    expect(await append(id, 2)).toEqual({ savedStep: 3 });
    const ended = await finish(id);
    expect(await finish(id)).toEqual(ended);
    expect(ended).toMatchObject({ startedMs: first.startedMs, lastStep: 9, metrics: [{ n: 2 }] });
  });

  it('cannot be started by two windows', async () => {
    const [id = ''] = ids;
    await start(id);
    const other = createClient(createDirectTransport(app, 'other'));
    await expect(other.call('runs.start', { id, environment, layers: [] })).rejects.toMatchObject(
      invalid(/is running/),
    );
  });

  it('may end before it began: stopped while it waited, or its compilation failed', async () => {
    const [a = '', b = ''] = ids;
    expect(await finish(a, 'stopped')).toMatchObject({ status: 'stopped', startedMs: null });
    expect(
      await client.call('runs.finish', {
        id: b,
        status: 'failed',
        activeMs: 0,
        lastStep: 0,
        error: 'No adapter.',
      }),
    ).toMatchObject({ status: 'failed', error: 'No adapter.' });
  });

  it('keeps a diverged run’s data', async () => {
    const [id = ''] = ids;
    await start(id);
    await append(id, 1, 0.25);
    await append(id, 2, NaN);
    const run = await finish(id, 'diverged');
    expect(run.metrics).toEqual([
      expect.objectContaining({ n: 2, last: null, max: 0.25, nonfiniteCount: 1, firstNonfiniteStep: 2 }),
    ]);
  });
});

describe('the trash', () => {
  it('refuses running runs, all or none', async () => {
    const [a = '', b = ''] = ids;
    await start(b);
    await expect(client.call('runs.trash', { ids: [a, b], trashed: true })).rejects.toMatchObject(
      invalid(/is running; stop it/),
    );
    expect(await client.call('runs.list', { trashed: true })).toEqual([]);
  });

  it('keeps a run from being started', async () => {
    const [a = ''] = ids;
    await client.call('runs.trash', { ids: [a], trashed: true });
    await expect(start(a)).rejects.toMatchObject(invalid(/in the trash/));
    expect(await client.call('runs.trash', { ids: [a], trashed: false })).toEqual({ changed: 1 });
    await start(a);
  });
});

describe('exports', () => {
  it('hold every row, unsmoothed, and refuse a reference that is not among the runs', async () => {
    const [id = ''] = ids;
    await start(id);
    for (let step = 5; step <= 100; step += 5) await append(id, step, step / 100);
    await finish(id);
    const [file] = await client.call('export.create', { runIds: [id, id], kinds: ['metrics_long.csv'] });
    expect(file?.content.trimEnd().split('\r\n')).toHaveLength(21);
    await expect(
      client.call('export.create', { runIds: [id], kinds: ['comparison.csv'], reference: 'nobody' }),
    ).rejects.toMatchObject(invalid(/reference: .*nobody/));
  });
});

describe('events', () => {
  it('of progress are gathered, of changes told at once', async () => {
    const seen: string[][] = [];
    client.on('runs.changed', (event) => seen.push(event.ids));
    const [id = '', other = ''] = ids;
    await start(id);
    for (let step = 1; step <= 20; step++) await append(id, step);
    expect(seen).toEqual([[id]]);
    await client.call('runs.rename', { id: other, name: 'Other' });
    expect(seen.slice(1)).toEqual([[id, other]]);
  });
});

describe('where the data is', () => {
  it('is a private folder made on the first start, reopened on the next', async () => {
    const dataDir = join(testFolder(), 'new', 'folder');
    const first = createApp({ dataDir, host: 'direct' });
    await createClient(createDirectTransport(first)).call('comparisons.create', {
      name: 'kept',
      runs: planned,
    });
    first.close();
    await expect(first.handle('runs.list', {})).rejects.toMatchObject({ code: 'unavailable' });
    expect(readdirSync(dataDir)).toEqual([databaseName]);
    if (process.platform !== 'win32') expect(statSync(dataDir).mode & 0o777).toBe(0o700);

    const second = createApp({ dataDir, host: 'direct' });
    onTestFinished(() => second.close());
    const again = createClient(createDirectTransport(second));
    expect((await again.call('comparisons.list', {}))[0]?.name).toBe('kept');
    const runs = await again.call('runs.list', {});
    expect(runs.map((run) => run.groupName)).toEqual(planned.map((run) => run.groupName));
    expect(new Set(runs.map((run) => run.status))).toEqual(new Set(['interrupted']));
    expect((await again.call('app.info', {})).databaseBytes).toBeGreaterThan(0);
  });

  it('that cannot be made gives one sentence', () => {
    const file = join(testFolder(), 'file');
    writeFileSync(file, '');
    expect(() => createApp({ dataDir: join(file, 'inside'), host: 'direct' })).toThrow(
      expect.objectContaining({ code: 'storage', message: expect.stringContaining('KRONLAB_DATA') }),
    );
  });
});
