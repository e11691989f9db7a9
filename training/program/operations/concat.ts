/** Tensors one after another along an axis: class tokens before patches, features beside features. */
import { KronlabError } from '../../../contract/errors.ts';
import type { Operation, Tensor } from '../graph.ts';
import { placementUnit, placeRows, type Placement } from './place-rows.ts';
import { slice } from './slice.ts';

interface Attributes {
  axis: number;
}

/** One launch per input, each writing its part of every row. */
const operation: Operation<Attributes> = {
  name: 'concat',
  fusedReads: Array.from({ length: 8 }, (_, i) => i),
  fusedWrites: [0],
  gradient(node, [g], needed) {
    if (!g) return [];
    const { axis } = node.attributes;
    return placesOf(node.inputs, axis).map(({ place }, i) =>
      needed[i] ? slice(g, axis, place.first, place.length) : null,
    );
  },
  lower(node, lowering) {
    const y = node.outputs[0] as Tensor;
    const places = placesOf(node.inputs, node.attributes.axis);
    const unit = placementUnit(y, places);
    const write = lowering.writer('y', y, unit);
    return places.map(({ x, place }) => placeRows(lowering, 'concat', x, y, place, unit, write));
  },
};

function placesOf(inputs: readonly Tensor[], axis: number): { x: Tensor; place: Placement }[] {
  let first = 0;
  return inputs.map((x) => {
    const place = { axis, first, length: x.shape[axis] ?? 1, before: 0 };
    first += place.length;
    return { x, place };
  });
}

/** The tensors along an axis; their other axes are equal. */
export function concat(tensors: readonly Tensor[], axis: number): Tensor {
  const [head, ...rest] = tensors;
  if (!head || axis < 0 || axis >= head.shape.length) {
    throw new KronlabError(
      'internal',
      `concat: there is no axis ${axis} to put ${tensors.length} tensors along`,
    );
  }
  for (const other of rest) {
    const isAlike =
      other.type === head.type &&
      other.shape.length === head.shape.length &&
      other.shape.every((dim, i) => i === axis || dim === head.shape[i]);
    if (!isAlike) refuse(head, other, axis);
  }
  if (rest.length === 0) return head;
  const length = tensors.reduce((sum, tensor) => sum + (tensor.shape[axis] ?? 1), 0);
  const shape = head.shape.map((dim, i) => (i === axis ? length : dim));
  return head.graph.add1(operation, tensors, { shape, type: head.type, label: 'concat' }, { axis });
}

function refuse(a: Tensor, b: Tensor, axis: number): never {
  const name = (t: Tensor) => `${t.type} [${t.shape.join(', ')}]`;
  throw new KronlabError('internal', `concat along axis ${axis}: ${name(a)} and ${name(b)} do not fit`);
}
