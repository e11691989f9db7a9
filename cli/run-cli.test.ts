import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Papa from 'papaparse';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { KronlabError } from '../contract/errors.ts';
import type { RunSummary } from '../contract/runs.ts';
import { runCli } from './run-cli.ts';
import type { Terminal } from './terminal.ts';
import { testTrainer, type Script } from './test-trainer.ts';

let folder: string;
let database: string;
let out: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kronlab-cli-'));
  database = join(folder, 'lab.sqlite3');
  out = join(folder, 'made', 'by', 'the', 'command');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** K-FAC gets to 0.9 in half the steps of AdamW, each of which takes half as long again; the control never does. */
const script: Script = {
  accuracy(spec, step) {
    if (spec.optimizer.name === 'grafted-identity') return 0.5;
    return step >= (spec.optimizer.name === 'kfac' ? 20 : 40) + 5 * (spec.seed % 2) ? 0.95 : 0.6;
  },
  msPerStep: (spec) => (spec.optimizer.name === 'kfac' ? 150 : 100),
};

function testTerminal() {
  const written = { out: '', err: '' };
  let interrupt: (() => void) | null = null;
  const terminal: Terminal = {
    out: (text) => void (written.out += text),
    err: (text) => void (written.err += text),
    live: false,
    columns: 100,
    onInterrupt(listener) {
      interrupt = listener;
      return () => (interrupt = null);
    },
  };
  return { terminal, written, pressCtrlC: () => interrupt?.() };
}

async function cli(args: string[], changes: Partial<Script> = {}, given = testTerminal()) {
  const code = await runCli(args, {
    terminal: given.terminal,
    createTrainer: () => Promise.resolve(testTrainer({ ...script, ...changes })),
    now: Date.now,
  });
  return { code, ...given.written };
}
const compareArgs = () => ['compare', '--preset', 'first-light', '--out', out, '--db', database];
const listRuns = async () =>
  JSON.parse((await cli(['runs', 'list', '--db', database, '--json'])).out) as RunSummary[];
const readCsv = async (name: string) =>
  Papa.parse<Record<string, string>>(await readFile(join(out, name), 'utf8'), {
    header: true,
    skipEmptyLines: true,
  }).data;

