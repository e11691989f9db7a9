import Papa from 'papaparse';
import { describe, expect, it } from 'vitest';
import { exportKinds } from '../../contract/api.ts';
import type { MetricSummary } from '../../contract/runs.ts';
import { adamw, expand, reduce, testGroup, testSeries } from '../statistics/test-runs.ts';
import { buildExportFiles, type ExportInput } from './build-export.ts';

const summary: MetricSummary = {
  key: 'val.accuracy',
  n: 4,
  last: 0.9,
  lastStep: 40,
  min: 0.5,
  minStep: 10,
  max: 0.91,
  maxStep: 30,
  nonfiniteCount: 0,
  firstNonfiniteStep: null,
};
const slow = testGroup(
  'AdamW',
  adamw,
  [
    [0.5, 0.7, 0.8, 0.93],
    [0.5, 0.7, 0.8, 0.94],
    [0.5, 0.7, 0.95, 0.91],
  ],
  100,
  { metrics: [summary] },
);
const fast = testGroup(
  'K-FAC expand',
  expand,
  [
    [0.5, 0.94],
    [0.6, 0.95],
    [0.5, 0.96],
  ],
  150,
);
const never = testGroup('K-FAC reduce', reduce, [
  [0.5, 0.6],
  [0.5, NaN],
  [0.1, 0.2],
]);

const input: ExportInput = {
  runs: [slow, fast, never].flatMap((g) => g.runs),
  series: [
    ...[slow, fast, never].flatMap((g) => g.series),
    testSeries('AdamW-0', [2.3, Infinity], 100, 'train.loss'),
  ],
  kinds: exportKinds,
};
const file = (name: string, changes: Partial<ExportInput> = {}) =>
  buildExportFiles({ ...input, ...changes }).find((f) => f.name === name)!;
const rowsOf = (content: string) =>
  Papa.parse<Record<string, string>>(content, { header: true, skipEmptyLines: true }).data;

describe('buildExportFiles', () => {
  it('makes the files asked for, in that order, and counts their rows', () => {
    const files = buildExportFiles({ ...input, kinds: ['comparison.csv', 'runs.csv'] });
    expect(files.map((f) => [f.name, f.rows])).toEqual([
      ['comparison.csv', 3],
      ['runs.csv', 9],
    ]);
  });

  it('refuses an empty selection', () => {
    expect(() => buildExportFiles({ ...input, runs: [] })).toThrow(/no run to export/);
  });
});

describe('runs.csv', () => {
  it('has a fixed header', () => {
    expect(file('runs.csv').content.split('\r\n')[0]!.split(',')).toMatchInlineSnapshot(`
      [
        "run_id",
        "run_name",
        "comparison_id",
        "comparison",
        "group",
        "group_hash",
        "optimizer",
        "seed",
        "status",
        "error",
        "created_at",
        "started_at",
        "ended_at",
        "process_time_s",
        "wall_time_s",
        "last_step",
        "adapter",
        "software_adapter",
        "host",
        "app_version",
        "param.batchSize",
        "param.dataset.id",
        "param.dataset.splitSeed",
        "param.dataset.validationFraction",
        "param.evaluateEvery",
        "param.model.blocks",
        "param.model.heads",
        "param.model.kind",
        "param.model.mlpRatio",
        "param.model.patch",
        "param.model.pool",
        "param.model.width",
        "param.optimizer.adaptationDecay",
        "param.optimizer.adaptationInterval",
        "param.optimizer.beta1",
        "param.optimizer.beta2",
        "param.optimizer.damping",
        "param.optimizer.dampingAdaptation",
        "param.optimizer.dampingFloor",
        "param.optimizer.dampingRule",
        "param.optimizer.dampingScale",
        "param.optimizer.denseSteps",
        "param.optimizer.embeddings",
        "param.optimizer.eps",
        "param.optimizer.factorDecay",
        "param.optimizer.factorInterval",
        "param.optimizer.fisher",
        "param.optimizer.fisherSamples",
        "param.optimizer.flavour",
        "param.optimizer.inverseInterval",
        "param.optimizer.inversion",
        "param.optimizer.inversionBudget",
        "param.optimizer.lr",
        "param.optimizer.maxFactorSide",
        "param.optimizer.momentum",
        "param.optimizer.name",
        "param.optimizer.otherLrMultiplier",
        "param.optimizer.preconditioner",
        "param.optimizer.recipe",
        "param.optimizer.reduceConvention",
        "param.optimizer.weightDecay",
        "param.optimizer.weightDecayKind",
        "param.schedule.kind",
        "param.schedule.warmupSteps",
        "param.steps",
        "param.target.metric",
        "param.target.op",
        "param.target.value",
        "metric.val.accuracy.last",
        "metric.val.accuracy.last_step",
        "metric.val.accuracy.min",
        "metric.val.accuracy.min_step",
        "metric.val.accuracy.max",
        "metric.val.accuracy.max_step",
        "metric.val.accuracy.n",
        "metric.val.accuracy.nonfinite_n",
        "target.val.accuracy.op",
        "target.val.accuracy.value",
        "target.val.accuracy.reached",
        "target.val.accuracy.step",
        "target.val.accuracy.process_time_s",
      ]
    `);
  });

  it('gives settings, summaries and the target of each run', () => {
    const rows = rowsOf(file('runs.csv').content);
    expect(rows).toHaveLength(9);
    expect(rows[2]).toMatchObject({
      run_id: 'AdamW-2',
      optimizer: 'adamw',
      seed: '2',
      process_time_s: '4',
      wall_time_s: '8.5',
      software_adapter: 'true',
      'param.optimizer.lr': '0.015',
      'param.optimizer.damping': '',
      'metric.val.accuracy.max': '0.91',
      'target.val.accuracy.reached': 'true',
      'target.val.accuracy.step': '30',
      'target.val.accuracy.process_time_s': '3',
    });
    expect(rows[6]).toMatchObject({ 'target.val.accuracy.reached': 'false', 'target.val.accuracy.step': '' });
  });
});

