/**
 * The engine's front door: a device, the data sets it has loaded and the programs it has compiled, kept over many runs.
 * The window's training worker and the command line both train through it.
 */
import { KronlabError } from '../../contract/errors.ts';
import type { DatasetSpec, RunSpec } from '../../contract/run-spec.ts';
import type { Environment } from '../../contract/runs.ts';
import type {
  AdapterReport,
  KernelStore,
  Trainer,
  TrainingControl,
  TrainingListener,
  TrainingResult,
} from '../../contract/training.ts';
import type { ByteSource } from '../../datasets/import/byte-source.ts';
import { createRandom } from '../../datasets/random.ts';
import type { PreparedDataset } from '../../datasets/dataset.ts';
import { openGpu, type GpuContext } from '../../gpu-kernels/device.ts';
import { kernelOwner } from '../../gpu-kernels/tuning/kernel-owner.ts';
import { encodeWeights, readWeights, writeBuffers, type WeightsExchange } from '../models/weights.ts';
import { size } from '../program/graph.ts';
import type { Parameter } from '../program/parameters.ts';
import { randomStreams } from './batches.ts';
import { checkTarget } from './check-target.ts';
import { TrainingProgram } from './training-program.ts';
import { TrainingRun } from './training-run.ts';

export interface TrainerOptions {
  /** `navigator.gpu`, or what Dawn's `create` returns. */
  gpu: GPU | undefined;
  /** What runs the engine, for the record: `Chromium 156`, `Node 24.21 (Dawn)`. */
  host: string;
  appVersion: string;
  loadDataset(spec: DatasetSpec): Promise<PreparedDataset>;
  /** Time that one submit should take, in ms. Left out: what keeps a window smooth. */
  submitBudgetMs?: number;
  /** Bytes of a data set that stay on the GPU; more is streamed. Left out: `usualDataBytes`. */
  dataBytes?: number;
  /** Where measured kernel choices are kept. Left out: every trainer measures anew. */
  kernels?: KernelStore;
  /** Weights to start from, and what is to be done with those a run ends with. */
  weights?: WeightsExchange;
}

/** Programs kept for the next run; a comparison alternates between a handful. */
const keptPrograms = 6;

/** Opens the GPU. Rejects with `no-adapter` and what to switch on. */
export async function createTrainer(options: TrainerOptions): Promise<Trainer> {
  const gpu = await openGpu(options.gpu);
  await recallChoices(gpu, options.kernels);
  return new GpuTrainer(gpu, options);
}

/** Takes over what an earlier trainer measured on this adapter. A software adapter measures nothing and never asks. */
async function recallChoices(gpu: GpuContext, kernels: KernelStore | undefined): Promise<void> {
  if (!kernels || gpu.adapterClass === 'software') return;
  // What cannot be read is measured again: no reason not to train.
  gpu.choices.load(await kernels.read(kernelOwner(gpu)).catch(() => null));
}

interface BuiltProgram {
  program: TrainingProgram;
  /** The choices of kernels that it was compiled with; null where nothing is measured. */
  kernels: string | null;
}

class GpuTrainer implements Trainer {
  readonly adapter: AdapterReport;
  private readonly gpu: GpuContext;
  private readonly options: TrainerOptions;
  private readonly programs = new Map<string, BuiltProgram>();
  private readonly datasets = new Map<string, Promise<PreparedDataset>>();
  private lostReason: string | null = null;
  private keptChoices: string;

  constructor(gpu: GpuContext, options: TrainerOptions) {
    this.gpu = gpu;
    this.options = options;
    this.keptChoices = gpu.choices.fingerprint;
    const environment: Environment = {
      adapter: gpu.name,
      vendor: gpu.vendor,
      architecture: gpu.architecture,
      software: gpu.adapterClass === 'software',
      host: options.host,
      appVersion: options.appVersion,
    };
    this.adapter = {
      environment,
      features: [...gpu.features],
      limits: { ...gpu.limits },
      subgroupSize: gpu.subgroupSize,
    };
    void gpu.lost.then((info) => {
      this.lostReason = info.message || info.reason;
    });
  }

  async train(spec: RunSpec, listener: TrainingListener, control: TrainingControl): Promise<TrainingResult> {
    const lost = this.gpu.lost.then((info): never => {
      throw new KronlabError(
        'device-lost',
        `The GPU was lost (${info.message || info.reason}). What was saved is kept; start the run again.`,
      );
    });
    // Raced below; without a handler of its own a loss between runs would be an unhandled rejection.
    lost.catch(() => undefined);
    return Promise.race([this.trainHere(spec, listener, control), lost]);
  }

  dispose(): void {
    for (const { program } of this.programs.values()) program.destroy();
    this.programs.clear();
    this.gpu.device.destroy();
  }