describe('kronlab compare', () => {
  it('trains every group with every seed, prints the comparison and writes its files', async () => {
    const { code, out: text, err } = await cli([...compareArgs(), '--seeds', '2,4,6']);
    expect(err).toContain('[12/12]');
    expect(code).toBe(0);
    expect(text).toMatch(
      /K-FAC (expand|reduce) reaches 0\.\d+ in 0\.50 × the steps and 0\.75 × the time of AdamW\./,
    );
    expect(text).toContain('Grafting control: not reached, best 0.500 at step 5');
    for (const name of ['runs.csv', 'metrics_long.csv', 'comparison.csv', 'comparison.svg']) {
      expect(text).toContain(`Wrote ${join(out, name)}`);
    }
    const rows = await readCsv('comparison.csv');
    expect(
      rows.map((row) => [row['group'], row['n'], row['n_reached'], row['steps_ratio'], row['time_ratio']]),
    ).toEqual([
      ['K-FAC expand', '3', '3', '0.5', '0.75'],
      ['K-FAC reduce', '3', '3', '0.5', '0.75'],
      ['AdamW', '3', '3', '1', '1'],
      ['Grafting control', '3', '0', '', ''],
    ]);
    expect((await readCsv('runs.csv')).every((row) => row['status'] === 'finished')).toBe(true);
    expect(await readFile(join(out, 'comparison.svg'), 'utf8')).toContain('</svg>');
  });

  it('takes another budget, and answers in JSON', async () => {
    const { code, out: text } = await cli([...compareArgs(), '--seeds', '2', '--steps', '30', '--json']);
    expect(code).toBe(0);
    const answer = JSON.parse(text) as {
      groups: { name: string; reached: number; steps: { median: number | null } }[];
    };
    expect(answer.groups.map((g) => [g.name, g.reached, g.steps.median])).toContainEqual(['AdamW', 0, null]);
    expect((await listRuns()).every((run) => run.lastStep === 30)).toBe(true);
  });

  it('reads a comparison from a file, settings shared and own', async () => {
    const path = join(folder, 'spec.json');
    const settings = {
      dataset: { id: 'digits' },
      model: { kind: 'mlp', hidden: [16] },
      batchSize: 32,
      steps: 50,
      evaluateEvery: 5,
      target: { metric: 'val.accuracy', op: '>=', value: 0.9 },
    };
    const groups = [
      { settings: { optimizer: { name: 'adamw', lr: 0.01 } } },
      { name: 'Mine', settings: { optimizer: { name: 'kfac', flavour: 'reduce', lr: 0.02 } } },
    ];
    await writeFile(path, JSON.stringify({ name: 'From a file', seeds: [2], settings, groups }));
    const { code, err } = await cli(['compare', '--spec', path, '--out', out, '--db', database]);
    expect(err).toContain('From a file: 2 groups, 2 runs');
    expect(code).toBe(0);
    expect((await listRuns()).map((run) => run.groupName).sort()).toEqual(['AdamW', 'Mine']);
  });

  it('stops cleanly on Ctrl C: what was trained is kept, compared and written', async () => {
    const terminal = testTerminal();
    const { code, out: text } = await cli(
      [...compareArgs(), '--seeds', '2'],
      {
        beforeStep(spec, step) {
          if (spec.optimizer.name === 'kfac' && step === 12) terminal.pressCtrlC();
        },
      },
      terminal,
    );
    expect(code).toBe(130);
    expect(text).toContain('Wrote ');
    const runs = await listRuns();
    const statusOf = (name: string) => runs.find((run) => run.groupName === name)?.status;
    expect(statusOf('AdamW')).toBe('finished');
    expect(statusOf('K-FAC expand')).toBe('stopped');
    expect(runs.find((run) => run.groupName === 'K-FAC expand')?.lastStep).toBe(11);
    expect(statusOf('K-FAC reduce')).toBe('interrupted');
    expect((await readCsv('metrics_long.csv')).filter((row) => row['group'] === 'K-FAC expand')).toHaveLength(
      13,
    );
  });

  it('goes on after a run that diverged, and keeps it', async () => {
    const { code, err } = await cli([...compareArgs(), '--seeds', '2'], {
      divergesAt: (spec) => (spec.optimizer.name === 'adamw' ? 8 : null),
    });
    expect(code).toBe(0);
    expect(err).toContain('diverged: its loss is no longer finite');
    const diverged = (await listRuns()).filter((run) => run.status === 'diverged');
    expect(diverged.map((run) => [run.groupName, run.lastStep])).toEqual([['AdamW', 8]]);
    expect((await readCsv('metrics_long.csv')).filter((row) => row['value'] === 'NaN')).toHaveLength(1);
  });

  it('says once what a group costs without need', async () => {
    const { err } = await cli([...compareArgs(), '--seeds', '1,2'], {
      events: ({ optimizer }) =>
        optimizer.name === 'adamw'
          ? [{ step: 0, atMs: 0, level: 'warning', code: 'costly-fisher', text: 'Takes 35 passes.' }]
          : [{ step: 0, atMs: 0, level: 'info', code: 'started', text: 'Started.' }],
    });
    expect(err.split('AdamW: Takes 35 passes.')).toHaveLength(2);
    expect(err).not.toContain('Started.');
  });

  it('says in one line why the engine failed, and keeps what was saved', async () => {
    const { code, err } = await cli([...compareArgs(), '--seeds', '2'], {
      beforeStep(spec, step) {
        if (spec.optimizer.name === 'kfac' && step === 7)
          throw new KronlabError('device-lost', 'The GPU was lost.');
      },
    });
    expect(code).toBe(1);
    expect(err.trimEnd().split('\n').at(-1)).toBe('kronlab: The GPU was lost.');
    const failed = (await listRuns()).find((run) => run.status === 'failed');
    expect(failed).toMatchObject({ groupName: 'K-FAC expand', error: 'The GPU was lost.' });
  });
});

describe('kronlab runs and export', () => {
  it('lists runs and writes them again, with another target and reference', async () => {
    await cli([...compareArgs(), '--seeds', '2,4,6']);
    const table = await cli(['runs', 'list', '--db', database]);
    expect(table.out).toContain('K-FAC expand');
    const runs = await listRuns();
    expect(runs).toHaveLength(12);
    const again = join(folder, 'again');
    const { code, out: text } = await cli([
      ...['export', '--comparison', runs[0]!.comparisonId!, '--out', again, '--db', database],
      ...['--kinds', 'comparison.csv', '--target', '0.55', '--reference', 'K-FAC expand'],
    ]);
    expect(code).toBe(0);
    expect(text).toBe(`Wrote ${join(again, 'comparison.csv')} (4 rows)\n`);
    const csv = await readFile(join(again, 'comparison.csv'), 'utf8');
    expect(csv).toContain('K-FAC expand,kfac-expand,3,3,5,5,5,1,');
  });

  it('exports single runs', async () => {
    await cli([...compareArgs(), '--seeds', '2']);
    const [run] = await listRuns();
    const { code } = await cli([
      'export',
      '--runs',
      run!.id,
      '--out',
      out,
      '--db',
      database,
      '--kinds',
      'runs.csv',
    ]);
    expect(code).toBe(0);
    expect(await readCsv('runs.csv')).toHaveLength(1);
  });
});
