/** Data that does not fit on the GPU: trained and evaluated from host memory with the very bits of a resident run. */
import { describe, expect, it } from 'vitest';
import { runSpecSchema, type RunSpec } from '../../contract/run-spec.ts';
import { metricDefinitions, taskMetrics } from '../../contract/runs.ts';
import { prepareDataset } from '../../datasets/prepare.ts';
import type { TensorDataset } from '../../datasets/tensor-dataset.ts';
import { madeUpGraphs, madeUpImages, madeUpTable, madeUpText } from '../../datasets/test-made-up.ts';
import {
  counts,
  observedTrainer,
  Recorder,
  ScriptedControl,
  trainOn,
  type FinishedRun,
  type ObservedTrainer,
} from './test-trainer.ts';
import { keepRunning } from './training-run.ts';

interface Case {
  dataset: TensorDataset;
  model: object;
  optimizer?: object;
  contextLength?: number;
  augmentation?: object;
}

const mlp = { kind: 'mlp', hidden: [8], activation: 'tanh' };
const cnn = { kind: 'cnn', channels: [4] };
const network = { kind: 'graph-network', width: 8, rounds: 1 };
const decoder = { kind: 'decoder', width: 8, blocks: 1, heads: 2 };
const adamw = { name: 'adamw', lr: 0.02 };
/** Takes the loss of a batch again after its step: the batch must still be there, others on their way or not. */
const adapting = {
  ...{ name: 'kfac', lr: 0.03, flavour: 'auto', dampingAdaptation: 'levenberg-marquardt' },
  ...{ adaptationInterval: 3, denseSteps: 2, factorInterval: 3, inverseInterval: 3 },
};

const cases: [string, Case][] = [
  ['images of classes', { dataset: madeUpImages('classification'), model: cnn }],
  [
    'images that are shifted and mixed',
    { dataset: madeUpImages('classification'), model: mlp, augmentation: { shift: 1, mixUp: 0.4 } },
  ],
  ['a table of numbers', { dataset: madeUpTable('regression'), model: mlp, optimizer: adapting }],
  ['a table of labels, some missing', { dataset: madeUpTable('multi-label'), model: mlp }],
  ['a text', { dataset: madeUpText(), model: decoder, contextLength: 8 }],
  ['graphs of numbers', { dataset: madeUpGraphs('regression'), model: network }],
];

const steps = 20;

function specOf({ model, optimizer = adamw, contextLength, augmentation, dataset }: Case): RunSpec {
  const metric = taskMetrics[dataset.task][0];
  return runSpecSchema.parse({
    dataset: { id: 'made-up', validationFraction: 0.3, ...(contextLength && { contextLength }) },
    ...{ model, optimizer, steps, ...(augmentation && { augmentation }) },
    ...{ batchSize: 7, evaluateEvery: 5, seed: 3 },
    target: { metric, op: metricDefinitions[metric].goal === 'max' ? '>=' : '<=', value: 0.5 },
  });
}

function expectSameRun(streamed: FinishedRun, resident: FinishedRun, dataset: TensorDataset): void {
  expect(streamed.parameters).toEqual(resident.parameters);
  for (const key of ['train.loss', ...taskMetrics[dataset.task]] as const) {
    expect(resident.recorder.series(key).length, key).toBeGreaterThan(0);
    expect(streamed.recorder.series(key), key).toEqual(resident.recorder.series(key));
  }
}

/** Trainers of the same data with all of it on the GPU, and with so many bytes of it. */
async function trainersOf(tried: Case, ...budgets: (number | undefined)[]): Promise<ObservedTrainer[]> {
  const data = prepareDataset('made-up', tried.dataset, specOf(tried).dataset);
  return Promise.all(budgets.map((bytes) => observedTrainer(data, undefined, bytes)));
}

describe.each(cases)('%s', (_, tried) => {
  it('are trained on and evaluated with the bits of data that is on the GPU', async () => {
    const spec = specOf(tried);
    const trainers = await trainersOf(tried, undefined, 0);
    const [resident, streamed] = trainers as [ObservedTrainer, ObservedTrainer];
    const whole = await trainOn(resident, spec);
    expect(whole.recorder.codes).not.toContain('streamed');
    const run = await trainOn(streamed, spec);
    expect(run.recorder.codes.filter((code) => code === 'streamed')).toHaveLength(2);
    expectSameRun(run, whole, tried.dataset);
    for (const { trainer } of trainers) trainer.dispose();
  });
});

describe('a streamed run', () => {
  const [, table] = cases[2]!;
  const spec = specOf(table);

  it('begins anew after one that stopped with batches on their way, and after another seed', async () => {
    const trainers = await trainersOf(table, undefined, 0);
    const [resident, streamed] = trainers as [ObservedTrainer, ObservedTrainer];
    const whole = await trainOn(resident, spec);
    const stopped = await trainOn(streamed, spec, new ScriptedControl(7, 'stop'));
    expect(stopped.result.status).toBe('stopped');
    expectSameRun(await trainOn(streamed, spec), whole, table.dataset);
    const other = { ...spec, seed: 5 };
    expectSameRun(await trainOn(streamed, other), await trainOn(resident, other), table.dataset);
    const paused = await trainOn(streamed, spec, new ScriptedControl(4, 'pause'));
    expectSameRun(paused, whole, table.dataset);
    for (const { trainer } of trainers) trainer.dispose();
  });

  it('holds less of the data on the GPU and makes no GPU object after its first stretch', async () => {
    const [resident, streamed] = (await trainersOf(table, undefined, 0)) as [
      ObservedTrainer,
      ObservedTrainer,
    ];
    const seen: Record<string, number>[] = [];
    const recorder = new (class extends Recorder {
      override progress(): void {
        if (this.rows.length > 0) seen.push(counts(streamed.made));
      }
    })();
    await streamed.trainer.train({ ...spec, steps: 60 }, recorder, keepRunning);
    expect(seen.length).toBeGreaterThan(9);
    for (const made of seen) expect(made).toEqual(seen[0]);
    await trainOn(streamed, { ...spec, seed: 4 });
    expect(counts(streamed.made)).toEqual(seen[0]);
    await trainOn(resident, spec);
    const inputs = ({ made }: ObservedTrainer) =>
      [...made.alive].filter(([{ label }]) => label === 'inputs').reduce((sum, [, bytes]) => sum + bytes, 0);
    expect(inputs(streamed)).toBeLessThan(inputs(resident));
    for (const { trainer } of [resident, streamed]) trainer.dispose();
  });
});
