/** The rows a page makes, in Node: our side is real and small, the peers are doubles of it or cannot run. */
import { afterAll, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import type { GpuContext } from '../../gpu-kernels/device.ts';
import { openDawn } from '../../gpu-kernels/dawn.ts';
import { testGpu } from '../../gpu-kernels/test-gpu.ts';
import { OurTrainingStep } from '../ours/training-step.ts';
import type { SideName } from '../row.ts';
import type { TrainingTask } from '../tasks.ts';
import type { Contestant } from './contestant.ts';
import { watchCreations } from './creations.ts';
import { measure } from './measure.ts';

let gpu: GpuContext;

/** Our own step under a peer's name: it computes the same, in about the same time. */
async function double(name: SideName, task: TrainingTask): Promise<Contestant> {
  const step = await OurTrainingStep.build(gpu, task);
  return { name, run: (calls) => step.run(calls), result: () => step.result() };
}

vi.mock('../tasks.ts', async (importOriginal) => {
  const tasks = await importOriginal<typeof import('../tasks.ts')>();
  const small = (task: TrainingTask): TrainingTask => ({ ...task, batch: 4, side: 14 });
  const { mlp, convnet, vit } = tasks.trainingTasks;
  return { ...tasks, trainingTasks: { mlp: small(mlp), convnet: small(convnet), vit: small(vit) } };
});

vi.mock('../peers/jax-js.ts', () => ({
  openJax: () => Promise.resolve(),
  JaxKernel: {},
  JaxTrainingStep: {
    build: (device: string, task: TrainingTask) =>
      device === 'webgpu' ? double('jax-js-webgpu', task) : Promise.reject(new Error('not here')),
  },
}));

vi.mock('../peers/tfjs.ts', () => ({
  TfMatmul: {},
  TfTrainingStep: {
    build: async (backend: string, task: TrainingTask) => {
      const side = await double(backend === 'webgpu' ? 'tfjs-webgpu' : 'tfjs-wasm', task);
      // One of the two has its losses wrong.
      return backend === 'webgpu' ? side : { ...side, result: () => Promise.resolve(Float32Array.of(9)) };
    },
  },
}));

beforeAll(async () => {
  gpu = await testGpu();
  vi.stubGlobal('navigator', { gpu: await openDawn() });
  watchCreations();
});
afterAll(() => void vi.unstubAllGlobals());
beforeEach(() => void vi.spyOn(console, 'info').mockImplementation(() => undefined));

it('a training step is a row with the peers that compute the same, and the reasons why others do not', async () => {
  const [row] = await measure('mlp');
  expect(row).toMatchObject({ name: 'mlp', adapter: gpu.name });
  expect(Object.keys(row!.peers).sort()).toEqual(['jax-js-webgpu', 'tfjs-webgpu']);
  expect(row!.ours_ms).toBeGreaterThan(0);
  expect(row!.ratio).toBe(row!.peers['jax-js-webgpu']! / row!.ours_ms);
  expect(row!.gflops).toBeGreaterThan(0);
  expect(row!.rounds).toBeGreaterThanOrEqual(3);
  expect(Object.keys(row!.first_call_ms).sort()).toEqual(['jax-js-webgpu', 'ours', 'tfjs-webgpu']);
  expect(row!.agreement).toMatchObject({ ours: 0, error: 0, tolerance: 1e-4 });
  expect(row!.dispatches).toBeLessThanOrEqual(20);
  expect(row!.notes).toEqual([
    'jax-js-wasm left out: not here',
    expect.stringMatching(
      /^tfjs-wasm left out: tfjs-wasm: loss of 10 steps against ours, relative is off by /,
    ),
  ]);
});

it('memory rows tell what is planned, and that a step makes no GPU object', async () => {
  const rows = await measure('memory');
  expect(rows.map(({ name }) => name)).toEqual(['memory-mlp', 'memory-convnet', 'memory-vit']);
  for (const row of rows) {
    expect(row.created_per_step, row.name).toEqual({ buffers: 0, bind_groups: 0, pipelines: 0 });
    expect(row.memory_ratio).toBe(row.planned_bytes! / row.live_bytes!);
    expect(row.memory_ratio).toBeLessThanOrEqual(1.15);
    expect(row.peers).toEqual({});
  }
});
