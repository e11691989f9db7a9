/** Arrays as the fixtures hold them: a shape and the values in row-major order, in float64. */
import { z } from 'zod';

export interface Tensor {
  shape: number[];
  data: Float64Array;
}

export const tensorSchema = z
  .object({ shape: z.array(z.int().gte(0)), data: z.array(z.number()) })
  .superRefine(({ shape, data }, context) => {
    const expected = sizeOf(shape);
    if (data.length === expected) return;
    context.addIssue({
      code: 'custom',
      path: ['data'],
      message: `holds ${data.length} values; the shape [${shape.join()}] needs ${expected}`,
    });
  })
  .transform(({ shape, data }): Tensor => ({ shape, data: Float64Array.from(data) }));

/** Tensors by name, e.g. parameters or layers. */
export const tensorsSchema = z.record(z.string(), tensorSchema);

/** Number of values in a tensor of this shape; 1 for a scalar. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, side) => product * side, 1);
}

/** Reports a fault of a fixture: where (keys from the outside in), what is wrong and what would be right. */
export type Report = (path: string[], message: string) => void;

/** Reports a missing tensor, or one that does not have this shape. */
export function checkShape(
  tensor: Tensor | undefined,
  shape: readonly number[],
  path: string[],
  report: Report,
): void {
  if (tensor === undefined) {
    report(path, `is missing; expected an array of shape [${shape.join()}]`);
  } else if (tensor.shape.join() !== shape.join()) {
    report(path, `has shape [${tensor.shape.join()}]; expected [${shape.join()}]`);
  }
}
