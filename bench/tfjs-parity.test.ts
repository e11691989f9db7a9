/**
 * The same training in an engine that shares no line with ours: TensorFlow.js on its plain CPU backend, from the same
 * weights on the same batch. The losses of twenty steps must coincide.
 */
import { describe, expect, it } from 'vitest';
import { testGpu } from '../gpu-kernels/test-gpu.ts';
import { OurTrainingStep } from './ours/training-step.ts';
import { TfTrainingStep } from './peers/tfjs.ts';
import { trainingTasks, type TrainingTask } from './tasks.ts';

const steps = 20;
/** f32 in other orders of summation; the largest difference seen is a tenth of it. */
const tolerance = 1e-4;

interface Losses {
  run(steps: number): Promise<void>;
  result(): Promise<Float32Array>;
}

async function losses(side: Losses): Promise<number[]> {
  const found: number[] = [];
  for (let step = 0; step < steps; step++) {
    await side.run(1);
    found.push((await side.result())[0] ?? NaN);
  }
  return found;
}

/** The benchmarks' models in small: a plain CPU backend is slow. */
const small = { batch: 16, side: 14 };
const tasks: TrainingTask[] = [
  {
    ...trainingTasks.mlp,
    ...small,
    model: { kind: 'mlp', hidden: [32, 16], activation: 'relu' },
  },
  { ...trainingTasks.convnet, ...small, model: { kind: 'convnet', channels: [4, 8] } },
  {
    ...trainingTasks.vit,
    ...small,
    model: { kind: 'vit', patch: 7, width: 16, blocks: 1, heads: 2, mlpRatio: 2, pool: 'mean' },
  },
];

describe('loss parity with TensorFlow.js', () => {
  it.each(tasks)('$name: twenty steps from the same weights have the same losses', async (task) => {
    const ours = await OurTrainingStep.build(await testGpu(), task);
    const peer = await TfTrainingStep.build('cpu', task);
    const [own, expected] = [await losses(ours), await losses(peer)];
    ours.dispose();
    own.forEach((loss, step) => {
      const reference = expected[step] ?? NaN;
      expect(Math.abs(loss - reference) / reference, `step ${step + 1}`).toBeLessThan(tolerance);
    });
    // Parity of two curves that stand still would prove little.
    expect(own.at(-1)).toBeLessThan(0.99 * (own[0] ?? NaN));
  });
});
