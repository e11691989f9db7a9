/**
 * What every transport must do, as one set of tests over any of them: the direct one, the web socket, Electron's IPC.
 * Behind the transport stands the real app with an empty store, so this also walks through every call of the contract.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { api, type ApiName, type Client, type Transport } from './api.ts';
import { createClient } from './client.ts';
import { fetchDatasetFiles } from './dataset-files.ts';
import { pieceBytes } from './pieces.ts';
import { presets, presetRuns } from './presets.ts';
import type { Environment, MetricBatch, RunSummary } from './runs.ts';
import { fetchWeights, keepWeights } from './weights-files.ts';

export interface TransportFixture {
  transport: Transport;
  /** A second window of the same app. */
  second: Transport;
  /** Imports a text of this many characters into the app, as another window would; answers its id. */
  importText(length: number): Promise<string>;
  /** Takes the app and both transports down. */
  dispose(): Promise<void>;
}

const environment: Environment = {
  adapter: 'Test adapter',
  vendor: 'test',
  architecture: '',
  software: true,
  host: 'Node',
  appVersion: '0.0.0',
};
const layers = [{ name: 'head', sharing: 16, aSize: 33, gSize: 10, flavour: 'expand' as const }];
const planned = presetRuns(presets['first-light'] as (typeof presets)[string]).slice(0, 4);

const batch: MetricBatch = {
  keys: ['train.loss', 'train.loss', 'train.loss', 'val.loss', 'train.lr'],
  steps: [1, 2, 3, 3, 3],
  activeMs: [10, 20, 30.5, 30.5, 30.5],
  wallMs: [11, 22, 33, 33, 33],
  values: [2.25, NaN, Infinity, -Infinity, 0],
};

