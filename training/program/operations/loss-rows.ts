/** The launch that all losses have in common: one thread per loss term, which walks over the term's outputs. */
import type { Dispatch } from '../../../gpu-kernels/dispatch.ts';
import { lastAxis, size, type Lowering, type Node, type Tensor } from '../graph.ts';

export interface RowKernel {
  code: string;
  /** Names and types of the node's inputs, then of its outputs, as the code binds them. */
  names: readonly (readonly [name: string, type: string])[];
  /** What follows the numbers of terms and of outputs in the kernel's parameters. */
  params?: readonly number[];
}

/** The node's first input holds the outputs [M, C]. */
export function launchRows(node: Node, lowering: Lowering, kernel: RowKernel): Dispatch[] {
  const outputs = node.inputs[0] as Tensor;
  const classes = lastAxis(outputs);
  const rows = size(outputs.shape) / classes;
  const tensors = [...node.inputs, ...node.outputs];
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
      params: { type: 'Params', data: Uint32Array.of(rows, classes, ...(kernel.params ?? [])) },
      workgroups: [Math.ceil(rows / 32), 1, 1],
      flops: 6 * rows * classes,
    },
  ];
}
