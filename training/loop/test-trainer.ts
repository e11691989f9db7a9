/**
 * The real trainer on the real GPU API with a tiny data set, and a view from outside: which GPU objects it makes, which
 * rows it feeds to the program, and the parameters it ends with, which the trainer itself does not hand out.
 */
import { runSpecSchema, type RunSpec } from '../../contract/run-spec.ts';
import type { MetricBatch, MetricKey, RunEvent } from '../../contract/runs.ts';
import type {
  Trainer,
  TrainingControl,
  TrainingListener,
  TrainingProgress,
  TrainingResult,
} from '../../contract/training.ts';
import type { DatasetPart, PreparedDataset } from '../../datasets/dataset.ts';
import { openDawn } from '../../gpu-kernels/dawn.ts';
import { noise } from '../program/test-program.ts';
import { createTrainer } from './trainer.ts';
import { keepRunning } from './training-run.ts';

export const trainExamples = 40;
const side = 4;

/** Images of three classes, each class brighter in another part of the image. */
function part(count: number, seed: number): DatasetPart {
  const labels = Uint32Array.from({ length: count }, (_, i) => i % 3);
  const pixels = noise(count * side * side, seed);
  const images = Float32Array.from(pixels, (x, i) => {
    const label = labels[Math.floor(i / side ** 2)];
    return x + (i % side === label ? 1 : 0);
  });
  const inputs = { shape: [count, 1, side, side], data: images };
  return { count, tensors: { inputs, labels: { shape: [count], data: labels } } };
}

/** 40 + 12 images of 4 x 4 pixels. */
export function tinyDataset(train = part(trainExamples, 1)): PreparedDataset {
  return {
    id: 'tiny',
    name: 'Tiny',
    kind: 'images',
    task: 'classification',
    example: [1, side, side],
    outputs: 3,
    outputNames: ['left', 'middle', 'right'],
    train,
    validation: part(12, 2),
    scaling: { inputs: { mean: [0], std: [1] } },
    splitDescription: 'made up',
  };
}

export function tinySpec(changes: Record<string, unknown> = {}): RunSpec {
  return runSpecSchema.parse({
    dataset: { id: 'tiny' },
    model: { kind: 'mlp', hidden: [5] },
    optimizer: { name: 'adamw', lr: 0.02 },
    batchSize: 8,
    steps: 20,
    evaluateEvery: 5,
    seed: 1,
    target: { metric: 'val.accuracy', op: '>=', value: 2 },
    ...changes,
  });
}

/** GPU objects made so far, those of the test itself left out. */
export interface Made {
  /** Labels of all buffers ever made. */
  buffers: string[];
  bindGroups: number;
  modules: number;
  pipelines: number;
  querySets: number;
  /** Bytes of each buffer that was not destroyed yet. */
  alive: Map<GPUBuffer, number>;
}

/** How many of each, in numbers that can be compared. */
export function counts({ buffers, alive, ...made }: Made): Record<string, number> {
  const bytes = [...alive.values()].reduce((sum, size) => sum + size, 0);
  return { ...made, buffers: buffers.length, alive: alive.size, bytes };
}

export interface ObservedTrainer {
  trainer: Trainer;
  device: GPUDevice;
  made: Made;
  /** Submits so far, empty ones included. */
  submits: { count: number };
  /** Rows of every batch of the run that began last. */
  batches: number[][];
  /** Bits of the parameters of the program that trained last. */
  parameters(): Promise<Uint32Array>;
}

/** Opens a device of its own, so that a test may destroy it. */
export async function observedTrainer(
  data: PreparedDataset = tinyDataset(),
  submitBudgetMs?: number,
  dataBytes?: number,
): Promise<ObservedTrainer> {
  const none = { bindGroups: 0, modules: 0, pipelines: 0, querySets: 0 };
  const made: Made = { ...none, buffers: [], alive: new Map() };
  const submits = { count: 0 };
  const batches: number[][] = [];
  const seen: { device: GPUDevice | null; parameters: GPUBuffer | null } = { device: null, parameters: null };
  const gpu = await openDawn();
  const requestAdapter = gpu.requestAdapter.bind(gpu);
  gpu.requestAdapter = async (options) => {
    const adapter = await requestAdapter(options);
    if (!adapter) return null;
    const requestDevice = adapter.requestDevice.bind(adapter);
    adapter.requestDevice = async (descriptor) => {
      const device = await requestDevice(descriptor);
      observeObjects(device, made);
      observeQueue(device.queue, submits, batches, (buffer) => {
        seen.parameters = buffer;
      });
      seen.device = device;
      return device;
    };
    return adapter;
  };
  const trainer = await createTrainer({
    gpu,
    host: 'test',
    appVersion: '0',
    loadDataset: () => Promise.resolve(data),
    ...(submitBudgetMs !== undefined && { submitBudgetMs }),
    ...(dataBytes !== undefined && { dataBytes }),
  });
  if (!seen.device) throw new Error('the trainer opened no device');
  const device = seen.device;
  return { trainer, device, made, submits, batches, parameters: () => bits(device, seen.parameters) };
}

