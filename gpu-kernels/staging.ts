/**
 * Buffers that the host reads results through, kept for the next read: a run that looks at its metrics every few steps
 * must not make a buffer each time. Sizes are powers of two, so that reads of like size share them.
 */
import type { GpuContext } from './device.ts';
import { createBuffer } from './region.ts';

const smallest = 1024;
/** Larger ones are freed at once: a whole model is read seldom, and its copy would double its memory for good. */
const largestKept = 4 * 2 ** 20;

export class StagingPool {
  private readonly free = new Map<number, GPUBuffer[]>();

  /** A buffer of at least so many bytes that nobody else uses; give it back when its content was read. */
  take(gpu: GpuContext, bytes: number): GPUBuffer {
    const size = sizeClass(bytes);
    const known = this.free.get(size)?.pop();
    if (known) return known;
    const usage = GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST;
    return createBuffer(gpu, { label: 'read-back', size, usage });
  }

  /** Takes an unmapped buffer back. */
  give(gpu: GpuContext, buffer: GPUBuffer): void {
    // The scope may have been freed meanwhile, its buffers with it.
    if (!gpu.buffers.has(buffer)) return;
    if (buffer.size > largestKept) {
      gpu.buffers.delete(buffer);
      buffer.destroy();
      return;
    }
    const list = this.free.get(buffer.size);
    if (list) list.push(buffer);
    else this.free.set(buffer.size, [buffer]);
  }

  /** Forgets all buffers: their scope is freed. */
  clear(): void {
    this.free.clear();
  }
}

function sizeClass(bytes: number): number {
  if (bytes > largestKept) return Math.ceil(bytes / 4) * 4;
  return Math.max(smallest, 2 ** Math.ceil(Math.log2(Math.max(1, bytes))));
}
