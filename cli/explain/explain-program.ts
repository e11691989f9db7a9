/** What a training step compiles to on this machine's adapter, as numbers: for `kronlab explain` and for scripts. */
import type { ModelPreset } from '../../contract/model-presets.ts';
import type { OptimizerSpec, RunSpec } from '../../contract/run-spec.ts';
import type { Phase } from '../../contract/runs.ts';
import type { PreparedDataset } from '../../datasets/dataset.ts';
import type { GpuContext } from '../../gpu-kernels/device.ts';
import { limitWarnings, planLayers, type LayerPlan } from '../../training/curvature/layer-plan.ts';
import { TrainingProgram } from '../../training/loop/training-program.ts';
import type { LinearLayer } from '../../training/models/layers.ts';
import type { KernelReport, ProgramStatistics } from '../../training/program/compile.ts';
import { compileMadeUpStep } from './made-up-step.ts';

/** One kernel as launched by a step. Bytes are those of all memory it binds. */
export interface ExplainedKernel {
  kernel: string;
  phase: Phase;
  operations: string[];
  workgroups: [number, number, number];
  repeats: number;
  flops: number;
  bytes: number;
}

export interface ExplainedProgram {
  /** Launches of a step on which every phase is due, loops written out. */
  dispatches: number;
  /** Operations of the tensor program that those launches compute. */
  operations: number;
  flops: number;
  /** Bytes of the arena for intermediate tensors, and the most that are alive at one time. */
  plannedBytes: number;
  largestLiveBytes: number;
  phases: { phase: Phase; dispatches: number; flops: number; bytes: number }[];
  kernels: ExplainedKernel[];
}

export interface ExplainedGroup {
  group: string;
  adapter: string;
  parameters: number;
  batchSize: number;
  layers: LayerPlan[];
  /** What does not fit the adapter. */
  warnings: string[];
  training: ExplainedProgram;
  /** Null for a preset of a model, which has no data to evaluate on. */
  evaluation: ExplainedProgram | null;
  /** Steps that were run on made-up data: the loss before each, and the time until the GPU was done. */
  steps: { loss: number; ms: number }[];
}

/** Compiles a spec, answers what came out and frees it. */
export async function explainSpec(
  gpu: GpuContext,
  group: string,
  spec: RunSpec,
  data: PreparedDataset,
): Promise<ExplainedGroup> {
  const program = await TrainingProgram.build(gpu, spec, data);
  const { training, evaluation } = program.statistics;
  const parameters = program.parameters.count;
  const { layers, lossPools } = program.model;
  program.destroy();
  return {
    ...{ group, adapter: gpu.name, steps: [] },
    ...planned(gpu, layers, spec.optimizer, lossPools, spec.batchSize, parameters),
    training: explain(training),
    evaluation: explain(evaluation),
  };
}

/** The same of a preset of a model over made-up data, with so many steps run. */
export async function explainModel(
  gpu: GpuContext,
  group: string,
  preset: ModelPreset,
  optimizer: OptimizerSpec,
  { steps, recompute }: { steps: number; recompute: boolean },
): Promise<ExplainedGroup> {
  const step = await compileMadeUpStep(gpu, preset, optimizer, recompute);
  const results = await step.run(steps);
  step.destroy();
  return {
    ...{ group, adapter: gpu.name, steps: results },
    ...planned(gpu, step.layers, optimizer, step.lossPools, preset.batch, step.parameters),
    training: explain(step.statistics),
    evaluation: null,
  };
}

function planned(
  gpu: GpuContext,
  layers: readonly LinearLayer[],
  optimizer: OptimizerSpec,
  lossPools: boolean,
  batchSize: number,
  parameters: number,
) {
  // Optimisers without a flavour: what K-FAC would do by itself.
  const settings = 'flavour' in optimizer ? optimizer : ({ flavour: 'auto' } as const);
  const plans = planLayers(layers, settings, lossPools, batchSize);
  const warnings = limitWarnings(plans, parameters, gpu.limits, 'flavour' in optimizer);
  return { parameters, batchSize, layers: plans, warnings };
}

function explain(statistics: ProgramStatistics): ExplainedProgram {
  const { kernels } = statistics;
  return {
    dispatches: sum(kernels, (kernel) => kernel.repeats),
    operations: sum(kernels, (kernel) => kernel.operations.length),
    flops: statistics.flops,
    plannedBytes: statistics.arenaBytes,
    largestLiveBytes: statistics.largestLiveSet,
    phases: [...new Set(kernels.map(({ phase }) => phase))].map((phase) => {
      const own = kernels.filter((kernel) => kernel.phase === phase);
      return {
        phase,
        dispatches: sum(own, (kernel) => kernel.repeats),
        flops: sum(own, (kernel) => kernel.flops),
        bytes: sum(own, (kernel) => kernel.bytes),
      };
    }),
    kernels: kernels.map(({ label, ...kernel }) => ({ kernel: label, ...kernel })),
  };
}

function sum(kernels: readonly KernelReport[], of: (kernel: KernelReport) => number): number {
  return kernels.reduce((total, kernel) => total + of(kernel), 0);
}
