/**
 * The launch that all losses have in common: one thread per loss term, which walks over the term's outputs; or several,
 * where the outputs are many.
 */
import type { Dispatch } from '../../../gpu-kernels/dispatch.ts';
import { linearGrid } from '../../../gpu-kernels/grid.ts';
import { lastAxis, size, type Lowering, type Node, type Tensor } from '../graph.ts';

export interface RowKernel {
  code: string;
  /** Names and types of the node's inputs, then of its outputs, as the code binds them. */
  names: readonly (readonly [name: string, type: string])[];
  /** What follows the numbers of terms and of outputs in the kernel's parameters. */
  params?: readonly number[];
  /** Threads that share a term; left out or null: one thread has it. The parameters then end with the terms across a grid. */
  threads?: RowThreads | null;
}

export interface RowThreads {
  width: number;
  /** They are the lanes of a subgroup, four of which make a workgroup; else a workgroup. */
  lanes: boolean;
}

/** With fewer outputs than this a thread of its own is done before several have told each other what they found. */
const manyOutputs = 256;

/** The threads that share a term of outputs [M, C]; null where one has it. */
export function rowThreads(lowering: Lowering, outputs: Tensor): RowThreads | null {
  const { adapterClass, fourLaneSubgroups } = lowering.gpu;
  if (lastAxis(outputs) < manyOutputs) return null;
  if (fourLaneSubgroups) return { width: 4, lanes: true };
  return adapterClass === 'gpu' ? { width: 64, lanes: false } : null;
}

/** Terms across and down a grid, and its workgroups. */
function gridOf(rows: number, threads: RowThreads): { across: number; workgroups: [number, number, number] } {
  const perGroup = threads.lanes ? 4 : 1;
  const grid = linearGrid(rows, perGroup);
  return { across: grid.row, workgroups: grid.workgroups };
}

/** The node's first input holds the outputs [M, C]. */
export function launchRows(node: Node, lowering: Lowering, kernel: RowKernel): Dispatch[] {
  const outputs = node.inputs[0] as Tensor;
  const classes = lastAxis(outputs);
  const rows = size(outputs.shape) / classes;
  const tensors = [...node.inputs, ...node.outputs];
  const shared = kernel.threads ? gridOf(rows, kernel.threads) : null;
  return [
    {
      label: node.operation.name,
      code: kernel.code,
      bindings: kernel.names.map(([name, type], i) => ({
        name,
        type,
        region: lowering.region(tensors[i] as Tensor),
        write: i >= node.inputs.length,
      })),
      params: {
        type: 'Params',
        data: Uint32Array.of(rows, classes, ...(kernel.params ?? []), ...(shared ? [shared.across] : [])),
      },
      workgroups: shared?.workgroups ?? [Math.ceil(rows / 32), 1, 1],
      flops: 6 * rows * classes,
    },
  ];
}