describe('metrics_long.csv', () => {
  it('has a fixed header and one observation a row', () => {
    const { content, rows } = file('metrics_long.csv');
    expect(content.split('\r\n')[0]).toBe(
      'run_id,run_name,group,seed,metric,step,epoch,process_time_s,wall_time_s,value',
    );
    expect(rows).toBe(26);
    const parsed = rowsOf(content);
    expect(parsed).toHaveLength(26);
    // 1797 digits, a fifth held out: 1438 are trained on, 128 a step.
    expect(parsed[0]).toMatchObject({
      metric: 'train.loss',
      step: '10',
      process_time_s: '1',
      wall_time_s: '1.5',
      value: '2.3',
    });
    expect(Number(parsed[0]!['epoch'])).toBe(1280 / 1438);
    expect(parsed[1]!['value']).toBe('inf');
    expect(parsed.filter((row) => row['value'] === 'NaN')).toHaveLength(1);
  });
});

describe('comparison.csv', () => {
  it('has exactly these columns, and empty cells where the target was not reached', () => {
    expect(file('comparison.csv').content).toBe(
      [
        'group,optimizer,n,n_reached,steps_to_target_median,steps_to_target_min,steps_to_target_max,steps_ratio,time_to_target_s_median,time_ratio,final_metric_median',
        'K-FAC expand,kfac-expand,3,3,20,20,20,0.5,3,0.75,0.95',
        'AdamW,adamw,3,3,40,30,40,1,4,1,0.93',
        'K-FAC reduce,kfac-reduce,3,0,,,,,,,0.2',
        '',
      ].join('\r\n'),
    );
  });

  it('takes another target and reference', () => {
    const rows = rowsOf(
      file('comparison.csv', {
        target: { metric: 'val.accuracy', op: '>=', value: 0.5 },
        reference: fast.runs[0]!.groupHash,
      }).content,
    );
    expect(rows.find((row) => row['group'] === 'AdamW')).toMatchObject({
      n_reached: '3',
      time_ratio: String(1 / 1.5),
    });
  });

  it('leaves times empty across adapters', () => {
    const runs = input.runs.map((run) =>
      run.groupName === 'AdamW' ? { ...run, environment: { ...run.environment!, adapter: 'Another' } } : run,
    );
    const rows = rowsOf(file('comparison.csv', { runs }).content);
    expect(rows.map((row) => row['time_to_target_s_median'])).toEqual(['', '', '']);
    expect(rows[0]!['steps_ratio']).toBe('0.5');
  });
});
