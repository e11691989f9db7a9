/** Reads share their buffers, whatever is under way at the same time, and leave none behind. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import { openScope, releaseScope, type GpuContext } from './device.ts';
import { readFloats, readRegions } from './readback.ts';
import { testGpu, uploaded } from './test-gpu.ts';

afterEach(() => void vi.restoreAllMocks());

/** Sizes of the staging buffers that reads make. */
async function watched(): Promise<{ gpu: GpuContext; made: number[] }> {
  const gpu = openScope(await testGpu());
  const made: number[] = [];
  const create = gpu.device.createBuffer.bind(gpu.device);
  vi.spyOn(gpu.device, 'createBuffer').mockImplementation((descriptor) => {
    if (descriptor.label === 'read-back') made.push(descriptor.size);
    return create(descriptor);
  });
  return { gpu, made };
}

const numbers = (count: number, from: number) => Float32Array.from({ length: count }, (_, i) => from + i);

describe('readRegions', () => {
  it('reads regions of any size in one go', async () => {
    const { gpu } = await watched();
    const contents = [numbers(1, 7), numbers(300, 1), numbers(65, 9)];
    const regions = contents.map((values, i) => uploaded(gpu, `r${i}`, values));
    const read = await readRegions(gpu, regions);
    expect(read.map((bytes) => new Float32Array(bytes))).toEqual(contents);
    expect(await readRegions(gpu, [])).toEqual([]);
    releaseScope(gpu);
  });

  it('makes one buffer for all reads of like size, one after another', async () => {
    const { gpu, made } = await watched();
    const regions = [300, 301, 500].map((count, i) => uploaded(gpu, `r${i}`, numbers(count, i)));
    for (let round = 0; round < 5; round++) {
      for (const region of regions) await readFloats(gpu, region);
    }
    expect(made).toEqual([2048]);
    expect(await readFloats(gpu, uploaded(gpu, 'large', numbers(1000, 0)))).toEqual(numbers(1000, 0));
    expect(made).toEqual([2048, 4096]);
    releaseScope(gpu);
  });

  it('keeps reads apart that are under way together', async () => {
    const { gpu, made } = await watched();
    const contents = [0, 1, 2].map((i) => numbers(10, 100 * i));
    const regions = contents.map((values, i) => uploaded(gpu, `r${i}`, values));
    for (let round = 0; round < 2; round++) {
      expect(await Promise.all(regions.map((region) => readFloats(gpu, region)))).toEqual(contents);
    }
    expect(made).toHaveLength(3);
    releaseScope(gpu);
  });

  it('does not keep what is very large', async () => {
    const { gpu } = await watched();
    const region = uploaded(gpu, 'huge', new Float32Array(2 ** 20 + 1));
    const before = gpu.buffers.size;
    await readFloats(gpu, region);
    expect(gpu.buffers.size).toBe(before);
    releaseScope(gpu);
  });

  it('leaves nothing to a scope that was freed, not even by a read that was under way', async () => {
    const { gpu, made } = await watched();
    const region = uploaded(gpu, 'r', numbers(4, 0));
    await readFloats(gpu, region);
    const underWay = readFloats(gpu, region);
    releaseScope(gpu);
    await expect(underWay).rejects.toThrow();
    expect(gpu.buffers.size).toBe(0);
    expect(await readFloats(gpu, uploaded(gpu, 'again', numbers(4, 5)))).toEqual(numbers(4, 5));
    expect(made).toHaveLength(2);
    releaseScope(gpu);
  });
});
