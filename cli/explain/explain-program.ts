/** What a training step compiles to on this machine's adapter, as numbers: for `kronlab explain` and for scripts. */
import type { RunSpec } from '../../contract/run-spec.ts';
import type { Phase } from '../../contract/runs.ts';
import type { PreparedDataset } from '../../datasets/dataset.ts';
import type { GpuContext } from '../../gpu-kernels/device.ts';
import { TrainingProgram } from '../../training/loop/training-program.ts';
import type { KernelReport, ProgramStatistics } from '../../training/program/compile.ts';

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
  training: ExplainedProgram;
  evaluation: ExplainedProgram;
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
  program.destroy();
  return {
    group,
    adapter: gpu.name,
    parameters,
    training: explain(training),
    evaluation: explain(evaluation),
  };
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
