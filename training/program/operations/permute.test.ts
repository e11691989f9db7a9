import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { trials } from '../../../contract/test-trials.ts';
import { size } from '../graph.ts';
import { checkOperation, evaluate, f32Tolerance } from '../test-program.ts';
import { permute } from './permute.ts';

/** Walks the input in order and puts every value where its permuted coordinates say. */
function permuteReference(shape: readonly number[], order: readonly number[]) {
  const outShape = order.map((axis) => shape[axis]!);
  return (x: Float64Array): Float64Array => {
    const result = new Float64Array(x.length);
    x.forEach((value, i) => {
      const coordinates = shape.map((dim, axis) => Math.floor(i / size(shape.slice(axis + 1))) % dim);
      const at = order.reduce((sum, axis, o) => sum + coordinates[axis]! * size(outShape.slice(o + 1)), 0);
      result[at] = value;
    });
    return result;
  };
}

describe('permute', () => {
  test.each([
    { shape: [3, 5], order: [1, 0] },
    { shape: [2, 3, 4], order: [0, 1, 2] },
    { shape: [2, 3, 4], order: [2, 0, 1] },
    { shape: [2, 3, 4, 5], order: [0, 2, 3, 1] },
    { shape: [2, 4, 2, 4, 2], order: [0, 1, 3, 2, 4] },
    { shape: [2, 1, 4, 5], order: [0, 2, 3, 1] },
    { shape: [1, 3, 1, 5], order: [2, 3, 0, 1] },
  ])('$shape by $order', ({ shape, order }) =>
    checkOperation({
      inputs: [{ shape }],
      build: (x) => permute(x, order),
      reference: permuteReference(shape, order),
      tolerance: f32Tolerance,
    }),
  );

  it('orders axes of any number and length', () =>
    fc.assert(
      fc.asyncProperty(
        fc
          .array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 5 })
          .chain((shape) =>
            fc.tuple(fc.constant(shape), fc.shuffledSubarray([...shape.keys()], { minLength: shape.length })),
          ),
        ([shape, order]) => {
          fc.pre(size(shape) <= 200);
          return checkOperation({
            inputs: [{ shape }],
            build: (x) => permute(x, order),
            reference: permuteReference(shape, order),
            tolerance: f32Tolerance,
          });
        },
      ),
      trials(6),
    ));

  it('keeps labels labels: every bit of a u32 survives', async () => {
    const labels = Uint32Array.of(0, 1, 2, 7, 0xffffffff, 0x7fc00001);
    const [result] = await evaluate((_, leaf) => {
      const y = permute(leaf(labels, [2, 3]), [1, 0]);
      expect(y.type).toBe('u32');
      return y;
    });
    expect([...new Uint32Array(result!.buffer)]).toEqual([0, 7, 1, 0xffffffff, 2, 0x7fc00001]);
  });
});