function observeObjects(device: GPUDevice, made: Made): void {
  const createBuffer = device.createBuffer.bind(device);
  device.createBuffer = (descriptor) => {
    const buffer = createBuffer(descriptor);
    if (descriptor.label === ownLabel) return buffer;
    made.buffers.push(descriptor.label ?? '');
    made.alive.set(buffer, buffer.size);
    const destroy = buffer.destroy.bind(buffer);
    buffer.destroy = () => {
      made.alive.delete(buffer);
      destroy();
    };
    return buffer;
  };
  const counted = {
    createBindGroup: 'bindGroups',
    createShaderModule: 'modules',
    createComputePipeline: 'pipelines',
    createComputePipelineAsync: 'pipelines',
    createQuerySet: 'querySets',
  } as const;
  for (const [name, count] of Object.entries(counted) as [keyof typeof counted, keyof Made][]) {
    const create = (device[name] as (descriptor: object) => unknown).bind(device);
    Object.assign(device, {
      [name]: (descriptor: object) => {
        made[count as 'modules']++;
        return create(descriptor);
      },
    });
  }
}

function observeQueue(
  queue: GPUQueue,
  submits: { count: number },
  batches: number[][],
  found: (parameters: GPUBuffer) => void,
): void {
  const submit = queue.submit.bind(queue);
  queue.submit = (list) => {
    submits.count++;
    submit(list);
  };
  const writeBuffer = queue.writeBuffer.bind(queue);
  queue.writeBuffer = (buffer: GPUBuffer, offset: number, data: GPUAllowSharedBufferSource) => {
    if (buffer.label === 'batch rows' && data instanceof Uint32Array) batches.push([...data]);
    // Every run starts by uploading its initial values.
    if (buffer.label === 'parameters') {
      found(buffer);
      batches.length = 0;
    }
    writeBuffer(buffer, offset, data);
  };
}

const ownLabel = 'test read-back';

async function bits(device: GPUDevice, buffer: GPUBuffer | null): Promise<Uint32Array> {
  if (!buffer) throw new Error('nothing was trained yet');
  const usage = GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST;
  const staging = device.createBuffer({ label: ownLabel, size: buffer.size, usage });
  const encoder = device.createCommandEncoder();
  encoder.copyBufferToBuffer(buffer, 0, staging, 0, buffer.size);
  device.queue.submit([encoder.finish()]);
  await staging.mapAsync(GPUMapMode.READ);
  const copy = new Uint32Array(staging.getMappedRange().slice(0));
  staging.destroy();
  return copy;
}

/** Everything a listener was told, in order. */
export class Recorder implements TrainingListener {
  readonly rows: { key: MetricKey; step: number; activeMs: number; wallMs: number; value: number }[] = [];
  readonly events: RunEvent[] = [];
  readonly progressed: TrainingProgress[] = [];
  /** Rows known at each progress message. */
  readonly rowsAtProgress: number[] = [];
  starts = 0;
  layers: string[] = [];
  parameterCount = 0;

  started(info: Parameters<TrainingListener['started']>[0]): void {
    this.starts++;
    this.layers = info.layers.map(({ name }) => name);
    this.parameterCount = info.parameters;
  }

  progress(progress: TrainingProgress): void {
    this.progressed.push(progress);
    this.rowsAtProgress.push(this.rows.length);
  }

  append(metrics: MetricBatch, events: RunEvent[]): void {
    metrics.keys.forEach((key, i) => {
      const [step, activeMs, wallMs, value] = [
        metrics.steps,
        metrics.activeMs,
        metrics.wallMs,
        metrics.values,
      ].map((list) => list[i] ?? Number.MIN_VALUE) as [number, number, number, number];
      this.rows.push({ key, step, activeMs, wallMs, value });
    });
    this.events.push(...events);
  }

  series(key: MetricKey): { step: number; value: number }[] {
    return this.rows.filter((row) => row.key === key).map(({ step, value }) => ({ step, value }));
  }

  get codes(): string[] {
    return this.events.map(({ code }) => code);
  }
}

export interface FinishedRun {
  result: TrainingResult;
  recorder: Recorder;
  parameters: Uint32Array;
}

export async function trainOn(
  observed: ObservedTrainer,
  spec: RunSpec,
  control: TrainingControl = keepRunning,
): Promise<FinishedRun> {
  const recorder = new Recorder();
  const result = await observed.trainer.train(spec, recorder, control);
  return { result, recorder, parameters: await observed.parameters() };
}

/**
 * Gives a command once the loop has asked `asked` times, which it does before every step but the first of a stretch;
 * a pause lasts until the loop waits for its end, then `after` holds.
 */
export class ScriptedControl implements TrainingControl {
  private asked: number;
  private current: TrainingControl['command'] = 'run';
  private readonly then: 'pause' | 'stop';
  private readonly after: 'run' | 'stop';
  private given = false;

  constructor(asked: number, then: 'pause' | 'stop', after: 'run' | 'stop' = 'run') {
    this.asked = asked;
    this.then = then;
    this.after = after;
  }

  get command(): TrainingControl['command'] {
    if (!this.given && this.asked-- <= 0) {
      this.given = true;
      this.current = this.then;
    }
    return this.current;
  }

  async changed(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, 5));
    this.current = this.after;
  }
}
