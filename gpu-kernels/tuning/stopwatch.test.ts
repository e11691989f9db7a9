import { expect, test } from 'vitest';
import { openScope, releaseScope } from '../device.ts';
import { record, type Dispatch } from '../dispatch.ts';
import { emptyRegion, testGpu } from '../test-gpu.ts';
import { byHostClock, byTimestamps } from './stopwatch.ts';

test.each([
  ['timestamps', byTimestamps],
  ['the host’s clock', byHostClock],
])('thirty times the work takes longer, by %s', async (name, stopwatch) => {
  const gpu = openScope(await testGpu());
  if (name === 'timestamps' && !gpu.device.features.has('timestamp-query')) return;
  const region = emptyRegion(gpu, 'memory', 64);
  const launch: Dispatch = {
    label: 'busy',
    code: `@compute @workgroup_size(1) fn main() {
      for (var i = 0u; i < 100000u; i++) { memory[i % 64u] += 1.0; }
    }`,
    bindings: [{ name: 'memory', type: 'array<f32>', region, write: true }],
    workgroups: [1, 1, 1],
    flops: 0,
  };
  const recorded = await record(gpu, [launch]);
  await stopwatch(gpu, recorded, 1);
  // The shortest of several: a busy machine makes times longer, never shorter.
  const shortest = async (repeats: number): Promise<number> => {
    const times = [];
    for (let i = 0; i < 5; i++) times.push(await stopwatch(gpu, recorded, repeats));
    return Math.min(...times);
  };
  const few = await shortest(1);
  const many = await shortest(30);
  expect(few).toBeGreaterThan(0);
  expect(many).toBeGreaterThan(3 * few);
  releaseScope(gpu);
});
