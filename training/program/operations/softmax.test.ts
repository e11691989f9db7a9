import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { trials } from '../../../contract/test-trials.ts';
import { testGpu } from '../../../gpu-kernels/test-gpu.ts';
import { size } from '../graph.ts';
import { checkOperation, evaluate, expectClose, f32Tolerance, noise } from '../test-program.ts';
import { logSoftmax, softmax } from './softmax.ts';
import { integers } from './test-leaves.ts';

interface Masks {
  queries?: number;
  causal?: boolean;
  /** Added to score j of a row; -Infinity hides it. */
  bias?: (row: number, j: number) => number;
}

function softmaxReference(x: ArrayLike<number>, width: number, masks: Masks = {}): Float64Array {
  const { causal = false, queries = 1, bias = () => 0 } = masks;
  const result = new Float64Array(x.length);
  for (let row = 0; row < x.length / width; row++) {
    const scores = Array.from({ length: width }, (_, j) =>
      causal && j > row % queries ? -Infinity : x[row * width + j]! + bias(row, j),
    );
    const most = Math.max(...scores);
    if (most === -Infinity) continue;
    const total = scores.reduce((sum, z) => sum + Math.exp(z - most), 0);
    scores.forEach((z, j) => (result[row * width + j] = Math.exp(z - most) / total));
  }
  return result;
}

const shapes = [[5, 8], [5, 7], [2, 3, 12], [2, 3, 5], [4, 1], [1, 4], [3]];
const scoresOf = (shape: readonly number[]) => noise(size(shape), 3).map((x) => Math.fround(4 * x));

describe('softmax', () => {
  test.each(shapes)('of shape %j', (...shape) =>
    checkOperation({
      inputs: [{ shape, values: scoresOf(shape) }],
      build: (x) => softmax(x),
      reference: (x) => softmaxReference(x, shape.at(-1)!),
      tolerance: f32Tolerance,
    }),
  );

  test.each([[[2, 5, 5]], [[2, 8, 8]], [[3, 4, 7]], [[2, 7, 4]], [[2, 2, 9, 8]]])(
    'causal, of shape %j',
    (shape) =>
      checkOperation({
        inputs: [{ shape, values: scoresOf(shape) }],
        build: (x) => softmax(x, { causal: true }),
        reference: (x) => softmaxReference(x, shape.at(-1)!, { causal: true, queries: shape.at(-2)! }),
        tolerance: f32Tolerance,
      }),
  );
});

const maskShapes = [
  { name: 'per key', shape: [2, 3, 4, 8], mask: [8] },
  { name: 'per example', shape: [2, 3, 4, 5], mask: [2, 1, 1, 5] },
  { name: 'per query and key', shape: [2, 3, 4, 5], mask: [4, 5] },
  { name: 'per head', shape: [2, 3, 4, 8], mask: [3, 1, 8] },
  { name: 'whole', shape: [3, 4], mask: [3, 4] },
];

/** The mask's number for column j of a row of x. */
function maskIndex(shape: number[], mask: number[]) {
  return (row: number, j: number): number => {
    let rest = row;
    let index = j;
    let stride = mask.at(-1)!;
    for (let axis = 2; axis <= shape.length; axis++) {
      const dim = axis <= mask.length ? mask.at(-axis)! : 1;
      if (dim > 1) index += (rest % dim) * stride;
      stride *= dim;
      rest = Math.floor(rest / shape.at(-axis)!);
    }
    return index;
  };
}

describe.each(maskShapes)('masks $name', ({ shape, mask }) => {
  const at = maskIndex(shape, mask);

  it('that add have a gradient', () =>
    checkOperation({
      inputs: [{ shape, values: scoresOf(shape) }, { shape: mask }],
      build: (x, m) => softmax(x, { mask: m }),
      reference: (x, m) => softmaxReference(x, shape.at(-1)!, { bias: (row, j) => m[at(row, j)]! }),
      tolerance: f32Tolerance,
    }));

  it.each([false, true])('that hide, causal %s', async (causal) => {
    const keep = Uint32Array.from(noise(size(mask), 7), (x) => (x > 0 ? 3 : 0));
    const bias = (row: number, j: number) => (keep[at(row, j)] ? 0 : -Infinity);
    const queries = shape.at(-2)!;
    const x = scoresOf(shape);
    const [y] = await evaluate((_, leaf) =>
      softmax(leaf(x, shape), { mask: leaf(keep, mask, 'mask'), causal }),
    );
    expectClose(y!, softmaxReference(x, shape.at(-1)!, { bias, causal, queries }), f32Tolerance);
  });
});

