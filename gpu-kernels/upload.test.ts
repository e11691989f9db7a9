import { expect, it, vi } from 'vitest';
import { openScope, releaseScope } from './device.ts';
import { readFloats } from './readback.ts';
import { emptyRegion, testGpu } from './test-gpu.ts';
import { upload } from './upload.ts';

it.each([1, 63, 64, 65, 1000])('%d numbers arrive whole, no piece larger than allowed', async (count) => {
  const gpu = openScope(await testGpu());
  const region = emptyRegion(gpu, 'target', count + 8);
  const write = vi.spyOn(gpu.device.queue, 'writeBuffer');
  const values = Float32Array.from({ length: count }, (_, i) => i + 1);
  upload(gpu.device, region.buffer, 16, values, 256);
  for (const [, , data] of write.mock.calls) expect(data.byteLength).toBeLessThanOrEqual(256);
  expect(write).toHaveBeenCalledTimes(Math.ceil(count / 64));
  write.mockRestore();
  const expected = [0, 0, 0, 0, ...values, 0, 0, 0, 0];
  expect([...(await readFloats(gpu, region))]).toEqual(expected);
  releaseScope(gpu);
});
