/**
 * Every kind of data with every task through the whole loop: it learns, it repeats bit by bit, and what its evaluations
 * say is what the metrics' definitions give for the outputs of the trained model, all examples at once or piece by piece.
 */
import { describe, expect, it } from 'vitest';
import { runSpecSchema, type RunSpec } from '../../contract/run-spec.ts';
import { metricDefinitions, taskMetrics, type MetricKey } from '../../contract/runs.ts';
import type { PreparedDataset } from '../../datasets/dataset.ts';
import { prepareDataset } from '../../datasets/prepare.ts';
import { splitDataset } from '../../datasets/split-dataset.ts';
import type { TensorDataset } from '../../datasets/tensor-dataset.ts';
import { madeUpGraphs, madeUpImages, madeUpTable, madeUpText } from '../../datasets/test-made-up.ts';
import { openScope, releaseScope, type GpuContext } from '../../gpu-kernels/device.ts';
import { testGpu } from '../../gpu-kernels/test-gpu.ts';
import { consecutive, exampleCount } from '../feeding/feeding.ts';
import { hostInputs } from '../feeding/test-batches.ts';
import { buildModel } from '../models/model.ts';
import { ModelBuilder } from '../models/model-builder.ts';
import { evaluate } from '../program/test-program.ts';
import { Evaluation } from './evaluation.ts';
import type { MetricValues } from './task-metrics.ts';
import { referenceMetrics } from './test-reference-metrics.ts';
import { Recorder } from './test-trainer.ts';
import { initialValues } from './trainer.ts';
import { TrainingProgram } from './training-program.ts';
import { keepRunning, TrainingRun } from './training-run.ts';

interface Case {
  dataset: TensorDataset;
  model: object;
  contextLength?: number;
  learns: MetricKey;
}

const mlp = { kind: 'mlp', hidden: [8], activation: 'tanh' };
const network = { kind: 'graph-network', width: 8, rounds: 1 };
const decoder = { kind: 'decoder', width: 8, blocks: 1, heads: 2 };
const cases: [string, Case][] = [
  ['a table of classes', { dataset: madeUpTable('classification'), model: mlp, learns: 'val.accuracy' }],
  ['a table of numbers', { dataset: madeUpTable('regression'), model: mlp, learns: 'val.rmse' }],
  ['a table of labels', { dataset: madeUpTable('multi-label'), model: mlp, learns: 'val.map' }],
  ['images of numbers', { dataset: madeUpImages('regression'), model: mlp, learns: 'val.r2' }],
  ['images of labels', { dataset: madeUpImages('multi-label'), model: mlp, learns: 'val.loss' }],
  ['a text', { dataset: madeUpText(), model: decoder, contextLength: 8, learns: 'val.bits_per_char' }],
  ['graphs of classes', { dataset: madeUpGraphs('classification'), model: network, learns: 'val.accuracy' }],
  ['graphs of numbers', { dataset: madeUpGraphs('regression'), model: network, learns: 'val.rmse' }],
  ['graphs of labels', { dataset: madeUpGraphs('multi-label'), model: network, learns: 'val.loss' }],
];

const kfac = {
  ...{ name: 'kfac', lr: 0.03, flavour: 'auto' },
  ...{ denseSteps: 2, factorInterval: 3, inverseInterval: 3 },
};

function specOf({ dataset, model, contextLength, learns }: Case): RunSpec {
  return runSpecSchema.parse({
    dataset: { id: 'made-up', validationFraction: 0.3, ...(contextLength && { contextLength }) },
    model,
    optimizer: kfac,
    schedule: { kind: 'constant' },
    batchSize: 7,
    steps: 30,
    evaluateEvery: 15,
    seed: 3,
    target: { metric: learns, op: metricDefinitions[learns].goal === 'max' ? '>=' : '<=', value: 0 },
    ...(dataset.kind === 'graphs' && { batchSize: 9 }),
  });
}

interface Trained {
  gpu: GpuContext;
  spec: RunSpec;
  data: PreparedDataset;
  program: TrainingProgram;
  recorder: Recorder;
  run(seed: number): Promise<Recorder>;
}

