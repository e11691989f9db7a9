import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createClient } from '../../contract/client.ts';
import type { Client } from '../../contract/api.ts';
import { presets, presetRuns } from '../../contract/presets.ts';
import { idxBytes } from '../../datasets/import/test-files.ts';
import { datasets as bundledSets } from '../../datasets/registry.ts';
import { createApp, type App } from './create-app.ts';
import { createDirectTransport } from './direct-transport.ts';
import type { PublishedSet } from './fashion-mnist.ts';
import { startJob } from './import-job.ts';
import { uploadFiles, type TestFile } from './test-inbox.ts';

const csv: TestFile = ['m.csv', 'a,c,y\n1.5,red,0\n,blue,1\n3,red,0\n2,blue,1\n'];
const images = idxBytes([4, 1, 2], [0, 1, 2, 3, 4, 5, 6, 9]);
const labels = idxBytes([4], [7, 8, 7, 8]);
const long: TestFile = ['long.csv', `a,y\n${'1,2\n'.repeat(3_000_000)}`];

const published = (home: string, machine: string): PublishedSet => ({
  home,
  machine,
  files: (
    [
      ['train-images-idx3-ubyte', images],
      ['train-labels-idx1-ubyte', labels],
    ] as const
  ).map(([name, bytes]) => ({
    name,
    bytes: bytes.length,
    sha256: createHash('sha256').update(bytes).digest('hex'),
  })),
});

let dataDir: string;
let app: App;
let client: Client;
const open = (set = published('http://127.0.0.1:9/', '/nowhere')) => {
  app = createApp({ dataDir, host: 'direct', checkOutputs: true, published: { 'fashion-mnist': set } });
  client = createClient(createDirectTransport(app));
};
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'kronlab-imports-'));
  open();
});
afterEach(async () => {
  app.close();
  await rm(dataDir, { recursive: true, force: true });
});

/** Everything of data sets on the disk. */
async function left(): Promise<string[]> {
  const names = await readdir(join(dataDir, 'datasets'), { recursive: true }).catch(() => []);
  return names.filter((name) => name !== '.uploads').sort();
}

async function importFiles(files: readonly TestFile[], options = {}) {
  return client.call('imports.run', { id: await uploadFiles(app, files), options });
}

