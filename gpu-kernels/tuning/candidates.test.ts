import { expect, test } from 'vitest';
import { releaseScope } from '../device.ts';
import type { Dispatch } from '../dispatch.ts';
import type { Region } from '../region.ts';
import { testGpu } from '../test-gpu.ts';
import { candidatesOf } from './candidates.ts';

test('variants share the memory of a label, which is as large as the largest asks for', async () => {
  const gpu = await testGpu();
  const own = gpu.buffers.size;
  const launch = (region: Region): Dispatch => ({
    label: '',
    code: '',
    bindings: [{ name: 'memory', type: 'array<f32>', region, write: true }],
    workgroups: [1, 1, 1],
    flops: 0,
  });
  const { scope, launches } = candidatesOf(gpu, ({ scratch }) => {
    const sizes = { small: 100, large: 1000 };
    return new Map(
      Object.entries(sizes).map(([name, words]) => [
        name,
        [launch(scratch('parts', words)), launch(scratch('sums', 10))],
      ]),
    );
  });
  const [small, large] = ['small', 'large'].map((name) =>
    launches.get(name)!.map(({ bindings }) => bindings[0]!.region),
  );
  expect(small!.map(({ bytes }) => bytes)).toEqual([400, 40]);
  expect(large!.map(({ bytes }) => bytes)).toEqual([4000, 40]);
  small!.forEach((region, i) => expect(region.buffer).toBe(large![i]!.buffer));
  expect(small![0]!.buffer).not.toBe(small![1]!.buffer);
  expect(small![0]!.buffer.size).toBeGreaterThanOrEqual(4000);
  expect(scope.buffers.size).toBe(2);
  expect(gpu.buffers.size).toBe(own);
  releaseScope(scope);
});
