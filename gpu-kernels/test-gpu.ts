/** The GPU that tests run on: Dawn in Node, on whatever driver it finds. One device per test file. */
import { openDawn } from './dawn.ts';
import { openGpu, type AdapterClass, type GpuContext } from './device.ts';
import { record, replay, type Dispatch } from './dispatch.ts';
import { placeInNewBuffer, Region } from './region.ts';
import { readFloats } from './readback.ts';

let shared: Promise<GpuContext> | null = null;

export function testGpu(): Promise<GpuContext> {
  shared ??= openDawn().then(openGpu);
  return shared;
}

/**
 * A device with no more than every WebGPU adapter must allow (8 storage buffers a kernel, 16 KiB of workgroup memory, 256
 * threads, no optional feature), of either class. What the adapter at hand could do beside is not asked for.
 */
export async function plainGpu(adapterClass: AdapterClass): Promise<GpuContext> {
  const gpu = await openDawn();
  const adapter = await gpu.requestAdapter();
  if (!adapter) throw new Error('no adapter');
  const plain = {
    features: new Set<string>(),
    info: adapter.info,
    limits: {} as GPUSupportedLimits,
    requestDevice: () => adapter.requestDevice(),
  };
  const context = await openGpu({ requestAdapter: () => Promise.resolve(plain) } as unknown as GPU);
  return { ...context, gpu, adapterClass, measuring: null };
}

/** A region of its own buffer holding the given numbers. */
export function uploaded(gpu: GpuContext, label: string, data: ArrayLike<number> | Uint32Array): Region {
  const region = emptyRegion(gpu, label, data.length);
  const bytes = data instanceof Uint32Array ? data : Float32Array.from(data);
  gpu.device.queue.writeBuffer(
    region.buffer,
    region.offset,
    bytes as Uint32Array<ArrayBuffer> | Float32Array<ArrayBuffer>,
  );
  return region;
}

export function emptyRegion(gpu: GpuContext, label: string, words: number): Region {
  const region = new Region(label, words * 4);
  placeInNewBuffer(gpu, label, [region]);
  return region;
}

/** Runs launches once and reads a region back. */
export async function runAndRead(
  gpu: GpuContext,
  dispatches: Dispatch[],
  result: Region,
): Promise<Float32Array> {
  const recorded = await record(gpu, dispatches);
  const encoder = gpu.device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  replay(pass, recorded);
  pass.end();
  gpu.device.queue.submit([encoder.finish()]);
  return readFloats(gpu, result);
}
