import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { trials } from '../../../contract/test-trials.ts';
import { testGpu } from '../../../gpu-kernels/test-gpu.ts';
import { size } from '../graph.ts';
import { checkOperation, evaluate, noise } from '../test-program.ts';
import { pad, slice } from './slice.ts';
import { integers } from './test-leaves.ts';

function sliceReference(shape: number[], axis: number, first: number, length: number) {
  const inner = size(shape.slice(axis + 1));
  const [from, to] = [shape[axis]! * inner, length * inner];
  return (x: Float64Array): Float64Array =>
    Float64Array.from(
      { length: size(shape.slice(0, axis)) * to },
      (_, i) => x[Math.floor(i / to) * from + first * inner + (i % to)]!,
    );
}

function padReference(shape: number[], axis: number, first: number, length: number) {
  const inner = size(shape.slice(axis + 1));
  const [from, to] = [shape[axis]! * inner, length * inner];
  return (x: Float64Array): Float64Array =>
    Float64Array.from({ length: size(shape.slice(0, axis)) * to }, (_, i) => {
      const j = (i % to) - first * inner;
      return j >= 0 && j < from ? x[Math.floor(i / to) * from + j]! : 0;
    });
}

const cases = [
  { name: 'last axis, odd', shape: [3, 7], axis: 1, first: 2, length: 3 },
  { name: 'last axis, whole quads', shape: [3, 12], axis: 1, first: 4, length: 8 },
  { name: 'last axis, quads from between', shape: [3, 12], axis: 1, first: 2, length: 4 },
  { name: 'first axis', shape: [5, 4], axis: 0, first: 4, length: 1 },
  { name: 'middle axis, quads', shape: [2, 5, 8], axis: 1, first: 1, length: 3 },
  { name: 'middle axis, odd', shape: [2, 5, 3], axis: 1, first: 0, length: 4 },
  { name: 'everything', shape: [6], axis: 0, first: 0, length: 6 },
  { name: 'a single number', shape: [9], axis: 0, first: 8, length: 1 },
];

// Numbers are only moved; the tolerance is that of the differences.
const tolerance = 1e-8;

describe.each(cases)('$name', ({ shape, axis, first, length }) => {
  test('slice', () =>
    checkOperation({
      inputs: [{ shape }],
      build: (x) => slice(x, axis, first, length),
      reference: sliceReference(shape, axis, first, length),
      tolerance,
    }));

  test('pad', () => {
    const short = shape.map((dim, i) => (i === axis ? length : dim));
    return checkOperation({
      inputs: [{ shape: short }],
      build: (x) => pad(x, axis, first, shape[axis]!),
      reference: padReference(short, axis, first, shape[axis]!),
      tolerance,
    });
  });
});

it('takes any range of any shape', () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 1, max: 8 }), { minLength: 1, maxLength: 4 }),
      fc.nat(),
      fc.nat(),
      fc.nat(),
      (shape, a, f, l) => {
        const axis = a % shape.length;
        const first = f % shape[axis]!;
        const length = 1 + (l % (shape[axis]! - first));
        return checkOperation({
          inputs: [{ shape }],
          build: (x) => slice(x, axis, first, length),
          reference: sliceReference(shape, axis, first, length),
          tolerance,
        });
      },
    ),
    trials(8),
  ));

it('takes integers', async () => {
  const gpu = await testGpu();
  const [y] = await evaluate((graph) => slice(integers(gpu, graph, [1, 2, 3, 0xffffffff]), 0, 2, 2));
  expect([...new Uint32Array(y!.buffer)]).toEqual([3, 0xffffffff]);
});

it('refuses what is no range', async () => {
  const sliced = (first: number, length: number) =>
    evaluate((_, leaf) => slice(leaf(noise(6, 0), [2, 3]), 1, first, length));
  await expect(sliced(2, 2)).rejects.toThrow('slice of [2, 3] along axis 1: 2 to 4 is no range within 3');
  await expect(sliced(1, 0)).rejects.toThrow('is no range');
});
