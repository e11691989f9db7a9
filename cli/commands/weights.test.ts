/** Weights through the command line and the real engine: written, read again, and refused where they do not fit. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { WeightsStore } from '../../main/services/weights-store.ts';
import { createNodeTrainer } from '../gpu.ts';
import { runCli } from '../run-cli.ts';
import type { Terminal } from '../terminal.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kronlab-weights-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function weights(...args: string[]) {
  const written = { out: '', err: '' };
  const terminal: Terminal = {
    out: (text) => void (written.out += text),
    err: (text) => void (written.err += text),
    live: false,
    columns: 100,
    onInterrupt: () => () => undefined,
  };
  const code = await runCli(['weights', ...args], {
    terminal,
    createTrainer: createNodeTrainer,
    now: Date.now,
  });
  return { code, ...written };
}

const spec = (hidden: number[], lr: number) => ({
  dataset: { id: 'digits' },
  model: { kind: 'mlp', hidden },
  optimizer: { name: 'sgd', lr, momentum: 0, weightDecay: 0 },
  schedule: { kind: 'constant' },
  batchSize: 32,
  steps: 3,
  evaluateEvery: 3,
  seed: 1,
  target: { metric: 'val.accuracy', op: '>=', value: 0.9 },
});

async function specFile(name: string, content: unknown): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, JSON.stringify(content));
  return path;
}

it('goes on from what was written', async () => {
  const [trained, kept] = ['trained', 'kept'].map((name) => join(folder, `${name}.safetensors`)) as [
    string,
    string,
  ];
  const first = await weights(await specFile('fast.json', spec([5], 0.1)), '--out', trained);
  expect(first).toMatchObject({ code: 0, err: '' });
  expect(first.out).toMatch(/^Wrote .*trained\.safetensors: finished after 3 steps in /);
  // At this rate three steps are lost in the rounding of weights: what comes out is what went in.
  const slow = await specFile('slow.json', spec([5], 1e-12));
  expect((await weights(slow, '--out', kept, '--start', trained, '--seed', '9')).code).toBe(0);
  const [before, after] = [await readFile(trained), await readFile(kept)];
  expect(before.subarray(8, 400).toString()).toContain('"layers.0.weight":{"dtype":"F32","shape":[5,64]');
  expect(after.equals(before)).toBe(true);
  const other = await specFile('other.json', spec([6], 0.1));
  const refused = await weights(other, '--out', kept, '--start', trained);
  expect(refused.code).toBe(2);
  expect(refused.err).toMatch(
    /^kronlab: trained\.safetensors, tensor "layers\.0\.weight": has the shape \[5, 64\]; the model needs \[6, 64\]\n$/,
  );
});

it('starts from the file that a spec names by its content, as the window keeps it beside the database', async () => {
  const [trained, kept] = [join(folder, 'named.safetensors'), join(folder, 'named-kept.safetensors')];
  await weights(await specFile('first.json', spec([5], 0.1)), '--out', trained);
  const { hash } = await new WeightsStore(join(folder, 'weights')).take([trained]);
  const slow = await specFile('named.json', { ...spec([5], 1e-12), startWeights: hash });
  const db = ['--db', join(folder, 'lab.sqlite3')];
  expect(await weights(slow, '--out', kept, '--seed', '9', ...db)).toMatchObject({ code: 0, err: '' });
  expect((await readFile(kept)).equals(await readFile(trained))).toBe(true);
  const unknown = await specFile('gone.json', { ...spec([5], 0.1), startWeights: 'ab'.repeat(32) });
  expect((await weights(unknown, '--out', kept, ...db)).err).toContain(
    'startWeights: there is no file abababababab in ',
  );
});

it.each([
  [['first-light'], '--out is missing'],
  [
    ['first-light', '--out', 'x/y.safetensors', '--group', 'Adam'],
    '--group: no group is called "Adam"; the groups are AdamW, ',
  ],
  [['first-light', '--out', 'x/y.safetensors', '--start', 'nowhere.safetensors'], 'cannot read '],
])('says what is wrong with %j', async (args, message) => {
  const { code, err } = await weights(...args);
  expect(code).toBeGreaterThan(0);
  expect(err).toContain(message);
});
