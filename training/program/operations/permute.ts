/** Reordering of axes: patches of an image, channels first to channels last. */
import { KronlabError } from '../../../contract/errors.ts';
import { linearGrid } from '../../../gpu-kernels/grid.ts';
import { expandTemplate } from '../../../gpu-kernels/template.ts';
import { size, type Operation, type Tensor } from '../graph.ts';
import source from './permute.wgsl';
import { shapeText } from './shape-rules.ts';

interface Attributes {
  /** Output axis i is input axis order[i]. */
  order: readonly number[];
}

const operation: Operation<Attributes> = {
  name: 'permute',
  fusedReads: [0],
  fusedWrites: [0],
  gradient(node, [g]) {
    const { order } = node.attributes;
    return [
      g
        ? permute(
            g,
            order.map((_, axis) => order.indexOf(axis)),
          )
        : null,
    ];
  },
  lower(node, lowering) {
    const input = node.inputs[0] as Tensor;
    const output = node.outputs[0] as Tensor;
    const grid = linearGrid(size(output.shape), 64);
    const x = lowering.reader('x', input, 1);
    const y = lowering.writer('y', output, 1);
    const terms = node.attributes.order.map((from, axis) => {
      const stride = size(output.shape.slice(axis + 1));
      return `(i / ${stride}u % ${output.shape[axis]}u) * ${size(input.shape.slice(from + 1))}u`;
    });
    return [
      {
        label: 'permute',
        code: [
          x.code,
          y.code,
          expandTemplate(source, { ROW: grid.row, COUNT: grid.count, INDEX: terms.join(' + ') }),
        ].join('\n'),
        bindings: [...x.bindings, ...y.bindings],
        workgroups: grid.workgroups,
        flops: 0,
      },
    ];
  },
};

/** Output axis i is input axis order[i]. Where only axes of length 1 change places, the same memory is read in another shape. */
export function permute(x: Tensor, order: readonly number[]): Tensor {
  const axes = [...order].sort((a, b) => a - b);
  if (order.length !== x.shape.length || axes.some((axis, i) => axis !== i)) {
    throw new KronlabError(
      'internal',
      `permute of ${shapeText(x.shape)}: the order ${order.join(', ')} does not name each of its ${x.shape.length} axes once`,
    );
  }
  const shape = order.map((axis) => x.shape[axis] ?? 1);
  const long = order.filter((axis) => x.shape[axis] !== 1);
  if (long.every((axis, i) => i === 0 || axis > (long[i - 1] ?? 0))) return x.graph.reshape(x, shape);
  return x.graph.add1(operation, [x], { shape, type: x.type, label: 'permute' }, { order });
}
