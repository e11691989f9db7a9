/** The benchmarks that run inside one page, as rows. */
import { KronlabError } from '../../contract/errors.ts';
import { openGpu, type GpuContext } from '../../gpu-kernels/device.ts';
import { inverseResidual, spdMatrix } from '../../gpu-kernels/spd-inverse/test-support.ts';
import { OurKernels } from '../ours/kernels.ts';
import { OurTrainingStep } from '../ours/training-step.ts';
import { JaxKernel, JaxTrainingStep, openJax } from '../peers/jax-js.ts';
import { TfMatmul, TfTrainingStep } from '../peers/tfjs.ts';
import { productError, products } from '../products.ts';
import type { BenchRow, Created, PeerName, SideName } from '../row.ts';
import { timeInTurns } from '../rounds.ts';
import { batchOf, trainingTasks, weightsOf, type TrainingTask } from '../tasks.ts';
import { requireOneAdapter } from './adapter.ts';
import { compare, type Comparison, type Contestant, type PeerBuilders } from './contestant.ts';
import { createdDuring } from './creations.ts';

/** Names of benchmarks that are measured in one page; `compile` needs a page per side. */
export type PageBenchmark = 'matmul' | TrainingTask['name'] | 'spd' | 'memory';

export async function measure(name: PageBenchmark): Promise<BenchRow[]> {
  const gpu = await openGpu(navigator.gpu);
  switch (name) {
    case 'matmul':
      return matmulRows(gpu);
    case 'spd':
      return [await inverseRow(gpu)];
    case 'memory':
      return memoryRows(gpu);
    default:
      return [await trainingRow(gpu, trainingTasks[name])];
  }
}

async function matmulRows(gpu: GpuContext): Promise<BenchRow[]> {
  const rows: BenchRow[] = [];
  for (const product of products(1024)) {
    console.info(product.name);
    const peers: PeerBuilders = {
      'jax-js-webgpu': () => withJax('webgpu', (device) => JaxKernel.matmul(device, product)),
      'tfjs-webgpu': () => TfMatmul.build('webgpu', product),
      'jax-js-wasm': () => withJax('wasm', (device) => JaxKernel.matmul(device, product)),
      'tfjs-wasm': () => TfMatmul.build('wasm', product),
    };
    const check = {
      of: '32 rows against float64, relative to the largest element',
      calls: 2,
      // Sums of 1024 products in f32, in whatever order.
      tolerance: 1e-5,
      error: (results: readonly Float32Array[]) =>
        productError(product, results.at(-1) ?? new Float32Array()),
    };
    const result = await compare(() => OurKernels.matmul(gpu, product), peers, check, {
      budgetMs: 70_000,
      fewest: 3,
    });
    rows.push(rowOf(product.name, gpu, result, result.ours.flops));
  }
  return rows;
}

async function inverseRow(gpu: GpuContext): Promise<BenchRow> {
  const n = 512;
  const matrix = spdMatrix(n, 1e2, 3);
  const peers: PeerBuilders = {
    'jax-js-webgpu': () => withJax('webgpu', (device) => JaxKernel.inverse(device, matrix, n)),
    'jax-js-wasm': () => withJax('wasm', (device) => JaxKernel.inverse(device, matrix, n)),
  };
  const check = {
    of: 'residual |A X - I| / sqrt n at condition 1e2',
    calls: 1,
    tolerance: 5e-6,
    error: (results: readonly Float32Array[]) =>
      inverseResidual(matrix, results.at(-1) ?? new Float32Array(), n),
  };
  const result = await compare(() => OurKernels.inverse(gpu, matrix, n), peers, check, {
    budgetMs: 60_000,
    fewest: 2,
  });
  return rowOf(`spd-${n}`, gpu, result, result.ours.flops);
}

