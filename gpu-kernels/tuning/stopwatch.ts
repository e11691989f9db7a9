/** How long launches take: by the GPU's own clock where it has one, else from submit to the news that they are done. */
import type { GpuContext } from '../device.ts';
import { replay, type RecordedDispatch } from '../dispatch.ts';
import { readRegions } from '../readback.ts';
import { createBuffer, wholeBuffer } from '../region.ts';

/** Milliseconds that `launches`, replayed so many times in a row, take. */
export type Stopwatch = (
  scope: GpuContext,
  launches: readonly RecordedDispatch[],
  repeats: number,
) => Promise<number>;

/** How an adapter's kernels are measured. */
export interface Measuring {
  stopwatch: Stopwatch;
  /** Time after which no further problem of a program is begun, in ms. */
  budgetMs: number;
  /** Milliseconds since whenever, for the budget. */
  now: () => number;
}

export const byTimestamps: Stopwatch = async (scope, launches, repeats) => {
  const { device } = scope;
  const querySet = device.createQuerySet({ type: 'timestamp', count: 2 });
  const resolved = createBuffer(scope, {
    label: 'stopwatch',
    size: 16,
    usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC,
  });
  const timestampWrites = { querySet, beginningOfPassWriteIndex: 0, endOfPassWriteIndex: 1 };
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass({ timestampWrites });
  for (let i = 0; i < repeats; i++) replay(pass, launches);
  pass.end();
  encoder.resolveQuerySet(querySet, 0, 2, resolved, 0);
  device.queue.submit([encoder.finish()]);
  const [bytes] = await readRegions(scope, [wholeBuffer('stopwatch', resolved)]);
  querySet.destroy();
  const [begin = 0n, end = 0n] = new BigUint64Array(bytes ?? new ArrayBuffer(16));
  // A device may reset its counter between the two; such a difference means nothing.
  return end > begin ? Number(end - begin) / 1e6 : Infinity;
};

export const byHostClock: Stopwatch = async ({ device }, launches, repeats) => {
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  for (let i = 0; i < repeats; i++) replay(pass, launches);
  pass.end();
  const commands = encoder.finish();
  const begin = performance.now();
  device.queue.submit([commands]);
  await device.queue.onSubmittedWorkDone();
  return performance.now() - begin;
};

const gpuStopwatch: Stopwatch = (scope, launches, repeats) =>
  scope.device.features.has('timestamp-query')
    ? byTimestamps(scope, launches, repeats)
    : byHostClock(scope, launches, repeats);

export const gpuMeasuring: Measuring = {
  stopwatch: gpuStopwatch,
  budgetMs: 2000,
  now: () => performance.now(),
};
