/** Sums and means over axes, and the sum that undoes a broadcast. */
import { KronlabError } from '../../../contract/errors.ts';
import { sumMiddle, sumUnit } from '../../../gpu-kernels/reduce/sum-middle.ts';
import { size, type Operation, type Tensor } from '../graph.ts';
import { broadcastTo } from './elementwise.ts';
import { shapeText } from './shape-rules.ts';

interface Attributes {
  outer: number;
  length: number;
  inner: number;
  scale: number;
}

const operation: Operation<Attributes> = {
  name: 'sum',
  fusedReads: [0],
  fusedWrites: [0],
  gradient(node, [g]) {
    const input = node.inputs[0] as Tensor;
    const { outer, length, inner, scale } = node.attributes;
    if (!g) return [null];
    const column = g.graph.reshape(g, [outer, 1, inner]);
    return [g.graph.reshape(broadcastTo(column, [outer, length, inner], scale), input.shape)];
  },
  lower(node, lowering) {
    const unit = sumUnit(node.attributes.inner);
    return sumMiddle({
      label: 'sum',
      x: lowering.reader('x', node.inputs[0] as Tensor, unit),
      y: lowering.writer('y', node.outputs[0] as Tensor, unit),
      ...node.attributes,
      scratch: (label, words) => lowering.scratch(label, words),
    });
  },
};

/** scale * sum of x over the axes `first` to `last` (inclusive), which disappear. */
export function sumAxes(x: Tensor, first: number, last: number, scale = 1): Tensor {
  requireAxesWithin(x, first, last);
  const outer = x.shape.slice(0, first);
  const inner = x.shape.slice(last + 1);
  return x.graph.add1(
    operation,
    [x],
    { shape: [...outer, ...inner], label: 'sum' },
    {
      outer: size(outer),
      length: size(x.shape.slice(first, last + 1)),
      inner: size(inner),
      scale,
    },
  );
}

function requireAxesWithin(x: Tensor, first: number, last: number): void {
  if (first >= 0 && first <= last && last < x.shape.length) return;
  throw new KronlabError(
    'internal',
    `sum of ${shapeText(x.shape)}: ${first} to ${last} are no axes of it; it has ${x.shape.length}, counted from 0`,
  );
}

export function meanAxes(x: Tensor, first: number, last: number): Tensor {
  return sumAxes(x, first, last, 1 / size(x.shape.slice(first, last + 1)));
}

/** Sums a tensor down to a shape it was broadcast from. */
export function sumTo(x: Tensor, shape: readonly number[]): Tensor {
  if (size(x.shape) === size(shape)) {
    return x.shape.join() === shape.join() ? x : x.graph.reshape(x, shape);
  }
  const padded = [...new Array<number>(x.shape.length - shape.length).fill(1), ...shape];
  const broadcast = (axis: number) => x.shape[axis] !== padded[axis];
  const first = x.shape.findIndex((_, axis) => broadcast(axis));
  let last = first;
  while (last + 1 < padded.length && broadcast(last + 1)) last++;
  const rest = [...padded.slice(0, first), ...padded.slice(last + 1)];
  return x.graph.reshape(sumTo(sumAxes(x, first, last), rest), shape);
}
