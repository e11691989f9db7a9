/** Batches of augmented images as a run takes them, against images changed one at a time on the host. */
import { afterAll, describe, expect, it } from 'vitest';
import { noAugmentation } from '../../contract/augmentation.ts';
import { datasetSpecSchema, type AugmentationSpec } from '../../contract/run-spec.ts';
import { partTensor } from '../../datasets/dataset.ts';
import { prepareDataset } from '../../datasets/prepare.ts';
import type { TensorDataset } from '../../datasets/tensor-dataset.ts';
import { madeUpImages, madeUpTable } from '../../datasets/test-made-up.ts';
import { openScope, releaseScope } from '../../gpu-kernels/device.ts';
import { testGpu } from '../../gpu-kernels/test-gpu.ts';
import { drawAugmentation } from '../program/operations/augment.ts';
import { movedImage } from '../program/operations/test-augment.ts';
import { StepUniform } from '../program/step-scalars.ts';
import { expectClose, f32Tolerance, prepare } from '../program/test-program.ts';
import { Augmentation } from './augmentation.ts';
import { betaQuantiles } from './beta-quantiles.ts';
import { createFeeding } from './feeding.ts';
import { ResidentPart } from './part-source.ts';
import { pickRows } from './test-batches.ts';

const gpu = openScope(await testGpu());
afterAll(() => releaseScope(gpu));

const prepared = (dataset: TensorDataset) =>
  prepareDataset('made-up', dataset, datasetSpecSchema.parse({ id: 'made-up', validationFraction: 0.3 }));

const data = prepared(madeUpImages('classification'));
const pixels = { channels: 2, height: 3, width: 4 };
const everything: AugmentationSpec = { shift: 2, flip: 'horizontal', cutout: 2, mixUp: 0.4 };
const count = 8;

function stepOf(seed: number, index: number): StepUniform {
  const step = new StepUniform(gpu);
  step.write({ index, seed, slot: 0, lr: 0, correction1: 1, correction2: 1, factorMix: 1 });
  return step;
}

/** A program that gives the images and labels of the batch, and the labels and the share of mix-up. */
async function fed(spec: AugmentationSpec | undefined, step: StepUniform) {
  const augmentation = Augmentation.create(gpu, spec, data, step);
  const feeding = createFeeding(gpu, data, new ResidentPart(gpu, data.train), count, false, augmentation);
  const program = () =>
    prepare((graph) => {
      const { inputs, targets, mixed } = feeding.trace(graph);
      if (inputs.kind !== 'images') throw new Error(inputs.kind);
      return [inputs.images, targets, ...(mixed ? [mixed.labels, mixed.share] : [])];
    });
  return { feeding, programs: [await program(), await program()] };
}

/** What is drawn for the batch, by the numbers alone. */
async function drawn(step: StepUniform) {
  const { height, width } = pixels;
  const quantiles = betaQuantiles(everything.mixUp, 4096);
  const test = await prepare((graph, leaf) => {
    const shares = leaf(quantiles, [4096]);
    const { moves, mixing } = drawAugmentation(graph, everything, { count, height, width }, step, shares);
    return [moves!, mixing!.partners, mixing!.share];
  });
  const [moves, partners, share] = await test.run();
  const whole = (values: Float32Array) => new Uint32Array(values.buffer);
  return { moves: whole(moves!), partners: [...whole(partners!)], share: share![0]! };
}

describe('an augmented batch', () => {
  it.each([
    [3, 1],
    [4, 9],
  ])(
    'has the images and both labels of its rows, black around them: seed %d, step %d',
    async (seed, index) => {
      const step = stepOf(seed, index);
      const { feeding, programs } = await fed(everything, step);
      const { moves, partners, share } = await drawn(step);
      const rows = [3, 0, 11, 3, 7, 8, 2, 1];
      feeding.choose(Uint32Array.from(rows));
      const [images, labels, others, ownShare] = await programs[0]!.run();
      // What the file's 0 became, of each channel.
      const { mean, std } = data.scaling['inputs']!;
      const black = mean.map((value, c) => (0 - value) / std[c]!);
      expect(Math.min(...black)).toBeLessThan(-1);
      const source = partTensor(data.train, 'inputs').data;
      const moved = rows.map((row, n) =>
        movedImage(pickRows(source, 24, [row]), pixels, everything, moves.slice(5 * n, 5 * n + 5), black),
      );
      const mixed = moved.flatMap((image, n) =>
        image.map((value, i) => share * value + (1 - share) * moved[partners[n]!]![i]!),
      );
      expectClose(images!, mixed, f32Tolerance);
      const { data: all } = partTensor(data.train, 'labels');
      const labelsOf = (values: Float32Array | undefined) => [...new Uint32Array(values!.buffer)];
      expect(labelsOf(labels)).toEqual(rows.map((row) => all[row]));
      expect(labelsOf(others)).toEqual(rows.map((_, n) => all[rows[partners[n]!]!]));
      expect(ownShare![0]).toBe(share);
      for (const { gpu: scope } of programs) releaseScope(scope);
    },
  );

  it('is the same in every program of a step', async () => {
    const { feeding, programs } = await fed(everything, stepOf(5, 2));
    feeding.choose(Uint32Array.of(9, 1, 2, 3, 4, 5, 6, 7));
    const [first, second] = [await programs[0]!.run(), await programs[1]!.run()];
    expect(second).toEqual(first);
    expect(await programs[0]!.run()).toEqual(first);
    for (const { gpu: scope } of programs) releaseScope(scope);
  });

  it('is the batch itself where every change is off, with one label', async () => {
    const step = stepOf(1, 1);
    expect(Augmentation.create(gpu, noAugmentation, data, step)).toBeNull();
    const { feeding, programs } = await fed(undefined, step);
    const rows = [5, 1, 2, 3, 4, 5, 6, 7];
    feeding.choose(Uint32Array.from(rows));
    const [images, , ...mixed] = await programs[0]!.run();
    expect([...images!]).toEqual(pickRows(partTensor(data.train, 'inputs').data, 24, rows));
    expect(mixed).toEqual([]);
    for (const { gpu: scope } of programs) releaseScope(scope);
  });
});

it.each([
  [madeUpTable('classification'), { mixUp: 1 }, 'augmentation.mixUp: must be 0; only images of classes'],
  [
    madeUpImages('regression'),
    { flip: 'horizontal' },
    'augmentation.flip: must be none; only images of classes',
  ],
  [madeUpImages('multi-label'), { shift: 1 }, 'augmentation.shift: must be 0; only images of classes'],
  [
    madeUpImages('classification'),
    { shift: 3 },
    'augmentation.shift: must be below the image side, 3; 3 is not',
  ],
  [
    madeUpImages('classification'),
    { cutout: 4 },
    'augmentation.cutout: must be below the image side, 3; 4 is not',
  ],
] as const)('what does not fit a data set is refused by name: %#', (dataset, changes, message) => {
  const spec = { ...noAugmentation, ...changes };
  expect(() => Augmentation.create(gpu, spec, prepared(dataset), stepOf(1, 1))).toThrow(message);
});
