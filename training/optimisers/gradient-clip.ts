/**
 * Clipping by the norm of all gradients together, as torch.nn.utils.clip_grad_norm_: two launches find the scale, and
 * whoever reads the gradients multiplies by it, so that nothing is written twice. The sums have a fixed order.
 */
import type { GpuContext } from '../../gpu-kernels/device.ts';
import { floatBits, type Dispatch } from '../../gpu-kernels/dispatch.ts';
import { Region, placeInNewBuffer, uploadTable } from '../../gpu-kernels/region.ts';
import { expandTemplate } from '../../gpu-kernels/template.ts';
import { size } from '../program/graph.ts';
import { blockLength, type Parameters } from '../program/parameters.ts';
import scaleSource from './clip-scale.wgsl';
import squaresSource from './gradient-squares.wgsl';

/** Threads that add up squares, and threads that add up their sums; a software adapter has a core or two for them. */
const threads = { software: { squares: 256, lanes: 1 }, gpu: { squares: 8192, lanes: 64 } } as const;

export class GradientClip {
  /** f32: what every gradient is to be multiplied by, at most 1. */
  readonly scale = new Region('clip scale', 16);
  private readonly gpu: GpuContext;
  private readonly clipNorm: number;
  private readonly blocks: number;
  private readonly partial: Region;
  private readonly counts: Region;

  /** Parameters must be allocated. */
  constructor(gpu: GpuContext, parameters: Parameters, clipNorm: number) {
    this.gpu = gpu;
    this.clipNorm = clipNorm;
    this.blocks = parameters.arenaLength / blockLength;
    this.partial = new Region('sums of squares', this.squareThreads * 16);
    placeInNewBuffer(gpu, 'gradient norm', [this.partial, this.scale]);
    this.counts = uploadTable(gpu, 'numbers per block', countsOf(parameters));
  }

  /** Finds the scale for what the gradient arena holds. */
  lower(gradients: Region): Dispatch[] {
    const { squareThreads, blocks } = this;
    const { lanes } = threads[this.gpu.adapterClass];
    const partial = { name: 'partial', type: 'array<vec4f>', region: this.partial };
    return [
      {
        label: 'gradient squares',
        code: squaresSource,
        bindings: [
          { name: 'gradients', type: 'array<vec4f>', region: gradients, write: false },
          { name: 'counts', type: 'array<u32>', region: this.counts, write: false },
          { ...partial, write: true },
        ],
        params: { type: 'Params', data: Uint32Array.of(blocks, squareThreads) },
        workgroups: [Math.ceil(squareThreads / 64), 1, 1],
        flops: 2 * blocks * blockLength,
      },
      {
        label: 'clip scale',
        code: expandTemplate(scaleSource, { LANES: lanes }),
        bindings: [
          { ...partial, write: false },
          { name: 'scale', type: 'array<f32>', region: this.scale, write: true },
        ],
        params: { type: 'Params', data: Uint32Array.of(squareThreads, floatBits(this.clipNorm)) },
        workgroups: [1, 1, 1],
        flops: 4 * squareThreads,
      },
    ];
  }

  private get squareThreads(): number {
    return Math.min(this.blocks, threads[this.gpu.adapterClass].squares);
  }
}

/** u32 per block: how many of its numbers belong to a parameter. */
function countsOf(parameters: Parameters): Uint32Array {
  const counts = new Uint32Array(parameters.arenaLength / blockLength);
  for (const { offset, shape } of parameters.all) {
    const length = size(shape);
    for (let at = 0; at < length; at += blockLength) {
      counts[(offset + at) / blockLength] = Math.min(blockLength, length - at);
    }
  }
  return counts;
}
