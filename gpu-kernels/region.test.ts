import { describe, expect, it } from 'vitest';
import type { GpuContext } from './device.ts';
import { createStorageBuffer, placeInNewBuffer, Region } from './region.ts';
import { testGpu } from './test-gpu.ts';

/** The GPU at hand, as if it allowed no more than 2 MiB in a buffer. */
async function smallGpu(): Promise<GpuContext> {
  const gpu = await testGpu();
  return { ...gpu, device: { limits: { maxBufferSize: 2 ** 21 } } as GPUDevice };
}

describe('a buffer larger than the adapter allows', () => {
  it('is refused by its label, with what would fit', async () => {
    const gpu = await smallGpu();
    expect(() => createStorageBuffer(gpu, 'parameters', 2 ** 21 + 4)).toThrow(
      'parameters needs 3 MiB in one buffer. This adapter allows 2 MiB: take a smaller model or batch.',
    );
    expect(createStorageBuffer(gpu, 'parameters', 2 ** 21).size).toBe(2 ** 21);
  });

  it('is refused by its largest part where it has several', async () => {
    const regions = [
      new Region('bias', 64),
      new Region('embed.weight', 2 ** 21),
      new Region('head', 2 ** 20),
    ];
    const gpu = await smallGpu();
    expect(() => placeInNewBuffer(gpu, 'parameters', regions)).toThrow(
      'parameters needs 4 MiB in one buffer; the largest part is embed.weight. This adapter allows 2 MiB: take a smaller model or batch.',
    );
    expect(regions.every(({ isPlaced }) => !isPlaced)).toBe(true);
  });
});
