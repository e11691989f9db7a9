/** A contiguous range along one axis, and its transpose, which puts a tensor into a larger one of zeros. */
import { KronlabError } from '../../../contract/errors.ts';
import type { Dispatch } from '../../../gpu-kernels/dispatch.ts';
import type { Lowering, Node, Operation, Tensor } from '../graph.ts';
import { placementUnit, placeRows } from './place-rows.ts';

interface Attributes {
  axis: number;
  /** Place of the short tensor in the long one. */
  first: number;
}

const sliceOperation: Operation<Attributes> = {
  name: 'slice',
  fusedReads: [0],
  fusedWrites: [0],
  gradient(node, [g]) {
    const [x] = node.inputs as [Tensor];
    const { axis, first } = node.attributes;
    return [g ? pad(g, axis, first, x.shape[axis] ?? 1) : null];
  },
  lower: (node, lowering) => launch(node, lowering, -node.attributes.first),
};

const padOperation: Operation<Attributes> = {
  name: 'pad',
  fusedReads: [0],
  fusedWrites: [0],
  gradient(node, [g]) {
    const [x] = node.inputs as [Tensor];
    const { axis, first } = node.attributes;
    return [g ? slice(g, axis, first, x.shape[axis] ?? 1) : null];
  },
  lower: (node, lowering) => launch(node, lowering, node.attributes.first),
};

function launch(node: Node<Attributes>, lowering: Lowering, before: number): Dispatch[] {
  const [x] = node.inputs as [Tensor];
  const y = node.outputs[0] as Tensor;
  const { axis } = node.attributes;
  const place = { axis, first: 0, length: y.shape[axis] ?? 1, before };
  const unit = placementUnit(y, [{ x, place }]);
  return [placeRows(lowering, node.operation.name, x, y, place, unit, lowering.writer('y', y, unit))];
}

/** `length` steps of x along an axis, from `first` on. */
export function slice(x: Tensor, axis: number, first: number, length: number): Tensor {
  requireRange('slice', x, axis, first, length, x.shape[axis] ?? 0);
  const shape = x.shape.map((dim, i) => (i === axis ? length : dim));
  const output = { shape, type: x.type, label: 'slice' };
  return x.graph.add1(sliceOperation, [x], output, { axis, first });
}

/** A tensor of zeros of `length` steps along an axis, with x at `first`. */
export function pad(x: Tensor, axis: number, first: number, length: number): Tensor {
  requireRange('pad', x, axis, first, x.shape[axis] ?? 0, length);
  const shape = x.shape.map((dim, i) => (i === axis ? length : dim));
  return x.graph.add1(padOperation, [x], { shape, type: x.type, label: 'pad' }, { axis, first });
}

function requireRange(
  name: string,
  x: Tensor,
  axis: number,
  first: number,
  length: number,
  whole: number,
): void {
  if (first >= 0 && length >= 1 && first + length <= whole) return;
  throw new KronlabError(
    'internal',
    `${name} of [${x.shape.join(', ')}] along axis ${axis}: ${first} to ${first + length} is no range within ${whole}`,
  );
}
