/**
 * A piece of GPU memory that kernels bind. Regions are handed out before the memory plan exists: kernels are lowered
 * against regions, the plan then gives each its buffer and offset, and bind groups are made last.
 */
import { KronlabError } from '../contract/errors.ts';
import type { GpuContext } from './device.ts';
import { GpuMemoryError } from './faults.ts';
import { upload } from './upload.ts';

/** Storage bindings must start at a multiple of this many bytes on every adapter. */
export const regionAlignment = 256;

export class Region {
  readonly label: string;
  readonly bytes: number;
  private place: { buffer: GPUBuffer; offset: number } | null = null;

  constructor(label: string, bytes: number) {
    this.label = label;
    this.bytes = bytes;
  }

  get buffer(): GPUBuffer {
    return this.placed().buffer;
  }

  get offset(): number {
    return this.placed().offset;
  }

  get isPlaced(): boolean {
    return this.place !== null;
  }

  locate(buffer: GPUBuffer, offset: number): void {
    this.place = { buffer, offset };
  }

  overlaps(other: Region): boolean {
    return (
      this.buffer === other.buffer &&
      this.offset < other.offset + alignBytes(other.bytes) &&
      other.offset < this.offset + alignBytes(this.bytes)
    );
  }

  private placed(): { buffer: GPUBuffer; offset: number } {
    if (!this.place)
      throw new KronlabError('internal', `region ${this.label} was used before memory was planned`);
    return this.place;
  }
}

/** Where a kernel of several launches gets memory for what they hand on: it lives only during them. */
export interface Scratch {
  readonly gpu: GpuContext;
  scratch(label: string, words: number): Region;
}

export function alignBytes(bytes: number): number {
  return Math.ceil(Math.max(bytes, 4) / regionAlignment) * regionAlignment;
}

/** Lays regions one after another in a new buffer and locates them there. */
export function placeInNewBuffer(gpu: GpuContext, label: string, regions: readonly Region[]): GPUBuffer {
  let size = 0;
  const offsets = regions.map((region) => {
    const offset = size;
    size += alignBytes(region.bytes);
    return offset;
  });
  const [largest] = [...regions].sort((a, b) => b.bytes - a.bytes);
  const buffer = createStorageBuffer(gpu, label, Math.max(size, regionAlignment), largest?.label);
  regions.forEach((region, i) => region.locate(buffer, offsets[i] ?? 0));
  return buffer;
}

/** A buffer that is freed with its scope. */
export function createBuffer(gpu: GpuContext, descriptor: GPUBufferDescriptor): GPUBuffer {
  const buffer = gpu.faults.allocate(descriptor);
  gpu.buffers.add(buffer);
  return buffer;
}

/** `largest` names what takes up most of it, for the error where it does not fit. */
export function createStorageBuffer(
  gpu: GpuContext,
  label: string,
  bytes: number,
  largest?: string,
): GPUBuffer {
  const limit = gpu.device.limits.maxBufferSize;
  if (bytes > limit) {
    const most = largest !== undefined && largest !== label ? `; the largest part is ${largest}` : '';
    throw new GpuMemoryError(
      `${label} needs ${Math.ceil(bytes / 2 ** 20)} MiB in one buffer${most}. This adapter allows ${Math.floor(limit / 2 ** 20)} MiB: take a smaller model or batch.`,
    );
  }
  return createBuffer(gpu, {
    label,
    size: bytes,
    usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
  });
}

/** A region of its own buffer with these words: a small table that kernels read. */
export function uploadTable(gpu: GpuContext, label: string, words: Uint32Array | Float32Array): Region {
  const region = new Region(label, Math.max(16, Math.ceil(words.byteLength / 16) * 16));
  placeInNewBuffer(gpu, label, [region]);
  writeRegion(gpu, region, words);
  return region;
}

/** Takes effect for everything submitted afterwards. */
export function writeRegion(gpu: GpuContext, region: Region, words: Uint32Array | Float32Array): void {
  upload(gpu.device, region.buffer, region.offset, words);
}

/** The whole of a buffer as one region. */
export function wholeBuffer(label: string, buffer: GPUBuffer): Region {
  const region = new Region(label, buffer.size);
  region.locate(buffer, 0);
  return region;
}
