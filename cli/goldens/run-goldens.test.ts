import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { goldensDirectory, listFixtures } from '../../goldens/node.ts';
import { testGpu } from '../../gpu-kernels/test-gpu.ts';
import { runFixtures, runGoldens, type GoldensTotals } from './run-goldens.ts';
import {
  chainFixture,
  convolutionFixture,
  graphFixture,
  languageFixture,
  raggedFixture,
  vitFixture,
} from './test-nets.ts';
import { makeTrajectories } from './test-trajectories.ts';

/** A slow machine compiles some kernels for seconds, and the first test compiles nearly all of them. */
const patience = 300_000;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kronlab-goldens-'));
});
afterEach(() => rm(folder, { recursive: true }));

interface Printed {
  totals: GoldensTotals;
  lines: string[];
}

/** Writes files into the folder and runs all of it. */
async function run(files: Record<string, string>): Promise<Printed> {
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, `${name}.json`), text);
  return runAll(folder);
}

async function runAll(directory: string): Promise<Printed> {
  const lines: string[] = [];
  const totals = await runFixtures(await testGpu(), await listFixtures(directory), (line) =>
    lines.push(line),
  );
  return { totals, lines };
}

const shipped = (name: string) => readFile(join(goldensDirectory, `${name}.json`), 'utf8');

type Path = readonly (string | number)[];

function valueAt(root: unknown, path: Path): unknown {
  return path.reduce<unknown>((at, key) => Reflect.get(at as object, key), root);
}

/** A copy of a fixture in which one number is different. */
function changed(text: string, path: Path, change: (value: number) => number): string {
  const copy: unknown = JSON.parse(text);
  const holder = valueAt(copy, path.slice(0, -1)) as object;
  const last = path.at(-1) ?? '';
  const before: unknown = Reflect.get(holder, last);
  expect(typeof before).toBe('number');
  Reflect.set(holder, last, change(before as number));
  return JSON.stringify(copy);
}

/** Where the largest value of an array stands. */
function largestOf(text: string, path: Path): Path {
  const data = valueAt(JSON.parse(text), [...path, 'data']) as number[];
  const most = Math.max(...data.map(Math.abs));
  return [...path, 'data', data.findIndex((value) => Math.abs(value) === most)];
}

describe('the shipped fixtures', () => {
  it(
    'pass',
    async () => {
      const { totals, lines } = await runAll(goldensDirectory);
      expect(lines.filter((line) => line.includes('FAILED'))).toEqual([]);
      expect(totals).toEqual({ passed: 12, failed: 0 });
      const named = (word: string) =>
        lines.filter((line) => line.includes(word)).map((line) => line.split(' ')[0]);
      expect(named(' ok ')).toEqual([
        'conv',
        'deep_linear_expand',
        'deep_linear_reduce',
        'gnn',
        'lm_expand',
        'mlp_expand',
        'mlp_reduce',
        'ragged_linear_expand',
        'ragged_linear_reduce',
        'trajectories',
        'vit',
        'vit_gelu_tanh',
      ]);
      expect(lines.at(-2)).toMatch(/^adapter: ./);
      expect(lines.at(-1)).toBe('12 passed, 0 failed');
    },
    patience,
  );

  it('are compared in every part', async () => {
    const { lines } = await run({ mlp_reduce: await shipped('mlp_reduce') });
    // 1 loss, 3 in forward, 4 gradients, 2 x 2 in layer_io; 2 layers x 2 flavours x (A, 3 G, 2 x 4 preconditioned); 2 exact blocks.
    expect(lines[0]).toContain('; 62 comparisons; ');
    expect(lines[0]).not.toContain('not recognised');
  });

  it('are compared with every kind of G where an example has several loss terms', async () => {
    const { lines } = await run({ mlp_expand: await shipped('mlp_expand') });
    // As above, with 5 kinds of G.
    expect(lines[0]).toContain('; 70 comparisons; ');
  });
});

