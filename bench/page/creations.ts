/** Counts the GPU objects that are made, by whichever device: a compiled step should make none. */
import type { Created } from '../row.ts';

const counts: Created = { buffers: 0, bind_groups: 0, pipelines: 0 };

function counting(name: keyof GPUDevice, kind: keyof Created): void {
  const prototype = GPUDevice.prototype as unknown as Record<string, (...args: unknown[]) => unknown>;
  const original = prototype[name];
  if (!original) throw new Error(`this browser's GPUDevice has no ${name}`);
  prototype[name] = function (this: GPUDevice, ...args: unknown[]) {
    counts[kind]++;
    return original.apply(this, args);
  };
}

/** Must run before the devices are used. */
export function watchCreations(): void {
  counting('createBuffer', 'buffers');
  counting('createBindGroup', 'bind_groups');
  counting('createComputePipeline', 'pipelines');
  counting('createComputePipelineAsync', 'pipelines');
}

/** Objects made while something runs. */
export async function createdDuring<T>(run: () => Promise<T>): Promise<{ created: Created; value: T }> {
  const before = { ...counts };
  const value = await run();
  const created: Created = {
    buffers: counts.buffers - before.buffers,
    bind_groups: counts.bind_groups - before.bind_groups,
    pipelines: counts.pipelines - before.pipelines,
  };
  return { created, value };
}
