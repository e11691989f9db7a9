/** The uniform block of numbers that change from step to step; the WGSL struct of the same name is its other half. */
import type { GpuContext } from '../../gpu-kernels/device.ts';
import { floatBits } from '../../gpu-kernels/dispatch.ts';
import { createBuffer } from '../../gpu-kernels/region.ts';
import source from './step-scalars.wgsl';

export const stepScalarsSource = source;

export interface StepScalars {
  index: number;
  seed: number;
  slot: number;
  lr: number;
  correction1: number;
  correction2: number;
  factorMix: number;
  /** Weight of the gradient itself beside the first moment; 0 when left out. */
  gradientWeight?: number;
}

const words = 8;

export class StepUniform {
  readonly buffer: GPUBuffer;
  readonly type = 'Step';
  private readonly device: GPUDevice;
  private readonly data = new Uint32Array(words);

  constructor(gpu: GpuContext) {
    this.device = gpu.device;
    this.buffer = createBuffer(gpu, {
      label: 'step scalars',
      size: words * 4,
      usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
    });
  }

  /** Takes effect for everything submitted afterwards. */
  write(scalars: StepScalars): void {
    this.data.set([
      scalars.index,
      scalars.seed,
      scalars.slot,
      floatBits(scalars.lr),
      floatBits(scalars.correction1),
      floatBits(scalars.correction2),
      floatBits(scalars.factorMix),
      floatBits(scalars.gradientWeight ?? 0),
    ]);
    this.device.queue.writeBuffer(this.buffer, 0, this.data);
  }
}