describe('an import', () => {
  it('is looked at, run with progress, reported and kept', async () => {
    const phases = new Set<string>();
    client.on('imports.progress', ({ phase }) => phases.add(phase));
    const changed: string[][] = [];
    client.on('datasets.changed', ({ ids }) => changed.push(ids));
    const id = await uploadFiles(app, [csv]);
    const preview = await client.call('imports.preview', { id, options: { target: 'c' } });
    expect(preview).toMatchObject({ format: 'csv', targets: ['c'], examples: 3 });
    const { record, outcome } = await client.call('imports.run', { id, options: { name: 'Mine' } });
    expect(record).toMatchObject({
      name: 'Mine',
      examples: 3,
      skipped: { total: 1 },
      source: { files: ['m.csv'] },
    });
    expect(outcome).toBe('new');
    expect(phases).toContain('keeping');
    expect(changed).toEqual([[record.id]]);
    expect(await left()).toEqual([
      record.id,
      `${record.id}/dataset.json`,
      `${record.id}/tensors.safetensors`,
    ]);
    await expect(client.call('imports.preview', { id, options: {} })).rejects.toMatchObject({
      code: 'not-found',
    });

    const again = await importFiles([csv], { name: 'Other' });
    expect(again).toMatchObject({ outcome: 'known', record: { name: 'Mine' } });
  });

  it('that fails keeps nothing, and can be tried with other choices', async () => {
    const id = await uploadFiles(app, [csv]);
    await expect(client.call('imports.run', { id, options: { target: 'nothing' } })).rejects.toMatchObject({
      code: 'invalid',
      message: expect.stringContaining('has no column "nothing"') as unknown,
    });
    expect(await left()).toEqual([
      expect.stringMatching(/^\.uploads\/\d+-/),
      expect.stringMatching(/m\.csv$/),
    ]);
    await client.call('imports.discard', { id });
    expect(await left()).toEqual([]);
  });

  it('that is cancelled in the middle keeps nothing', async () => {
    const id = await uploadFiles(app, [long]);
    const started = new Promise((resolve) => client.on('imports.progress', resolve));
    const run = client.call('imports.run', { id, options: {} });
    const refused = expect(run).rejects.toMatchObject({ code: 'cancelled' });
    await started;
    const other = await uploadFiles(app, [csv]);
    await expect(client.call('imports.run', { id: other, options: {} })).rejects.toThrow('another import');
    expect(await client.call('imports.cancel', { id })).toEqual({ cancelled: true });
    await refused;
    await client.call('imports.discard', { id });
    await client.call('imports.discard', { id: other });
    expect(await left()).toEqual([]);
    expect(await client.call('imports.cancel', { id: await uploadFiles(app, []) })).toEqual({
      cancelled: false,
    });
  });

  it('ends with its window, and nobody else can reach it', async () => {
    const id = await uploadFiles(app, [long], 'window-1');
    await expect(client.call('imports.run', { id, options: {} })).rejects.toMatchObject({
      code: 'not-found',
    });
    const run = app.handle('imports.run', { id, options: {} }, 'window-1');
    const refused = expect(run).rejects.toMatchObject({ code: 'cancelled' });
    await new Promise((resolve) => client.on('imports.progress', resolve));
    app.disconnect('window-1');
    await refused;
    await expect.poll(left).toEqual([]);
  });

  it('of a new look ends the look before', async () => {
    const id = await uploadFiles(app, [
      ['images-idx3-ubyte', images],
      ['labels-idx1-ubyte', labels],
    ]);
    const first = client.call('imports.preview', { id, options: {} });
    const ended = expect(first).rejects.toMatchObject({ code: 'cancelled' });
    const second = await client.call('imports.preview', { id, options: { name: 'Second' } });
    await ended;
    expect(second).toMatchObject({ name: 'Second', examples: 4, classes: ['7', '8'] });
  });

  it('takes the labels out of its files by their name', async () => {
    const id = await uploadFiles(app, [
      ['a.idx', images],
      ['b.idx', labels],
    ]);
    await expect(client.call('imports.preview', { id, options: {} })).rejects.toMatchObject({
      message: expect.stringContaining('has no file of labels beside it') as unknown,
      data: { files: ['a.idx', 'b.idx'] },
    });
    const preview = await client.call('imports.preview', { id, options: { labels: 'b.idx' } });
    expect(preview).toMatchObject({ examples: 4, classes: ['7', '8'] });
    await expect(client.call('imports.run', { id, options: { labels: 'c.idx' } })).rejects.toThrow(
      'labels: there is no file "c.idx"',
    );
  });

  it('takes files in place, and leaves them there', async () => {
    const path = join(dataDir, 'own.csv');
    await writeFile(path, csv[1]);
    const { id } = await client.call('imports.open', {});
    await expect(client.call('imports.preview', { id, options: {} })).rejects.toThrow('no file was chosen');
    await app.inboxes.add(id, 'direct', [path]);
    expect((await client.call('imports.run', { id, options: {} })).record.name).toBe('own');
    expect(await readdir(dataDir)).toContain('own.csv');
  });

  it('keeps the event loop free and can be killed where a reader hangs', async () => {
    const hang = new URL('data:text/javascript,for(;;){}');
    const job = startJob({ kind: 'preview', paths: [], options: {}, folder: '' }, hang);
    const refused = expect(job.result).rejects.toMatchObject({ code: 'cancelled' });
    job.cancel();
    await refused;
  });

  it('that runs out of memory is an error', async () => {
    const greedy = new URL('data:text/javascript,const a=[];for(;;)a.push(new Array(1e6).fill(1.5))');
    const paths = ['/in/large.json', '/in/other.json'];
    const job = startJob({ kind: 'preview', paths, options: {}, folder: '' }, greedy, {
      maxOldGenerationSizeMb: 64,
    });
    await expect(job.result).rejects.toThrow(
      'large.json and 1 more: reading needs more than the 64 MiB of memory that an import may take; import a part',
    );
  });
});

