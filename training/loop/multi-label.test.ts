/** A table of several labels from its file to a trained model: that it is learnt, and that its metrics are right. */
import { expect, it } from 'vitest';
import { runSpecSchema } from '../../contract/run-spec.ts';
import { bytesSource } from '../../datasets/import/byte-source.ts';
import { importDataset } from '../../datasets/import/import.ts';
import { defaultLimits } from '../../datasets/import/limits.ts';
import { prepareDataset } from '../../datasets/prepare.ts';
import { createRandom } from '../../datasets/random.ts';
import { splitDataset } from '../../datasets/split-dataset.ts';
import { missingLabel, tensorOf } from '../../datasets/tensor-dataset.ts';
import { testGpu } from '../../gpu-kernels/test-gpu.ts';
import { consecutive } from '../feeding/feeding.ts';
import { hostInputs } from '../feeding/test-batches.ts';
import { buildModel } from '../models/model.ts';
import { ModelBuilder } from '../models/model-builder.ts';
import { evaluate } from '../program/test-program.ts';
import { referenceMetrics } from './test-reference-metrics.ts';
import { Recorder } from './test-trainer.ts';
import { initialValues } from './trainer.ts';
import { TrainingProgram } from './training-program.ts';
import { keepRunning, TrainingRun } from './training-run.ts';

const names = ['warm', 'steep', 'rare'];

/** Rows of four numbers; a label is told by the sum of some of them, and every seventh is not known. */
function file(rows: number): string {
  const random = createRandom(1);
  const lines = Array.from({ length: rows }, (_, row) => {
    const [a, b, c, d] = Array.from({ length: 4 }, () => random.nextBelow(2001) / 1000 - 1) as [
      ...[number, number, number, number],
    ];
    const labels = [a + b > 0, c - a > 0.2, b + d > 1].map(Number);
    return [a, b, c, d, ...labels.map((label, j) => ((3 * row + j) % 7 === 0 ? '' : label))].join(',');
  });
  return `a,b,c,d,${names.join(',')}\n${lines.join('\n')}\n`;
}

it.each([
  ['AdamW', { name: 'adamw', lr: 0.03 }],
  [
    'K-FAC reduce',
    { name: 'kfac', lr: 0.03, flavour: 'reduce', denseSteps: 2, factorInterval: 3, inverseInterval: 3 },
  ],
])(
  'labels that features tell are learnt by %s, and measured as their definition says',
  async (_, optimizer) => {
    const gpu = await testGpu();
    const source = bytesSource(new TextEncoder().encode(file(240)), 'labels.csv');
    const { dataset } = await importDataset([source], { target: names }, { limits: defaultLimits });
    const spec = runSpecSchema.parse({
      dataset: { id: 'made-up', validationFraction: 0.3 },
      ...{ model: { kind: 'mlp', hidden: [16], activation: 'tanh' }, optimizer },
      ...{ batchSize: 24, steps: 60, evaluateEvery: 60, seed: 1 },
      target: { metric: 'val.map', op: '>=', value: 1 },
    });
    const data = prepareDataset('made-up', dataset, spec.dataset);
    const program = await TrainingProgram.build(gpu, spec, data);
    program.reset((parameter) => initialValues(parameter, spec.seed));
    const recorder = new Recorder();
    const run = new TrainingRun(gpu, spec, data, program, recorder, keepRunning);
    expect((await run.train()).status).toBe('finished');

    const chosen = [...consecutive(data, data.validation, 0, data.validation.count)];
    const [outputs] = await evaluate((graph, leaf) => {
      const builder = new ModelBuilder(graph, program.parameters, 'evaluation');
      return buildModel(builder, spec.model, hostInputs(data, data.validation, chosen, leaf), data.outputs);
    });
    const examples = [...splitDataset(dataset, spec.dataset).validation];
    const reference = referenceMetrics(dataset, data, outputs!, examples);
    for (const key of ['val.map', 'val.loss'] as const)
      expect(recorder.series(key).at(-1)?.value, key).toBeCloseTo(reference[key]!, 4);

    // A ranking by chance has about the share of those that have the label as its precision.
    const marks = tensorOf(dataset, 'targets').data;
    const rates = names.map((_, j) => {
      const known = examples.map((i) => marks[i * names.length + j]!).filter((mark) => mark !== missingLabel);
      return known.filter((mark) => mark === 1).length / known.length;
    });
    const baseRate = rates.reduce((sum, rate) => sum + rate, 0) / rates.length;
    expect(recorder.series('val.map').at(-1)?.value).toBeGreaterThan((1 + baseRate) / 2);
    program.destroy();
  },
);
