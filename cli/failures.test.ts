import { spawn } from 'node:child_process';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openStore } from '../db/index.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kronlab-failures-'));
  await writeFile(join(folder, 'broken.json'), '{ "name": ');
  const settings = {
    dataset: { id: 'digits' },
    model: { kind: 'mlp', hidden: [16] },
    batchSize: 32,
    steps: 50,
    evaluateEvery: 5,
    target: { metric: 'val.accuracy', op: '>=', value: 0.9 },
    optimizer: { name: 'adamw', lr: 0.01 },
  };
  const spec = (name: string, own: object) =>
    writeFile(join(folder, name), JSON.stringify({ name, settings, groups: [{ settings: own }] }));
  await spec('rate.json', { optimizer: { name: 'adamw', lr: -1 } });
  await spec('optimizer.json', { optimizer: { name: 'adamx', lr: 0.1 } });
  await spec('model.json', { model: { kind: 'rnn' } });
  await spec('dataset.json', { dataset: { id: 'mnist' } });
  await spec('typo.json', { batchsize: 3 });
  openStore({ path: join(folder, 'newer.sqlite3'), host: 'direct' }).close();
  const { default: Database } = await import('better-sqlite3');
  const newer = new Database(join(folder, 'newer.sqlite3'));
  newer.pragma('user_version = 999');
  newer.close();
});
afterAll(() => rm(folder, { recursive: true, force: true }));

interface Ended {
  code: number | null;
  out: string;
  err: string;
}

/** The command line as its own process, without any GPU driver: nothing here may get as far as training. */
function kronlab(...args: string[]): Promise<Ended> {
  const child = spawn(process.execPath, ['--import', './tools/wgsl-loader.mjs', 'cli/main.ts', ...args], {
    cwd: root,
    env: { ...process.env, KRONLAB_DATA: join(folder, 'data'), VK_DRIVER_FILES: join(folder, 'none.json') },
  });
  const ended: Ended = { code: null, out: '', err: '' };
  child.stdout.on('data', (data: Buffer) => (ended.out += data.toString()));
  child.stderr.on('data', (data: Buffer) => (ended.err += data.toString()));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ ...ended, code }));
  });
}
const inFolder = (name: string) => join(folder, name);
const compareSpec = (name: string) => ['compare', '--spec', inFolder(name), '--out', inFolder('out')];
const preset = (...more: string[]) => ['compare', '--preset', 'first-light', ...more];

describe('every failure is one readable line and an exit code', () => {
  it.each<[string, () => string[], number, RegExp]>([
    ['unknown command', () => ['train'], 2, /unknown command "train"; the commands are compare, /],
    ['unknown option', () => preset('--speed', '9'), 2, /Unknown option '--speed'/],
    [
      'unknown preset',
      () => ['compare', '--preset', 'x', '--out', inFolder('out')],
      1,
      /unknown preset "x"; known presets: first-light/,
    ],
    ['no folder', () => preset(), 2, /--out is missing/],
    [
      'folder that takes no files',
      () => preset('--out', inFolder('broken.json')),
      1,
      /cannot write to .*broken\.json.*choose another folder/,
    ],
    [
      'bad seed',
      () => preset('--out', inFolder('out'), '--seeds', '1,two'),
      2,
      /--seeds: "two" is not a whole number/,
    ],
    [
      'bad budget',
      () => preset('--out', inFolder('out'), '--steps', '0'),
      2,
      /--steps: "0" is not a whole number of at least 1/,
    ],
    ['missing file', () => compareSpec('none.json'), 1, /there is no file .*none\.json/],
    ['broken file', () => compareSpec('broken.json'), 2, /broken\.json is not JSON/],
    [
      'rate out of range',
      () => compareSpec('rate.json'),
      2,
      /optimizer\.lr: must be above 0; try 0\.001 to 0\.03/,
    ],
    [
      'unknown optimiser',
      () => compareSpec('optimizer.json'),
      2,
      /optimizer\.name: .*'sgd' \| 'adamw' \| 'nadamw' \| 'kfac' \| 'grafted-identity' \| 'ikfac' \| 'singd' \| 'shampoo' \| 'soap'/,
    ],
    [
      'unknown model',
      () => compareSpec('model.json'),
      2,
      /model\.kind: .*'mlp' \| 'cnn' \| 'vit' \| 'wide-resnet'/,
    ],
    [
      'unknown data set',
      () => compareSpec('dataset.json'),
      1,
      /unknown data set "mnist"; known data sets: digits/,
    ],
    ['unknown setting', () => compareSpec('typo.json'), 2, /"batchsize"/],
    ['newer database', () => ['runs', 'list', '--db', inFolder('newer.sqlite3')], 1, /newer version/],
    ['database nowhere', () => ['runs', 'list', '--db', inFolder('no/where.sqlite3')], 1, /where\.sqlite3/],
    ['unknown run', () => ['export', '--runs', 'zz', '--out', inFolder('out')], 1, /no run zz/],
    [
      'unknown comparison',
      () => ['export', '--comparison', 'zz', '--out', inFolder('out')],
      1,
      /no comparison "zz"/,
    ],
    [
      'unknown file kind',
      () => ['export', '--runs', 'zz', '--out', inFolder('out'), '--kinds', 'x.csv'],
      2,
      /unknown file "x\.csv"/,
    ],
    ['goldens nowhere', () => ['goldens', inFolder('none')], 1, /no folder .*none/],
  ])('%s', async (_name, args, code, message) => {
    const ended = await kronlab(...args());
    expect(ended.err).toMatch(message);
    expect(ended.err.trimEnd().split('\n')).toHaveLength(1);
    expect(ended.err).toMatch(/^kronlab: /);
    expect(ended.out).toBe('');
    expect(ended.code).toBe(code);
  });

  it('says what to install where there is no adapter, and stores no run', async () => {
    const ended = await kronlab(
      ...preset('--out', inFolder('no-adapter'), '--db', inFolder('no-adapter.sqlite3')),
    );
    expect(ended.code).toBe(1);
    // Dawn itself may warn above it; the last line is ours.
    expect(ended.err.trimEnd().split('\n').at(-1)).toMatch(
      /^kronlab: No WebGPU adapter was found in Node\. Install .*libvulkan1/,
    );
    expect(await readdir(inFolder('no-adapter'))).toEqual([]);
    const runs = await kronlab('runs', 'list', '--db', inFolder('no-adapter.sqlite3'));
    expect(runs.out).toMatch(/^No runs yet/);
  });
});

describe('kronlab help', () => {
  it('is printed to standard output and lists every command', async () => {
    const ended = await kronlab('help');
    expect(ended).toMatchObject({ code: 0, err: '' });
    for (const name of ['compare', 'runs', 'export', 'selftest', 'goldens'])
      expect(ended.out).toContain(`  ${name} `);
    expect((await kronlab('compare', '--help')).out).toContain('--preset NAME');
  });
});