describe('a set that was imported', () => {
  it('is listed after the bundled ones, described and sampled', async () => {
    const { record } = await importFiles([
      ['images-idx3-ubyte', images],
      ['labels-idx1-ubyte', labels],
    ]);
    const list = await client.call('datasets.list', {});
    expect(list.map(({ id, bundled }) => [id, bundled]).at(0)).toEqual(['digits', true]);
    expect(list.at(-1)).toMatchObject({
      ...{ id: record.id, kind: 'images', examples: 4, shape: [1, 1, 2], classCount: 2, runs: 0, bytes: 24 },
    });
    const details = await client.call('datasets.get', { id: record.id });
    expect(details.record.statistics.classCounts).toEqual([2, 2]);
    expect(details.sample).toMatchObject({ kind: 'images', images: { length: 4 } });
    expect(details).toMatchObject({ licence: null, origin: null });
    const sample = await client.call('datasets.sample', { id: record.id, count: 2 });
    expect(sample).toMatchObject({ images: { length: 2 } });
  });

  it('is renamed, tagged, deleted and restored', async () => {
    const { record } = await importFiles([csv]);
    const { id } = record;
    expect(await client.call('datasets.rename', { id, name: 'New' })).toMatchObject({ name: 'New' });
    expect(await client.call('datasets.tag', { id, tags: ['a', 'b', 'a'] })).toMatchObject({
      tags: ['a', 'b'],
    });
    await client.call('datasets.trash', { id, trashed: true });
    expect((await client.call('datasets.list', {})).some((set) => set.id === id)).toBe(false);
    expect(await client.call('datasets.list', { trashed: true })).toMatchObject([{ id, name: 'New' }]);
    await client.call('datasets.trash', { id, trashed: false });
    expect((await client.call('datasets.get', { id })).summary.name).toBe('New');

    // What is not in the trash stays.
    expect(await client.call('datasets.emptyTrash', { ids: [id] })).toEqual({ ids: [], bytes: 0 });
    await client.call('datasets.trash', { id, trashed: true });
    const { bytes } = record.statistics;
    expect(await client.call('datasets.emptyTrash', { ids: [id] })).toEqual({ ids: [id], bytes });
    await expect(client.call('datasets.trash', { id, trashed: false })).rejects.toThrow('in the trash');
  });

  it('stays while a run needs it, which is named', async () => {
    const { record } = await importFiles([csv]);
    const [first] = presetRuns(presets['first-light'] as (typeof presets)[string]);
    const runs = [
      { ...first!, spec: { ...first!.spec, dataset: { ...first!.spec.dataset, id: record.id } } },
    ];
    const created = await client.call('comparisons.create', { name: 'x', runs });
    const run = created.runs[0]!;
    await expect(client.call('datasets.trash', { id: record.id, trashed: true })).rejects.toMatchObject({
      code: 'invalid',
      message: `"m" is needed by "${run.name}"; let it end, or delete it, first.`,
    });
    expect((await client.call('datasets.list', {})).at(-1)).toMatchObject({ id: record.id, runs: 1 });
    await client.call('runs.trash', { ids: [run.id], trashed: true });
    await client.call('datasets.trash', { id: record.id, trashed: true });
  });
});

describe('the bundled sets', () => {
  it('are described with licence and origin, and stay as they are', async () => {
    const details = await client.call('datasets.get', { id: 'digits' });
    expect(details).toMatchObject({
      summary: { bundled: true, examples: 1797, shape: [1, 8, 8] },
      licence: expect.stringContaining('BSD') as unknown,
      sample: { kind: 'images' },
    });
    expect(details.record.statistics.meanImage).toHaveLength(64);
    for (const call of [
      client.call('datasets.rename', { id: 'digits', name: 'x' }),
      client.call('datasets.tag', { id: 'digits', tags: [] }),
      client.call('datasets.trash', { id: 'digits', trashed: true }),
    ])
      await expect(call).rejects.toThrow('is part of the lab');
  });
});

