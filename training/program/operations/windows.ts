/** Windows of a resident stream of tokens: the batch of a text, cut out on the GPU. */
import { KronlabError } from '../../../contract/errors.ts';
import { linearGrid } from '../../../gpu-kernels/grid.ts';
import { expandTemplate } from '../../../gpu-kernels/template.ts';
import { size, type Operation, type Tensor } from '../graph.ts';
import { requireShape, requireType } from './shape-rules.ts';
import source from './windows.wgsl';

const operation: Operation<{ shift: number }> = {
  name: 'windows',
  lower(node, lowering) {
    const [stream, starts] = node.inputs as [Tensor, Tensor];
    const output = node.outputs[0] as Tensor;
    const grid = linearGrid(size(output.shape), 64);
    const values = {
      ROW: grid.row,
      COUNT: grid.count,
      LENGTH: output.shape[1] ?? 1,
      SHIFT: node.attributes.shift,
    };
    return [
      {
        label: 'windows',
        code: expandTemplate(source, values),
        bindings: [
          { name: 'stream', type: 'array<u32>', region: lowering.region(stream), write: false },
          { name: 'starts', type: 'array<u32>', region: lowering.region(starts), write: false },
          { name: 'result', type: 'array<u32>', region: lowering.region(output), write: true },
        ],
        workgroups: grid.workgroups,
        flops: 0,
      },
    ];
  },
};

/**
 * Of a stream u32 [T] the windows [N, length] that begin `shift` tokens after the given starts, u32 [N]. Windows must
 * end within the stream.
 */
export function windows(stream: Tensor, starts: Tensor, length: number, shift: number): Tensor {
  for (const [role, tensor] of Object.entries({ stream, starts })) {
    requireType('windows', role, tensor, 'u32');
    requireShape('windows', role, tensor, ['numbers']);
  }
  if (length < 1 || length + shift > size(stream.shape)) {
    throw new KronlabError(
      'internal',
      `windows of ${length} tokens, ${shift} further on, do not fit into a stream of ${size(stream.shape)}`,
    );
  }
  const shape = [size(starts.shape), length];
  return stream.graph.add1(operation, [stream, starts], { shape, type: 'u32', label: 'tokens' }, { shift });
}