  private async trainHere(
    spec: RunSpec,
    listener: TrainingListener,
    control: TrainingControl,
  ): Promise<TrainingResult> {
    if (this.lostReason !== null)
      throw new KronlabError('device-lost', `The GPU was lost (${this.lostReason}).`);
    // What an earlier run left behind is not this one's.
    this.gpu.faults.take();
    try {
      return await this.compileAndTrain(spec, listener, control);
    } catch (error) {
      // A refusal of the GPU explains what fails after it, as a buffer that cannot be mapped.
      const fault = this.gpu.faults.take();
      throw error instanceof KronlabError ? error : (fault ?? error);
    }
  }

  private async compileAndTrain(
    spec: RunSpec,
    listener: TrainingListener,
    control: TrainingControl,
  ): Promise<TrainingResult> {
    listener.progress({
      state: 'compiling',
      step: 0,
      steps: spec.steps,
      activeMs: 0,
      stepMs: null,
      stepMsSpread: null,
      phaseMs: {},
    });
    const data = await this.dataset(spec.dataset);
    checkTarget(spec.target, data);
    const { program, kernels } = await this.program(spec, data);
    const { weights } = this.options;
    const start = await startOf(spec, weights);
    const given = start && (await readWeights(start, program.parameters));
    program.reset((parameter) => given?.get(parameter.name) ?? initialValues(parameter, spec.seed));
    if (given) writeBuffers(this.gpu, program.parameters, given);
    listener.started({
      environment: { ...this.adapter.environment, ...(kernels !== null && { kernels }) },
      layers: program.layers,
      parameters: program.parameters.count,
    });
    const result = await new TrainingRun(this.gpu, spec, data, program, listener, control).train();
    if (weights?.keep) await weights.keep(await encodeWeights(this.gpu, program.parameters), result);
    return result;
  }

  private dataset(spec: DatasetSpec): Promise<PreparedDataset> {
    const key = JSON.stringify(spec);
    let data = this.datasets.get(key);
    if (!data) {
      data = this.options.loadDataset(spec);
      this.datasets.set(key, data);
      // A failed load is tried again by the next run.
      data.catch(() => this.datasets.delete(key));
    }
    return data;
  }

  /** The compiled program of a spec. Only what is written into it tells programs apart: not the seed, rate or length. */
  private async program(spec: RunSpec, data: PreparedDataset): Promise<BuiltProgram> {
    const { dataset, augmentation, model, batchSize, recompute } = spec;
    const key = JSON.stringify({
      dataset,
      augmentation,
      model,
      batchSize,
      recompute,
      optimizer: { ...spec.optimizer, lr: 0 },
    });
    const known = this.programs.get(key);
    const program = known ?? (await this.build(spec, data));
    this.programs.delete(key);
    this.programs.set(key, program);
    const [oldest] = this.programs.keys();
    if (this.programs.size > keptPrograms && oldest !== undefined) {
      this.programs.get(oldest)?.program.destroy();
      this.programs.delete(oldest);
    }
    return program;
  }

  private async build(spec: RunSpec, data: PreparedDataset): Promise<BuiltProgram> {
    const { gpu, options } = this;
    const { submitBudgetMs, dataBytes } = options;
    const program = await TrainingProgram.build(gpu, spec, data, submitBudgetMs, dataBytes);
    if (gpu.adapterClass === 'software') return { program, kernels: null };
    const kernels = gpu.choices.fingerprint;
    if (kernels !== this.keptChoices) {
      this.keptChoices = kernels;
      // Not waited for: what cannot be kept is measured again at the next start.
      options.kernels?.keep(kernelOwner(gpu), gpu.choices.table).catch(() => undefined);
    }
    return { program, kernels };
  }
}

/** The file of weights that a run starts from; null where its first values are drawn. */
async function startOf(
  { startWeights: hash }: RunSpec,
  weights: WeightsExchange | undefined,
): Promise<ByteSource | null> {
  if (weights?.start) return weights.start;
  if (hash === undefined) return null;
  if (weights?.find) return weights.find(hash);
  throw new KronlabError(
    'unavailable',
    `startWeights: the file ${hash.slice(0, 12)} cannot be reached from here`,
  );
}

/** Initial values drawn for each parameter by name, so that they do not depend on the order of declaration. */
export function initialValues(parameter: Parameter, seed: number): Float32Array {
  const random = createRandom(seed, randomStreams.initialisation + 16 * hash(parameter.name));
  return parameter.initialise(random, size(parameter.shape));
}

/** FNV-1a, 32 bits. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (const character of text) value = Math.imul(value ^ (character.codePointAt(0) ?? 0), 0x01000193) >>> 0;
  return value;
}
