import fc from 'fast-check';
import { expect, it, test } from 'vitest';
import { trials } from '../../../contract/test-trials.ts';
import { size } from '../graph.ts';
import { checkOperation, evaluate, noise } from '../test-program.ts';
import { concat } from './concat.ts';
import { relu } from './elementwise.ts';

function concatReference(shapes: number[][], axis: number) {
  const inner = size(shapes[0]!.slice(axis + 1));
  return (...inputs: Float64Array[]): number[] =>
    Array.from({ length: size(shapes[0]!.slice(0, axis)) }, (_, o) =>
      inputs.flatMap((x, i) => {
        const row = shapes[i]![axis]! * inner;
        return [...x.subarray(o * row, (o + 1) * row)];
      }),
    ).flat();
}

// Numbers are only moved; the tolerance is that of the differences.
const tolerance = 1e-8;

function check(shape: number[], axis: number, lengths: number[]): Promise<void> {
  const shapes = lengths.map((length) => shape.map((dim, i) => (i === axis ? length : dim)));
  return checkOperation({
    inputs: shapes.map((s) => ({ shape: s })),
    build: (...inputs) => concat(inputs, axis),
    reference: concatReference(shapes, axis),
    tolerance,
  });
}

test.each([
  { name: 'last axis, odd', shape: [3, 0], axis: 1, lengths: [2, 3] },
  { name: 'last axis, whole quads', shape: [3, 0], axis: 1, lengths: [4, 8] },
  { name: 'last axis, quads beside odd', shape: [3, 0], axis: 1, lengths: [4, 3, 1] },
  { name: 'last axis, odd that sum to quads', shape: [2, 0], axis: 1, lengths: [3, 5] },
  { name: 'first axis', shape: [0, 4], axis: 0, lengths: [1, 2, 3] },
  { name: 'a token before others', shape: [2, 0, 8], axis: 1, lengths: [1, 5] },
  { name: 'middle axis, odd', shape: [2, 0, 3], axis: 1, lengths: [2, 2] },
  { name: 'vectors', shape: [0], axis: 0, lengths: [1, 1, 1, 1] },
  { name: 'one tensor', shape: [2, 0], axis: 1, lengths: [3] },
])('$name', ({ shape, axis, lengths }) => check(shape, axis, lengths));

it('joins along any axis of any shape', () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 4 }),
      fc.nat(),
      fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 2, maxLength: 3 }),
      (shape, axis, lengths) => check(shape, axis % shape.length, lengths),
    ),
    trials(6),
  ));

it('may take one tensor several times, with elementwise work around it', () =>
  checkOperation({
    inputs: [{ shape: [2, 4] }],
    build: (x) => relu(concat([relu(x), x], 1)),
    reference: (x) =>
      Float64Array.from({ length: 16 }, (_, i) => Math.max(0, x[Math.floor(i / 8) * 4 + (i % 4)]!)),
    tolerance,
  }));

it('refuses shapes that do not fit', () =>
  expect(
    evaluate((_, leaf) => concat([leaf(noise(6, 0), [2, 3]), leaf(noise(3, 1), [3, 1])], 1)),
  ).rejects.toThrow('concat along axis 1: f32 [2, 3] and f32 [3, 1] do not fit'));