/** Trains on the case; `use` looks at the result before everything is freed. */
async function trained(tried: Case, use: (result: Trained) => Promise<void>): Promise<void> {
  const gpu = await testGpu();
  gpu.device.pushErrorScope('validation');
  const spec = specOf(tried);
  const data = prepareDataset('made-up', tried.dataset, spec.dataset);
  const program = await TrainingProgram.build(gpu, spec, data);
  const run = async (seed: number): Promise<Recorder> => {
    program.reset((parameter) => initialValues(parameter, seed));
    const recorder = new Recorder();
    const result = await new TrainingRun(
      ...([gpu, { ...spec, seed }, data, program, recorder, keepRunning] as const),
    ).train();
    expect(result.status).toBe('finished');
    return recorder;
  };
  await use({ gpu, spec, data, program, recorder: await run(spec.seed), run });
  program.destroy();
  const error = await gpu.device.popErrorScope();
  expect(error?.message).toBeUndefined();
}

/** Outputs of the trained model for the whole validation part, fed by the host and without padding. */
async function validationOutputs({ data, program, spec }: Trained): Promise<Float32Array> {
  const { validation } = data;
  const chosen = [...consecutive(data, validation, 0, exampleCount(data, validation))];
  const [outputs] = await evaluate((graph, leaf) => {
    const builder = new ModelBuilder(graph, program.parameters, 'evaluation');
    return buildModel(builder, spec.model, hostInputs(data, validation, chosen, leaf), data.outputs);
  });
  return outputs!;
}

const lastMetrics = (recorder: Recorder, data: PreparedDataset): MetricValues =>
  Object.fromEntries(taskMetrics[data.task].map((key) => [key, recorder.series(key).at(-1)?.value]));

function expectMetrics(got: MetricValues, expected: Record<string, number>): void {
  expect(Object.keys(got).sort()).toEqual(Object.keys(expected).sort());
  for (const [key, value] of Object.entries(expected))
    expect(Math.abs(got[key as MetricKey]! - value), key).toBeLessThan(2e-5 * Math.max(1, Math.abs(value)));
}

describe.each(cases)('%s', (_, tried) => {
  it('is learnt, and measured as the definitions say', async () => {
    await trained(tried, async (result) => {
      const { recorder, data, spec } = result;
      for (const key of taskMetrics[data.task])
        expect(
          recorder.series(key).map(({ step }) => step),
          key,
        ).toEqual([15, 30]);
      const losses = recorder.series('train.loss').map(({ value }) => value);
      const mean = (list: number[]) => list.reduce((sum, value) => sum + value, 0) / list.length;
      expect(mean(losses.slice(-5))).toBeLessThan(0.8 * mean(losses.slice(0, 3)));
      const { validation } = splitDataset(tried.dataset, spec.dataset);
      const outputs = await validationOutputs(result);
      expectMetrics(
        lastMetrics(recorder, data),
        referenceMetrics(tried.dataset, data, outputs, [...validation]),
      );
    });
  });

  it('gives the same bits from the same seed, and others from another', async () => {
    await trained(tried, async ({ recorder, run }) => {
      const again = await run(3);
      for (const key of ['train.loss', 'val.loss', tried.learns] as const)
        expect(again.series(key), key).toEqual(recorder.series(key));
      expect((await run(4)).series('train.loss')).not.toEqual(recorder.series('train.loss'));
    });
  });

  it('is evaluated in pieces as at once', async () => {
    await trained(tried, async ({ gpu, spec, data, program, recorder }) => {
      const whole = lastMetrics(recorder, data);
      const all = exampleCount(data, data.validation);
      const { parameters, step, ring, pace } = program;
      expect(program.evaluation.pieceExamples).toBe(all);
      const evaluatedIn = async (pieceBytes: number): Promise<number> => {
        const scope = openScope(gpu);
        const pieces = await Evaluation.build({
          ...{ scope, spec, data, parameters, step, ring, pace, pieceBytes, streamedBytes: null },
        });
        await pieces.submit();
        const { evaluation, others } = await ring.read(pieces.regions);
        expectMetrics(pieces.metrics(evaluation, others), whole);
        releaseScope(scope);
        return pieces.pieceExamples;
      };
      expect(await evaluatedIn(1)).toBe(1);
      // Then pieces of several examples, the last of which is not full.
      const { largestLiveSet } = program.evaluation.statistics;
      let [pieceBytes, examples] = [largestLiveSet / all, 1];
      while (all % examples === 0) {
        pieceBytes *= 1.3;
        expect(pieceBytes, 'some size of pieces leaves one partly filled').toBeLessThan(2 * largestLiveSet);
        examples = await evaluatedIn(pieceBytes);
      }
    });
  });
});