async function trainingRow(gpu: GpuContext, task: TrainingTask): Promise<BenchRow> {
  // Made before the first call is timed.
  batchOf(task);
  weightsOf(task);
  const peers: PeerBuilders = {
    'jax-js-webgpu': () => withJax('webgpu', (device) => JaxTrainingStep.build(device, task)),
    'tfjs-webgpu': () => TfTrainingStep.build('webgpu', task),
    'jax-js-wasm': () => withJax('wasm', (device) => JaxTrainingStep.build(device, task)),
    'tfjs-wasm': () => TfTrainingStep.build('wasm', task),
  };
  const check = {
    of: `loss of ${task.checkedSteps} steps against ours, relative`,
    calls: task.checkedSteps,
    tolerance: task.tolerance,
    error: lossError,
  };
  const result = await compare(() => OurTrainingStep.build(gpu, task), peers, check, {
    budgetMs: 100_000,
    fewest: 3,
  });
  const { dispatches, flops } = result.ours.program.statistics;
  return { ...rowOf(task.name, gpu, result, flops), dispatches };
}

/** Largest relative difference of the losses, Infinity where one is not finite. */
function lossError(losses: readonly Float32Array[], ours: readonly Float32Array[]): number {
  const errors = losses.map((loss, i) => {
    const [a, b] = [loss[0] ?? NaN, ours[i]?.[0] ?? NaN];
    const error = Math.abs(a - b) / Math.abs(b);
    return error < Infinity ? error : Infinity;
  });
  return Math.max(...errors);
}

const countedSteps = 50;

async function memoryRows(gpu: GpuContext): Promise<BenchRow[]> {
  const rows: BenchRow[] = [];
  for (const task of Object.values(trainingTasks)) {
    console.info(`${task.name}: ${countedSteps} steps`);
    const { created: atFirst, value: ours } = await createdDuring(() => OurTrainingStep.build(gpu, task));
    // A counter that misses these would find nothing in the steps either.
    if (atFirst.buffers === 0 || atFirst.bind_groups === 0) {
      throw new KronlabError('internal', 'the counter of GPU objects sees nothing');
    }
    // Twice: what is made on first use is made by then.
    await ours.run(2);
    const { created } = await createdDuring(() => ours.run(countedSteps));
    const timings = await timeInTurns<SideName>([ours], new Map(), { budgetMs: 5_000, fewest: 3 });
    const { dispatches, flops, arenaBytes, largestLiveSet } = ours.program.statistics;
    ours.dispose();
    const result = { timings, firstCallMs: {}, agreement: null, notes: [] };
    rows.push({
      ...rowOf(`memory-${task.name}`, gpu, result, flops),
      dispatches,
      planned_bytes: arenaBytes,
      live_bytes: largestLiveSet,
      memory_ratio: arenaBytes / largestLiveSet,
      created_per_step: perStep(created),
    });
  }
  return rows;
}

function perStep({ buffers, bind_groups, pipelines }: Created): Created {
  return {
    buffers: buffers / countedSteps,
    bind_groups: bind_groups / countedSteps,
    pipelines: pipelines / countedSteps,
  };
}

type Measured = Omit<Comparison<Contestant>, 'ours' | 'agreement'> & { agreement: BenchRow['agreement'] };

function rowOf(name: string, gpu: GpuContext, result: Measured, flops: number): BenchRow {
  requireOneAdapter();
  const ours = result.timings.get('ours');
  if (!ours) throw new KronlabError('internal', `${name}: our side was not timed`);
  const peers: BenchRow['peers'] = {};
  const peerRounds: BenchRow['peer_rounds'] = {};
  for (const [side, { ms, rounds }] of result.timings) {
    if (side === 'ours') continue;
    peers[side satisfies PeerName] = ms;
    peerRounds[side] = rounds;
  }
  return {
    name,
    adapter: gpu.name,
    ours_ms: ours.ms,
    peers,
    ratio: peers['jax-js-webgpu'] === undefined ? null : peers['jax-js-webgpu'] / ours.ms,
    gflops: flops / ours.ms / 1e6,
    rounds: ours.rounds,
    peer_rounds: peerRounds,
    first_call_ms: result.firstCallMs,
    agreement: result.agreement,
    notes: result.notes,
  };
}

async function withJax<T>(
  device: 'webgpu' | 'wasm',
  build: (device: 'webgpu' | 'wasm') => Promise<T>,
): Promise<T> {
  await openJax(device);
  return build(device);
}
