/**
 * `compile`: from weights in memory and an open device to the first finished step of the ViT. Each side runs in a
 * browser of its own, so that neither the page nor the GPU process has seen a kernel before.
 */
import { openGpu } from '../../gpu-kernels/device.ts';
import { OurTrainingStep } from '../ours/training-step.ts';
import { JaxTrainingStep, openJax } from '../peers/jax-js.ts';
import { batchOf, trainingTasks, weightsOf } from '../tasks.ts';

export type CompiledSide = 'ours' | 'jax-js-webgpu';

export interface FirstStep {
  adapter: string;
  ms: number;
  loss: number;
}

export async function firstStep(side: CompiledSide): Promise<FirstStep> {
  const gpu = await openGpu(navigator.gpu);
  if (side !== 'ours') await openJax('webgpu');
  const task = trainingTasks.vit;
  // Made once per page: whoever asks first would be timed making them.
  batchOf(task);
  weightsOf(task);
  const began = performance.now();
  const step =
    side === 'ours' ? await OurTrainingStep.build(gpu, task) : await JaxTrainingStep.build('webgpu', task);
  await step.run(1);
  const ms = performance.now() - began;
  const [loss] = await step.result();
  return { adapter: gpu.name, ms, loss: loss ?? NaN };
}