it('makes rows zeros, with zero gradients, that see nothing', async () => {
  const gpu = await testGpu();
  const keep = Uint32Array.of(0, 0, 0, 0, 1, 0, 0, 1);
  return checkOperation({
    inputs: [{ shape: [2, 4] }],
    build: (x) => softmax(x, { mask: integers(gpu, x.graph, keep, [2, 4]) }),
    reference: (x) => softmaxReference(x, 4, { bias: (row, j) => (keep[row * 4 + j] ? 0 : -Infinity) }),
    tolerance: f32Tolerance,
  });
});

it('takes -infinity in an added mask for hidden', async () => {
  const [y] = await evaluate((_, leaf) =>
    softmax(leaf([1, 2, 3, 4, 5, 6], [2, 3]), {
      mask: leaf([-Infinity, 0, 0, -Infinity, -Infinity, -Infinity], [2, 3]),
    }),
  );
  expectClose(y!, [0, 1 / (1 + Math.E), Math.E / (1 + Math.E), 0, 0, 0], f32Tolerance);
});

describe('log-softmax', () => {
  test.each(shapes)('of shape %j', (...shape) =>
    checkOperation({
      inputs: [{ shape, values: scoresOf(shape) }],
      build: logSoftmax,
      reference: (x) => softmaxReference(x, shape.at(-1)!).map(Math.log),
      tolerance: f32Tolerance,
    }),
  );
});

test('rows far apart neither overflow nor lose their small terms', async () => {
  const x = [500, -500, 0, -1000, -1000, -990];
  const [y, l] = await evaluate((_, leaf) => {
    const leafX = leaf(x, [2, 3]);
    return [softmax(leafX), logSoftmax(leafX)];
  });
  expectClose(y!, softmaxReference(x, 3), f32Tolerance);
  const smallest = Math.log(1 + 2 * Math.exp(-10));
  expectClose(l!, [0, -1000, -500, -10 - smallest, -10 - smallest, -smallest], f32Tolerance);
});

test('a row with NaN is NaN, and other rows are not', async () => {
  const x = [1, NaN, 2, 3, 1, 2, 3, 4];
  const results = await evaluate((_, leaf) => {
    const [odd, quads] = [leaf(x.slice(1, 7), [2, 3]), leaf(x, [2, 4])];
    return [softmax(odd), softmax(quads), logSoftmax(odd), logSoftmax(quads)];
  });
  for (const y of results) {
    const width = y.length / 2;
    expect([...y].map(Number.isNaN)).toEqual(Array.from(y, (_, i) => i < width));
  }
});

it('follows the rule for any shape', () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 2, maxLength: 4 }),
      fc.boolean(),
      (shape, causal) =>
        checkOperation({
          inputs: [{ shape, values: scoresOf(shape) }],
          build: (x) => softmax(x, { causal }),
          reference: (x) => softmaxReference(x, shape.at(-1)!, { causal, queries: shape.at(-2)! }),
          // WGSL allows exp(x) an error of 3 + 2 |x| units in the last place; seen over random shapes: 2.5e-6.
          tolerance: 5e-6,
        }),
    ),
    trials(6),
  ));

it('refuses masks that do not fit', async () => {
  const masked = (mask: number[]) =>
    evaluate((_, leaf) => {
      const m = leaf(new Uint32Array(size(mask)), mask);
      return softmax(leaf(noise(6, 0), [2, 3]), { mask: m });
    });
  await expect(masked([2, 1])).rejects.toThrow(
    'softmax: a mask of shape [2, 1] does not broadcast to [2, 3] along its last axis',
  );
  await expect(masked([3, 3])).rejects.toThrow('does not broadcast');
});
