/** Copying GPU memory back to the host: for metrics, checkpoints and tests; never inside a training step. */
import type { GpuContext } from './device.ts';
import type { Region } from './region.ts';

/** Reads whole regions with one submit and one map, through a buffer of the scope's pool. */
export async function readRegions(gpu: GpuContext, regions: readonly Region[]): Promise<ArrayBuffer[]> {
  const sizes = regions.map((r) => Math.ceil(r.bytes / 4) * 4);
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const staging = gpu.staging.take(gpu, total);
  const encoder = gpu.device.createCommandEncoder();
  let at = 0;
  regions.forEach((region, i) => {
    encoder.copyBufferToBuffer(region.buffer, region.offset, staging, at, sizes[i] ?? 0);
    at += sizes[i] ?? 0;
  });
  gpu.device.queue.submit([encoder.finish()]);
  // A buffer that cannot be mapped belongs to a lost device or a freed scope: it does not go back.
  await staging.mapAsync(GPUMapMode.READ, 0, Math.max(total, 4));
  const bytes = staging.getMappedRange(0, Math.max(total, 4));
  at = 0;
  const copies = regions.map((_, i) => {
    const copy = bytes.slice(at, at + (sizes[i] ?? 0));
    at += sizes[i] ?? 0;
    return copy;
  });
  staging.unmap();
  gpu.staging.give(gpu, staging);
  return copies;
}

export async function readFloats(gpu: GpuContext, region: Region): Promise<Float32Array> {
  const [bytes] = await readRegions(gpu, [region]);
  return new Float32Array(bytes ?? new ArrayBuffer(0));
}