describe('every bundled set', () => {
  it('is listed and described in the same words, with something to look at', async () => {
    const list = await client.call('datasets.list', {});
    expect(list.map(({ id }) => id)).toEqual(bundledSets.map(({ id }) => id));
    for (const summary of list) {
      const details = await client.call('datasets.get', { id: summary.id });
      expect(details.summary).toEqual(summary);
      expect(details.licence && details.origin).toBeTruthy();
      const { sample } = details;
      expect(sample.kind).toBe(summary.kind);
      if (sample.kind === 'graphs') expect(sample.graphs).toHaveLength(48);
      if (sample.kind === 'table') expect(sample.rows).toHaveLength(48);
      if (sample.kind === 'text') expect(sample.text).toContain('Call me Ishmael.');
    }
  }, 60_000);
});

describe('a published set', () => {
  let server: Server | null = null;
  afterEach(() => {
    server?.close();
    server = null;
  });
  const serve = async (answer: (name: string) => Uint8Array | null) => {
    const own = createServer((request, response) => {
      const bytes = answer(request.url?.slice(1) ?? '');
      response.writeHead(bytes === null ? 404 : 200).end(bytes ?? undefined);
    });
    await new Promise<void>((resolve) => own.listen(0, '127.0.0.1', resolve));
    server = own;
    app.close();
    open(published(`http://127.0.0.1:${(own.address() as AddressInfo).port}/`, '/nowhere'));
  };
  const content = (name: string) => (name.includes('images') ? images : labels);

  it('is fetched from its home, checked and imported', async () => {
    await serve(content);
    const { id } = await client.call('imports.open', {});
    expect(await client.call('imports.fetch', { id, set: 'fashion-mnist' })).toEqual({ origin: 'network' });
    const { record } = await client.call('imports.run', { id, options: { name: 'Fashion-MNIST' } });
    expect(record).toMatchObject({ name: 'Fashion-MNIST', examples: 4, splits: [{ name: 'train' }] });
    expect(await left()).toHaveLength(3);
  });

  it.each([
    ['another file', () => images.slice().fill(1, 20), 'another SHA-256'],
    ['more', () => new Uint8Array([...images, 1]), 'is longer than'],
    ['less', () => images.slice(0, 9), 'has 9 bytes instead of'],
    ['nothing', () => null, 'the server answered 404'],
  ])('is refused where its home sends %s', async (_what, answer, message) => {
    await serve(answer);
    const { id } = await client.call('imports.open', {});
    await expect(client.call('imports.fetch', { id, set: 'fashion-mnist' })).rejects.toThrow(message);
    await client.call('imports.discard', { id });
    expect(await left()).toEqual([]);
  });

  it('is taken from this machine where it is there, and checked as well', async () => {
    app.close();
    const machine = join(dataDir, 'machine');
    await mkdir(machine);
    for (const { name } of published('', '').files) await writeFile(join(machine, name), content(name));
    open(published('http://127.0.0.1:9/', machine));
    const { id } = await client.call('imports.open', {});
    expect(await client.call('imports.fetch', { id, set: 'fashion-mnist' })).toEqual({ origin: 'machine' });
    expect((await client.call('imports.preview', { id, options: {} })).examples).toBe(4);
    await writeFile(join(machine, 'train-labels-idx1-ubyte'), 'x');
    const next = await client.call('imports.open', {});
    await expect(client.call('imports.fetch', { id: next.id, set: 'fashion-mnist' })).rejects.toThrow(
      'not the published file',
    );
  });

  it('says so where nobody answers', async () => {
    const { id } = await client.call('imports.open', {});
    await expect(client.call('imports.fetch', { id, set: 'fashion-mnist' })).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('is this machine online?') as unknown,
    });
  });
});