/** @param open makes a new app with an empty store and two transports to it, the app's outputs checked. */
export function describeTransport(name: string, open: () => Promise<TransportFixture>): void {
  describe(`the contract over ${name}`, () => {
    let fixture: TransportFixture;
    let client: Client;
    beforeEach(async () => {
      fixture = await open();
      client = createClient(fixture.transport);
    });
    afterEach(() => fixture.dispose());

    const start = async (run: RunSummary | undefined) =>
      client.call('runs.start', { id: run?.id ?? '', environment, layers });
    const create = async () => client.call('comparisons.create', { name: ' First ', runs: planned });

    it('walks a run from the plan to the trash', async () => {
      const { comparison, runs } = await create();
      expect(comparison.name).toBe('First');
      expect(comparison.runIds).toEqual(runs.map((run) => run.id));
      const [first] = runs;
      expect(first).toMatchObject({ status: 'queued', groupName: 'AdamW', seed: 1, comparisonName: 'First' });
      expect((await start(first)).status).toBe('running');

      const event = {
        step: 3,
        atMs: 1700000000000.5,
        level: 'warning' as const,
        code: 'diverged',
        text: 'Loss is not finite.',
      };
      const id = first?.id ?? '';
      const saved = await client.call('runs.append', { id, metrics: batch, events: [event] });
      expect(saved).toEqual({ savedStep: 3 });
      const ended = await client.call('runs.finish', {
        id,
        status: 'diverged',
        activeMs: 31,
        lastStep: 3,
        error: 'The loss is not finite.',
      });
      expect(ended).toMatchObject({ status: 'diverged', activeMs: 31, lastStep: 3, environment, layers });

      expect((await client.call('runs.rename', { id, name: 'My run' })).name).toBe('My run');
      const { run, events } = await client.call('runs.get', { id });
      expect(run.name).toBe('My run');
      expect(events).toEqual([event]);
      expect(await client.call('runs.trash', { ids: [id], trashed: true })).toEqual({ changed: 1 });
      expect((await client.call('runs.list', {})).map((r) => r.id)).toEqual(comparison.runIds.slice(1));
      expect((await client.call('runs.list', { trashed: true })).map((r) => r.id)).toEqual([id]);
      const [listed] = await client.call('comparisons.list', {});
      expect(listed?.runIds).toEqual(comparison.runIds.slice(1));
    });

    it('carries values that are no numbers, and keeps them', async () => {
      const { runs } = await create();
      const id = (await start(runs[0])).id;
      await client.call('runs.append', { id, metrics: batch, events: [] });
      const [loss, validation, rate] = await client.call('runs.series', {
        runIds: [id],
        keys: ['train.loss', 'val.loss', 'train.lr'],
      });
      expect(loss).toMatchObject({
        steps: [1, 2, 3],
        activeMs: [10, 20, 30.5],
        values: [2.25, NaN, Infinity],
      });
      expect(validation?.values).toEqual([-Infinity]);
      expect(rate?.values).toEqual([0]);
    });

    it('makes the files that were asked for', async () => {
      const { runs } = await create();
      const id = (await start(runs[0])).id;
      await client.call('runs.append', { id, metrics: batch, events: [] });
      const files = await client.call('export.create', {
        runIds: [id],
        kinds: ['metrics_long.csv', 'runs.csv'],
      });
      expect(files.map((file) => [file.name, file.rows])).toEqual([
        ['metrics_long.csv', 5],
        ['runs.csv', 1],
      ]);
      expect(files[0]?.content).toContain('train.loss');
    });

    it('says what it is, and remembers settings', async () => {
      expect(await client.call('app.info', {})).toMatchObject({
        notices: [],
        version: expect.any(String) as unknown,
      });
      expect(await client.call('settings.get', {})).toMatchObject({ theme: 'system', durability: 'NORMAL' });
      await client.call('settings.set', { theme: 'dark' });
      await client.call('settings.set', { durability: 'FULL' });
      expect(await client.call('settings.get', {})).toMatchObject({ theme: 'dark', durability: 'FULL' });
    });

    it('keeps measured kernel choices per adapter, for one version of the kernels', async () => {
      const owner = { adapter: 'Card | maker | chip', version: '1' };
      expect(await client.call('kernels.read', owner)).toEqual({});
      const choices = { 'matmul NN4 5 5 9 0': 'shared 32x32 4x4 in 8' };
      expect(await client.call('kernels.keep', { ...owner, choices })).toEqual({ kept: 1 });
      expect(await client.call('kernels.read', owner)).toEqual(choices);
      expect(await client.call('kernels.read', { ...owner, version: '2' })).toEqual({});
      expect(await client.call('kernels.read', { ...owner, adapter: 'Another' })).toEqual({});
    });

    it('brings the files of an imported data set over, in pieces', async () => {
      // A token is four bytes: two pieces and a little.
      const id = await fixture.importText(pieceBytes / 2 + 5);
      const { record, bytes } = await fetchDatasetFiles(client, id);
      expect(record).toMatchObject({ id, kind: 'text', examples: pieceBytes / 2 + 5 });
      const headerLength = Number(new DataView(bytes.buffer).getBigUint64(0, true));
      const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + headerLength))) as unknown;
      expect(header).toMatchObject({ tokens: { dtype: 'U32', shape: [record.examples] } });
      const tokens = new Uint32Array(bytes.slice(8 + headerLength).buffer);
      expect(tokens).toHaveLength(record.examples);
      // The text counts through its characters, so every place says what must stand there.
      expect(tokens.every((token, i) => token === i % record.classes.length)).toBe(true);
      await expect(fetchDatasetFiles(client, 'digits')).rejects.toThrow('id: "digits" is part of the lab');
      await expect(fetchDatasetFiles(client, 'nowhere')).rejects.toMatchObject({
        code: 'not-found',
        message: expect.stringContaining(`digits, `) as unknown,
      });
    });

    it('keeps the weights of a run in pieces, and gives them back the same', async () => {
      const { runs } = await create();
      const { id } = await start(runs[0]);
      const of = { run: id };
      expect(await client.call('weights.open', { of })).toEqual({ bytes: null });
      const bytes = madeUpWeights(pieceBytes / 4 + 2);
      await keepWeights(client, id, bytes);
      expect(await client.call('weights.open', { of })).toEqual({ bytes: bytes.length });
      expect(await fetchWeights(client, of)).toEqual(bytes);
      expect(await client.call('weights.total', { runs: [id, runs[1]!.id] })).toEqual({
        bytes: bytes.length,
      });
      await expect(fetchWeights(client, { hash: 'ab'.repeat(32) })).rejects.toMatchObject({
        code: 'not-found',
      });
    });

    it('empties the trash of the runs that are named, with their curves and weights', async () => {
      const { runs } = await create();
      const [first, second] = runs as [RunSummary, RunSummary];
      await start(first);
      await client.call('runs.append', { id: first.id, metrics: batch, events: [] });
      await keepWeights(client, first.id, madeUpWeights(2));
      await client.call('runs.finish', {
        ...{ id: first.id, status: 'finished', activeMs: 1, lastStep: 3, error: null },
      });
      await client.call('runs.trash', { ids: [first.id], trashed: true });
      // What is not in the trash stays.
      const ids = [first.id, second.id, 'nowhere'];
      expect(await client.call('runs.emptyTrash', { ids })).toEqual({ ids: [first.id] });
      expect(await client.call('runs.list', { trashed: true })).toEqual([]);
      await expect(client.call('runs.get', { id: first.id })).rejects.toMatchObject({ code: 'not-found' });
      expect((await client.call('runs.get', { id: second.id })).run.status).toBe('queued');
      expect(await client.call('runs.emptyTrash', { ids })).toEqual({ ids: [] });
    });

    it.each<[ApiName, unknown, string]>([
      ['runs.rename', { id: 'x', name: '' }, 'name'],
      ['runs.get', {}, 'id'],
      ['comparisons.create', { name: 'x', runs: [] }, 'runs'],
      ['comparisons.create', badRate(), 'runs.0.spec.optimizer.lr'],
      ['settings.set', { theme: 'pink' }, 'theme'],
      ['runs.append', { id: 'x', metrics: { ...batch, steps: [1] }, events: [] }, 'metrics'],
      ['runs.list', { trashed: 'yes' }, 'trashed'],
      ['app.info', null, 'input'],
    ])('refuses wrong input of %s and names the field', async (call, input, field) => {
      await expect(fixture.transport.invoke(call, input)).rejects.toMatchObject({
        name: 'KronlabError',
        code: 'invalid',
        message: expect.stringContaining(`${field}: `) as unknown,
        data: expect.any(Array) as unknown,
      });
    });

    it('refuses a call that does not exist', async () => {
      await expect(fixture.transport.invoke('runs.steal' as ApiName, {})).rejects.toMatchObject({
        code: 'invalid',
        message: expect.stringContaining(Object.keys(api)[0] as string) as unknown,
      });
    });

    it('brings errors over with code and message', async () => {
      await expect(client.call('runs.get', { id: 'nowhere' })).rejects.toMatchObject({
        name: 'KronlabError',
        code: 'not-found',
        message: 'There is no run nowhere.',
      });
    });

    it('tells every window what changed, until it stops listening', async () => {
      const seen: string[][] = [];
      const other = createClient(fixture.second);
      const stop = other.on('runs.changed', ({ ids }) => seen.push(ids));
      const { comparison } = await create();
      await expect.poll(() => seen).toEqual([comparison.runIds]);
      stop();
      await client.call('runs.rename', { id: comparison.runIds[0] ?? '', name: 'Quiet' });
      // A call of the other window comes back after anything that was sent to it before.
      await other.call('app.info', {});
      expect(seen).toHaveLength(1);
    });

    it('keeps many calls at once apart', async () => {
      const { runs } = await create();
      const names = Array.from({ length: 40 }, (_, i) => `Run ${i}`);
      const id = runs[0]?.id ?? '';
      const renamed = await Promise.all(names.map((n) => client.call('runs.rename', { id, name: n })));
      expect(renamed.map((run) => run.name)).toEqual(names);
    });

    it('carries a large batch', async () => {
      const { runs } = await create();
      const id = (await start(runs[0])).id;
      const n = 20_000;
      const steps = Array.from({ length: n }, (_, i) => i + 1);
      const zeros = steps.map(() => 0);
      const values = steps.map((step) => Math.fround(1 / step));
      const metrics: MetricBatch = {
        keys: steps.map(() => 'train.loss' as const),
        steps,
        activeMs: zeros,
        wallMs: zeros,
        values,
      };
      expect(await client.call('runs.append', { id, metrics, events: [] })).toEqual({ savedStep: n });
      const [series] = await client.call('runs.series', { runIds: [id], keys: ['train.loss'] });
      expect(series?.values).toEqual(values);
    });

    it('is silent and refuses calls once closed; the other window goes on', async () => {
      let heard = 0;
      client.on('runs.changed', () => heard++);
      client.close();
      await expect(client.call('app.info', {})).rejects.toMatchObject({ code: 'unavailable' });
      const other = createClient(fixture.second);
      await other.call('comparisons.create', { name: 'Second', runs: planned });
      await other.call('app.info', {});
      expect(heard).toBe(0);
    });
  });
}

/** A safetensors file of one tensor with so many numbers. */
function madeUpWeights(count: number): Uint8Array<ArrayBuffer> {
  const json = JSON.stringify({ w: { dtype: 'F32', shape: [count], data_offsets: [0, 4 * count] } });
  const header = new TextEncoder().encode(json.padEnd(Math.ceil(json.length / 8) * 8));
  const bytes = new Uint8Array(8 + header.length + 4 * count);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(header.length), true);
  bytes.set(header, 8);
  bytes.set(
    Uint8Array.from({ length: 4 * count }, (_, i) => i % 251),
    8 + header.length,
  );
  return bytes;
}

function badRate(): unknown {
  const run = structuredClone(planned[0] as (typeof planned)[number]);
  return {
    name: 'x',
    runs: [{ ...run, spec: { ...run.spec, optimizer: { ...run.spec.optimizer, lr: NaN } } }],
  };
}
