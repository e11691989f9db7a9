/** PyTorch's layouts turned into those in which the peers are fastest. */
import { size } from '../../training/program/graph.ts';
import type { Weight } from '../tasks.ts';

/** Values of a row-major array with its axes in another order, and the new shape. */
export function transposed(
  { shape, values }: Pick<Weight, 'shape' | 'values'>,
  order: readonly number[],
): { shape: number[]; values: Float32Array } {
  const strides = shape.map((_, axis) => size(shape.slice(axis + 1)));
  const newShape = order.map((axis) => shape[axis] ?? 1);
  const result = new Float32Array(values.length);
  const index = newShape.map(() => 0);
  for (let to = 0; to < result.length; to++) {
    let from = 0;
    order.forEach((axis, i) => {
      from += (index[i] ?? 0) * (strides[axis] ?? 0);
    });
    result[to] = values[from] ?? NaN;
    for (let axis = index.length - 1; axis >= 0; axis--) {
      index[axis] = (index[axis] ?? 0) + 1;
      if ((index[axis] ?? 0) < (newShape[axis] ?? 0)) break;
      index[axis] = 0;
    }
  }
  return { shape: newShape, values: result };
}