describe('a net fixture with one value changed by a hundredth', () => {
  const slightly = (value: number) => value * 1.01;
  const cases: [path: Path, where: string][] = [
    [['params', 'fc1.weight'], 'forward.'],
    [['params', 'fc2.bias'], 'forward.'],
    [['inputs', 'x'], 'forward.'],
    [['forward', 'output'], 'forward.output'],
    [['forward', 'hidden_tanh'], 'forward.hidden_tanh'],
    [['grads', 'fc1.weight'], 'grads.fc1.weight'],
    [['grads', 'fc2.bias'], 'grads.fc2.bias'],
    [['layer_io', 'fc2', 'a'], 'layer_io.a.fc2'],
    [['layer_io', 'fc1', 'g'], 'layer_io.g.fc1'],
    [['factors', 'expand', 'fc1', 'A'], 'factors.expand.fc1.A'],
    [['factors', 'reduce', 'fc2', 'A'], 'factors.reduce.fc2.A'],
    [['factors', 'expand', 'fc2', 'G', 'empirical'], 'factors.expand.fc2.G.empirical'],
    [['factors', 'reduce', 'fc1', 'G', 'type2'], 'factors.reduce.fc1.G.type2'],
    [['preconditioned', 'expand', 'type2', 'fc1', 'separate'], 'preconditioned.expand.type2.fc1.separate'],
    [
      ['preconditioned', 'reduce', 'empirical', 'fc2', 'separate'],
      'preconditioned.reduce.empirical.fc2.separate',
    ],
    [['preconditioned', 'expand', 'empirical', 'fc2', 'sqrt'], 'preconditioned.expand.empirical.fc2.sqrt'],
    [['preconditioned', 'reduce', 'type2', 'fc1', 'pi'], 'preconditioned.reduce.type2.fc1.pi'],
    [['preconditioned', 'expand', 'empirical', 'fc1', 'eigen'], 'preconditioned.expand.empirical.fc1.eigen'],
    [['preconditioned', 'reduce', 'type2', 'fc2', 'eigen'], 'preconditioned.reduce.type2.fc2.eigen'],
    [['exact_ggn', 'fc1'], 'exact_ggn.fc1'],
    [['exact_ggn', 'fc2'], 'exact_ggn.fc2'],
  ];

  it.each(cases)('fails for %j', async (path, where) => {
    const text = await shipped('mlp_reduce');
    const { totals, lines } = await run({ mlp_reduce: changed(text, largestOf(text, path), slightly) });
    expect(totals).toEqual({ passed: 0, failed: 1 });
    expect(lines[0]).toMatch(/^mlp_reduce +FAILED .* out of tolerance/);
    expect(lines.slice(1).some((line) => line.startsWith(`    ${where}`))).toBe(true);
    expect(lines[1]).toMatch(/: got \S+, expected \S+: relative error \S+, allowed \S+$/);
    expect(lines.at(-1)).toBe('0 passed, 1 failed');
  });

  const perTerm: [path: Path, where: string][] = [
    [['mc_targets'], 'factors.expand.'],
    [['factors', 'expand', 'fc1', 'G', 'mc'], 'factors.expand.fc1.G.mc'],
    [['factors', 'reduce', 'fc2', 'G', 'type2'], 'factors.reduce.fc2.G.type2'],
    [['factors', 'reduce', 'fc1', 'G', 'type2_shared'], 'factors.reduce.fc1.G.type2_shared'],
    [['factors', 'expand', 'fc2', 'G', 'empirical_perterm'], 'factors.expand.fc2.G.empirical_perterm'],
  ];
  it.each(perTerm)('fails with several loss terms per example for %j', async (path, where) => {
    const text = await shipped('mlp_expand');
    const change = path[0] === 'mc_targets' ? (label: number) => (label + 1) % 3 : slightly;
    const { totals, lines } = await run({ mlp_expand: changed(text, largestOf(text, path), change) });
    expect(totals.failed).toBe(1);
    expect(lines.slice(1).some((line) => line.startsWith(`    ${where}`))).toBe(true);
  });

  it('fails for the empirical G that is C times as large by another convention', async () => {
    const path = ['factors', 'expand', 'fc1', 'G', 'empirical_curvlinops'];
    const text = await shipped('ragged_linear_reduce');
    const { totals, lines } = await run({ ragged: changed(text, largestOf(text, path), slightly) });
    expect(totals.failed).toBe(1);
    expect(lines[1]).toMatch(/^ {4}factors\.expand\.fc1\.G\.empirical_curvlinops\[/);
  });

  it('fails for the loss', async () => {
    const { totals, lines } = await run({
      mlp_reduce: changed(await shipped('mlp_reduce'), ['loss'], slightly),
    });
    expect(totals.failed).toBe(1);
    expect(lines[1]).toMatch(/^ {4}loss\[0\]/);
  });

  it('fails for a key factor that should be zero and is not', async () => {
    const path = ['factors', 'reduce', 'block.k', 'G', 'empirical', 'data', 9];
    const { totals, lines } = await run({ vit: changed(await shipped('vit'), path, () => 1e-3) });
    expect(totals.failed).toBe(1);
    expect(lines.join()).toContain('factors.reduce.block.k.G.empirical[9]');
  });
});

describe('trajectories', () => {
  /** The runs of that name only: each compiles a program. */
  async function only(...names: string[]): Promise<string> {
    const fixture = JSON.parse(await shipped('trajectories')) as { runs: Record<string, unknown> };
    return JSON.stringify({
      ...fixture,
      runs: Object.fromEntries(names.map((name) => [name, fixture.runs[name]])),
    });
  }
  const together = async (trajectories: string) =>
    run({ trajectories, mlp_reduce: await shipped('mlp_reduce') });
  const kfac = 'kfac_reduce_calm';
  const at = (name: string, k: number, ...rest: string[]) => ['runs', name, 'steps', k - 1, ...rest];

  const arrays: [run: string, path: Path, where: string][] = [
    ['sgd_nesterov_wd', at('sgd_nesterov_wd', 7, 'params', 'fc2.weight'), 'steps.7.params.fc2.weight'],
    ['adamw', at('adamw', 1, 'params', 'fc1.bias'), 'steps.1.params.fc1.bias'],
    [kfac, at(kfac, 10, 'params', 'fc1.weight'), 'steps.10.params.fc1.weight'],
    [kfac, at(kfac, 4, 'A', 'fc2'), 'steps.4.A.fc2'],
    [kfac, at(kfac, 5, 'G', 'fc1'), 'steps.5.G.fc1'],
    [kfac, at(kfac, 1, 'precond', 'fc1'), 'steps.1.precond.fc1'],
    [kfac, at(kfac, 6, 'velocity', 'fc2'), 'steps.6.velocity.fc2'],
    ['kfac_reduce', at('kfac_reduce', 2, 'params', 'fc1.weight'), 'steps.2.params.fc1.weight'],
  ];
  it.each(arrays)('%s with one value changed by two hundredths fails (%j)', async (name, path, where) => {
    const text = await only(name);
    const { totals, lines } = await together(changed(text, largestOf(text, path), (value) => value * 1.02));
    expect(totals).toEqual({ passed: 1, failed: 1 });
    expect(lines.some((line) => line.startsWith(`    runs.${name}.${where}[`))).toBe(true);
  });

  const numbers: [run: string, path: Path][] = [
    ['sgd_momentum', ['steps', 3, 'loss_before']],
    ['sgd_momentum', ['final_loss']],
    ['sgd_momentum', ['config', 'lr']],
    ['adamw', ['config', 'betas', 0]],
    [kfac, ['config', 'damping']],
    [kfac, ['config', 'ema_beta']],
  ];
  it.each(numbers)('%s with another number fails (%j)', async (name, path) => {
    const text = changed(await only(name), ['runs', name, ...path], (value) => value * 0.9);
    expect((await together(text)).totals).toEqual({ passed: 1, failed: 1 });
  });

  it('lets no weight decay pass where there is some', async () => {
    const text = changed(
      await only('sgd_nesterov_wd'),
      ['runs', 'sgd_nesterov_wd', 'config', 'weight_decay'],
      () => 0,
    );
    expect((await together(text)).totals.failed).toBe(1);
  });

  it('compares all steps of a run that is sensitive and can be followed', async () => {
    const { lines } = await together(await only('kfac_expand_empirical'));
    // 10 steps of a loss, 4 parameters and 2 layers with A, G, precond and velocity; the final loss.
    expect(lines[1]).toMatch(/^trajectories +ok .*; 131 comparisons; \d+\.\d s$/);
  });

  it('stops where a start moved by rounding shows a run to be chaotic', async () => {
    const wild = ['runs', 'kfac_expand', 'config'];
    const text = changed(await only('kfac_expand'), [...wild, 'damping'], () => 1e-5);
    const { lines, totals } = await together(changed(text, [...wild, 'lr'], () => 3));
    // The numbers are those of another run: what counts is that the first steps were compared nevertheless.
    expect(totals.failed).toBe(1);
    expect(lines[1]).toMatch(
      /^trajectories +FAILED .*kfac_expand: steps 1-[1-9] only, chaotic in f32 after them/,
    );
  });

  it('says where a run is compared in part', async () => {
    const { lines } = await together(await only('kfac_reduce'));
    expect(lines[1]).toMatch(/^trajectories +ok .*kfac_reduce: steps 1-2 only, chaotic in f32 after them/);
  });

  it('fails by a run it has no rule for, and names it', async () => {
    const text = changed(
      await only('sgd_momentum', 'adamw'),
      ['runs', 'sgd_momentum', 'config', 'dampening'],
      () => 0.5,
    );
    const { lines, totals } = await together(text);
    expect(lines[1]).toMatch(/^trajectories +FAILED .* not recognised: sgd_momentum \(SGD with dampening\)/);
    expect(totals).toEqual({ passed: 1, failed: 1 });
  });

  it('finds the net it starts from whatever its file is called', async () => {
    const { totals } = await run({ t: await only('adamw'), other: await shipped('mlp_reduce') });
    expect(totals).toEqual({ passed: 2, failed: 0 });
  });

  it('fails without the net it starts from', async () => {
    const { totals, lines } = await run({ trajectories: await only('adamw') });
    expect(totals).toEqual({ passed: 0, failed: 1 });
    expect(lines[0]).toContain('no fixture of the net mlp_reduce');
  });
});

describe('trajectories of other lengths, nets and settings', () => {
  const calm = { ema_beta: 0.8, momentum: 0.5, lr: 0.05, fisher: 'type2', ema_start: 'first' } as const;
  const runs = {
    'one run': { ...calm, approx: 'expand', damping_rule: 'pi' },
    another: { ...calm, approx: 'reduce', damping_rule: 'sqrt', ema_start: 'zero_bias_corrected' },
    'by eigenvalues': { ...calm, approx: 'expand', damping_rule: 'eigen', fisher: 'empirical' },
    hard: { ...calm, approx: 'reduce', damping_rule: 'separate', lr: 0.1 },
    // Factors of few examples are nearly singular, and each is damped by 1e-3: rounding is multiplied by up to a million.
    'hard from few': { ...calm, approx: 'expand', damping_rule: 'separate', fisher: 'empirical', lr: 0.1 },
  } as const;

  it.each([
    ['biases', { widths: [4, 6, 3], N: 5, R: 3, setting: 'reduce', activation: 'tanh' }, 4],
    [
      'a term per position, without biases',
      { widths: [3, 5, 2], N: 3, R: 2, setting: 'expand', activation: 'tanh', bias: false },
      3,
    ],
    ['one example', { widths: [2, 3, 2], N: 1, R: 4, setting: 'reduce', activation: 'tanh' }, 1],
    ['linear layers', { widths: [3, 4, 4, 2], N: 6, R: 2, setting: 'reduce', activation: 'none' }, 2],
  ] as const)(
    'pass: %s',
    async (_, size, steps) => {
      const { net, trajectories } = makeTrajectories({ ...size, widths: [...size.widths] }, steps, runs);
      const { totals, lines } = await run({ net, trajectories });
      expect(lines.filter((line) => line.startsWith('    '))).toEqual([]);
      expect(totals).toEqual({ passed: 2, failed: 0 });
    },
    patience,
  );
});

describe('what is between the layers of a block', () => {
  it.each(['vit', 'vit_gelu_tanh'])('is not told from the name: %s', async (name) => {
    const other = name === 'vit' ? 'with_gelu_tanh' : 'images';
    const text = (await shipped(name)).replace(`"name":"${name}"`, `"name":"${other}"`);
    expect(text).toContain(`"name":"${other}"`);
    const { totals } = await run({ [other]: text });
    expect(totals).toEqual({ passed: 1, failed: 0 });
  });

  it('is refused by name where nothing known comes near', async () => {
    const fixture = JSON.parse(await shipped('vit')) as {
      layer_io: Record<string, { a: { data: number[] } }>;
    };
    const rows = fixture.layer_io['block.fc2']?.a.data ?? [];
    rows.forEach((value, i) => (rows[i] = Math.sin(3 * value)));
    const { totals, lines } = await run({ vit: JSON.stringify(fixture) });
    expect(totals).toEqual({ passed: 0, failed: 1 });
    expect(lines[0]).toMatch(/^vit +FAILED .* not recognised: a function between block.fc1 and block.fc2/);
  });
});

describe('files that cannot be used', () => {
  it('fail with one line each, and the others are checked', async () => {
    const text = await shipped('mlp_reduce');
    const { totals, lines } = await run({
      a_broken: text.slice(0, 1000),
      b_short: text.replace('"N":6', '"N":7'),
      c_foreign: text
        .replace('"params":{', '"params":{"extra":{"shape":[1],"data":[0]},')
        .replace('"grads":{', '"grads":{"extra":{"shape":[1],"data":[0]},'),
      mlp_reduce: text,
    });
    expect(lines[0]).toMatch(/^a_broken +FAILED a_broken\.json: is not JSON/);
    expect(lines[1]).toMatch(/^b_short +FAILED b_short\.json: /);
    expect(lines[2]).toMatch(/^c_foreign +FAILED .* not recognised: parameter extra outside the layer table/);
    expect(lines[3]).toMatch(/^mlp_reduce +ok /);
    expect(totals).toEqual({ passed: 1, failed: 3 });
  });

  it('are refused as a folder when there are none', async () => {
    await expect(runGoldens(folder, () => undefined)).rejects.toThrow(/no fixtures in/);
  });
});

describe('fixtures of other sizes', () => {
  const fixtures: [name: string, make: () => string][] = [
    [
      'linear_5_9_2',
      () => chainFixture({ widths: [5, 9, 2], N: 7, R: 3, setting: 'reduce', activation: 'none' }),
    ],
    [
      'linear_5_9_2_expand',
      () => chainFixture({ widths: [5, 9, 2], N: 7, R: 3, setting: 'expand', activation: 'none' }),
    ],
    [
      'linear_single',
      () => chainFixture({ widths: [6, 4], N: 9, R: 1, setting: 'reduce', activation: 'none' }),
    ],
    [
      'tanh_deep',
      () => chainFixture({ widths: [3, 11, 5, 4], N: 5, R: 2, setting: 'reduce', activation: 'tanh' }),
    ],
    [
      'single_example_single_output',
      () => chainFixture({ widths: [3, 2, 1], N: 1, R: 3, setting: 'expand', activation: 'none' }),
    ],
    [
      'tanh_no_bias',
      () =>
        chainFixture({ widths: [7, 8, 2], N: 3, R: 4, setting: 'expand', activation: 'tanh', bias: false }),
    ],
    [
      'conv_other',
      () =>
        convolutionFixture({
          N: 3,
          image: [3, 7, 5],
          convolutions: [
            { channels: 5, kernel: [3, 2], stride: 1, padding: 1, bias: true },
            { channels: 6, kernel: [2, 3], stride: 2, padding: 0, bias: false },
            { channels: 3, kernel: [1, 1], stride: 1, padding: 0, bias: true },
          ],
          classes: 4,
        }),
    ],
    [
      'images_tanh',
      () =>
        vitFixture({
          N: 2,
          image: [2, 6, 9],
          patch: 3,
          width: 6,
          heads: 3,
          hidden: 7,
          classes: 5,
          gelu: 'tanh',
        }),
    ],
    [
      'images_gelu_tanh_by_name_only',
      () =>
        vitFixture({
          ...{ N: 3, image: [1, 4, 6], patch: 2, width: 4, heads: 1, hidden: 5, classes: 3, gelu: 'exact' },
        }),
    ],
    [
      'lm_other',
      () =>
        languageFixture({
          N: 2,
          length: 4,
          vocabulary: 5,
          width: 6,
          heads: 3,
          hidden: 7,
          bias: false,
          gelu: 'tanh',
        }),
    ],
    [
      'lm_one_token',
      () =>
        languageFixture({
          ...{ N: 3, length: 1, vocabulary: 4, width: 4, heads: 2, hidden: 6, bias: false, gelu: 'tanh' },
        }),
    ],
    [
      'lm_with_bias',
      () =>
        languageFixture({
          N: 4,
          length: 3,
          vocabulary: 7,
          width: 4,
          heads: 1,
          hidden: 9,
          bias: true,
          gelu: 'exact',
        }),
    ],
    [
      'ragged_deep_expand',
      () => raggedFixture({ widths: [3, 8, 5, 2], counts: [1, 6, 2], setting: 'expand', activation: 'none' }),
    ],
    [
      'ragged_reduce',
      () =>
        raggedFixture({ widths: [6, 7, 4], counts: [2, 2, 5, 1, 3], setting: 'reduce', activation: 'none' }),
    ],
    [
      'ragged_tanh_expand',
      () => raggedFixture({ widths: [4, 9, 3], counts: [4, 1, 3], setting: 'expand', activation: 'tanh' }),
    ],
    [
      'graph_other',
      () =>
        graphFixture({
          ...{ nodes: [2, 6, 1], edges: [3, 9, 1], features: [5, 2] },
          ...{ hidden: 8, message: 3, classes: 4 },
        }),
    ],
    [
      'graph_large',
      () =>
        graphFixture({
          ...{ nodes: [5, 3, 4, 7, 2], edges: [8, 2, 6, 20, 1], features: [3, 7] },
          ...{ hidden: 5, message: 8, classes: 2 },
        }),
    ],
  ];

  it.each(fixtures)(
    '%s passes',
    async (name, make) => {
      const { totals, lines } = await run({ [name]: make() });
      expect(lines.filter((line) => line.startsWith('    '))).toEqual([]);
      expect(totals).toEqual({ passed: 1, failed: 0 });
    },
    patience,
  );
});
