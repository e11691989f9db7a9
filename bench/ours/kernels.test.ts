import { expect, it } from 'vitest';
import { inverseResidual, spdMatrix } from '../../gpu-kernels/spd-inverse/test-support.ts';
import { testGpu } from '../../gpu-kernels/test-gpu.ts';
import { OurKernels } from './kernels.ts';

it('the inverse that is benchmarked has the residual that was promised, each time it is made', async () => {
  const n = 512;
  const matrix = spdMatrix(n, 1e2, 3);
  const inverse = await OurKernels.inverse(await testGpu(), matrix, n);
  // The second call starts from the given matrix again, not from what the first left of it.
  await inverse.run(1);
  const first = await inverse.result();
  await inverse.run(1);
  expect(await inverse.result()).toEqual(first);
  expect(inverseResidual(matrix, first, n)).toBeLessThanOrEqual(5e-6);
  inverse.dispose();
});
