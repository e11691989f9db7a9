/** Integer inputs for tests of operations: indices and masks, which have no gradient and so are no inputs of a check. */
import type { GpuContext } from '../../../gpu-kernels/device.ts';
import { uploaded } from '../../../gpu-kernels/test-gpu.ts';
import type { Graph, Tensor } from '../graph.ts';

/** A u32 tensor of these numbers; of one axis unless a shape is given. */
export function integers(
  gpu: GpuContext,
  graph: Graph,
  values: ArrayLike<number>,
  shape: readonly number[] = [values.length],
): Tensor {
  return graph.leaf('integers', shape, uploaded(gpu, 'integers', Uint32Array.from(values)), 'u32');
}
