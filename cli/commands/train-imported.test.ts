/** A person's own table through the command line and the real engine: imported, then trained on by its id. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createNodeTrainer } from '../gpu.ts';
import { runCli } from '../run-cli.ts';
import type { Terminal } from '../terminal.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kronlab-own-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function kronlab(...args: string[]) {
  const written = { out: '', err: '' };
  const terminal: Terminal = {
    out: (text) => void (written.out += text),
    err: (text) => void (written.err += text),
    live: false,
    columns: 100,
    onInterrupt: () => () => undefined,
  };
  const code = await runCli([...args, '--db', join(folder, 'lab.sqlite3')], {
    terminal,
    createTrainer: createNodeTrainer,
    now: Date.now,
  });
  return { code, ...written };
}

async function file(name: string, content: string): Promise<string> {
  await writeFile(join(folder, name), content);
  return join(folder, name);
}

/** A line: y = 3 a - 2 b, which a net learns in a few steps. */
const rows = Array.from({ length: 200 }, (_, i) => {
  const [a, b] = [((i * 37) % 101) / 10, ((i * 53) % 89) / 10];
  return `${a},${b},${3 * a - 2 * b}`;
});

function comparison(id: string): string {
  return JSON.stringify({
    name: 'A line',
    seeds: [1],
    settings: {
      dataset: { id },
      model: { kind: 'mlp', hidden: [8] },
      schedule: { kind: 'constant' },
      batchSize: 20,
      steps: 40,
      evaluateEvery: 20,
      target: { metric: 'val.rmse', op: '<=', value: 8 },
    },
    groups: [{ settings: { optimizer: { name: 'adamw', lr: 0.05 } } }],
  });
}

it('is found by its id beside the database, and learnt from', async () => {
  const imported = await kronlab('import', await file('line.csv', `a,b,y\n${rows.join('\n')}\n`), '--json');
  const { id } = JSON.parse(imported.out) as { id: string };
  const spec = await file('line.json', comparison(id));

  const out = join(folder, 'out');
  const compared = await kronlab('compare', '--spec', spec, '--out', out);
  expect(compared.code, compared.err).toBe(0);
  const metrics = (await readFile(join(out, 'metrics_long.csv'), 'utf8')).trim().split('\n');
  const errors = metrics
    .filter((line) => line.includes(',val.rmse,'))
    .map((l) => Number(l.split(',').at(-1)));
  // Predicting the mean is wrong by the spread of y, about 11; a net that learnt the line is not.
  expect(errors.at(-1)).toBeLessThan(5);

  const explained = await kronlab('explain', spec, '--json');
  expect(explained.code, explained.err).toBe(0);
  const weights = await kronlab('weights', spec, '--out', join(folder, 'net.safetensors'), '--steps', '2');
  expect(weights.code, weights.err).toBe(0);

  for (const command of [
    ['compare', '--spec', await file('unknown.json', comparison('nowhere')), '--out', out],
    ['explain', join(folder, 'unknown.json')],
    ['weights', join(folder, 'unknown.json'), '--out', join(folder, 'none.safetensors')],
  ]) {
    const { code, err } = await kronlab(...command);
    expect(code).toBe(1);
    expect(err).toMatch(/unknown data set "nowhere"; known data sets: digits, .*[0-9a-f]{16} \(line\)\n$/);
  }
});
