import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { trials } from '../../../contract/test-trials.ts';
import { size } from '../graph.ts';
import { checkOperation, evaluate, expectClose, f32Tolerance, noise, prepare } from '../test-program.ts';
import { meanAxes, sumAxes, sumTo } from './reduce.ts';

function sumReference(shape: readonly number[], first: number, last: number, scale = 1) {
  const outer = size(shape.slice(0, first));
  const length = size(shape.slice(first, last + 1));
  const inner = size(shape.slice(last + 1));
  return (x: ArrayLike<number>): Float64Array => {
    const sums = new Float64Array(outer * inner);
    for (let o = 0; o < outer; o++)
      for (let r = 0; r < length; r++)
        for (let i = 0; i < inner; i++) sums[o * inner + i]! += scale * x[(o * length + r) * inner + i]!;
    return sums;
  };
}

const cases = [
  { name: 'first axis, odd', shape: [5, 3, 7], first: 0, last: 0 },
  { name: 'first axis, whole quads', shape: [5, 3, 8], first: 0, last: 0 },
  { name: 'middle axis', shape: [4, 5, 8], first: 1, last: 1 },
  { name: 'middle axis, odd', shape: [4, 5, 3], first: 1, last: 1 },
  { name: 'last axis', shape: [4, 5, 8], first: 2, last: 2 },
  { name: 'two leading axes', shape: [4, 5, 6], first: 0, last: 1 },
  { name: 'all axes', shape: [4, 5, 6], first: 0, last: 2 },
  { name: 'an axis of size 1', shape: [4, 1, 6], first: 1, last: 1 },
];

describe.each(cases)('$name', ({ shape, first, last }) => {
  it('sums', () =>
    checkOperation({
      inputs: [{ shape }],
      build: (x) => sumAxes(x, first, last, 0.5),
      reference: sumReference(shape, first, last, 0.5),
      tolerance: f32Tolerance,
    }));
  it('averages', () =>
    checkOperation({
      inputs: [{ shape }],
      build: (x) => meanAxes(x, first, last),
      reference: sumReference(shape, first, last, 1 / size(shape.slice(first, last + 1))),
      tolerance: f32Tolerance,
    }));
});

describe('long sums', () => {
  test.each([
    { shape: [257, 3], dispatches: 2 },
    { shape: [5000, 4], dispatches: 2 },
    { shape: [4161, 1], dispatches: 2 },
    { shape: [2, 1000, 10], dispatches: 2 },
    { shape: [256, 3], dispatches: 1 },
    { shape: [300, 256], dispatches: 1 },
  ])('of $shape take $dispatches launches', async ({ shape, dispatches }) => {
    // Numbers of one sign: the sum grows, and with it what rounding may lose.
    const values = noise(size(shape), 3).map((x) => Math.abs(x));
    const axis = shape.length - 2;
    const program = await prepare((_, leaf) => sumAxes(leaf(values, shape), axis, axis, 0.5));
    expect(program.program.statistics.dispatches).toBe(dispatches);
    const [result] = await program.run();
    // In one sequence of n additions rounding errors pile up to about sqrt(n) * 6e-8.
    expectClose(result ?? [], sumReference(shape, axis, axis, 0.5)(values), 5e-6);
  });
});

it('sums any block of axes', () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 4 }),
      fc.nat(3),
      fc.nat(3),
      async (shape, i, j) => {
        const [first = 0, last = 0] = [i % shape.length, j % shape.length].sort((a, b) => a - b);
        await checkOperation({
          inputs: [{ shape }],
          build: (x) => sumAxes(x, first, last),
          reference: sumReference(shape, first, last),
          tolerance: f32Tolerance,
        });
      },
    ),
    trials(6),
  ));

describe('sumTo undoes a broadcast', () => {
  test.each([
    { from: [4, 3, 8], to: [8] },
    { from: [4, 3, 8], to: [3, 8] },
    { from: [4, 3, 8], to: [4, 1, 8] },
    { from: [4, 3, 8], to: [1, 3, 1] },
    { from: [4, 3, 8], to: [] },
    { from: [1, 3], to: [3] },
  ])('from $from to $to', async ({ from, to }) => {
    const values = noise(size(from), 1);
    const [result] = await evaluate((_, leaf) => {
      const sum = sumTo(leaf(values, from), to);
      expect(sum.shape).toEqual(to);
      return sum;
    });
    const padded = [...from.map(() => 1).slice(to.length), ...to];
    const expected = new Float64Array(size(to));
    values.forEach((value, i) => {
      let rest = i;
      let index = 0;
      let stride = 1;
      for (let axis = from.length - 1; axis >= 0; axis--) {
        const coordinate = rest % from[axis]!;
        rest = Math.floor(rest / from[axis]!);
        if (padded[axis] !== 1) index += coordinate * stride;
        stride *= padded[axis]!;
      }
      expected[index]! += value;
    });
    expectClose(result ?? [], expected, f32Tolerance);
  });
});
