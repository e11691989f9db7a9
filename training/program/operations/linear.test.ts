import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { trials } from '../../../contract/test-trials.ts';
import type { AdapterClass } from '../../../gpu-kernels/device.ts';
import { size } from '../graph.ts';
import { checkOperation, evaluate, f32Tolerance, noise } from '../test-program.ts';
import { linear } from './linear.ts';

function linearReference(inputs: number, outputs: number) {
  return (x: Float64Array, weight: Float64Array, bias?: Float64Array): Float64Array =>
    Float64Array.from({ length: (x.length / inputs) * outputs }, (_, i) => {
      const row = Math.floor(i / outputs);
      const output = i % outputs;
      let sum = bias ? bias[output]! : 0;
      for (let j = 0; j < inputs; j++) sum += x[row * inputs + j]! * weight[output * inputs + j]!;
      return sum;
    });
}

function check(
  rows: readonly number[],
  inputs: number,
  outputs: number,
  bias: boolean,
  adapterClass?: AdapterClass,
): Promise<void> {
  return checkOperation({
    inputs: [
      { shape: [...rows, inputs] },
      { shape: [outputs, inputs] },
      ...(bias ? [{ shape: [outputs] }] : []),
    ],
    build: (x, weight, ...[b]) => linear(x, weight, b ?? null),
    reference: linearReference(inputs, outputs),
    tolerance: f32Tolerance,
    ...(adapterClass ? { adapterClass } : {}),
  });
}

describe.each([true, false])('with bias: %s', (bias) => {
  test.each([
    { name: 'two axes, whole quads', rows: [12], inputs: 8, outputs: 16 },
    { name: 'two axes, odd', rows: [7], inputs: 5, outputs: 3 },
    { name: 'odd rows, whole quads', rows: [5], inputs: 8, outputs: 12 },
    { name: 'odd outputs', rows: [8], inputs: 8, outputs: 10 },
    { name: 'three axes', rows: [3, 5], inputs: 8, outputs: 4 },
    { name: 'four axes', rows: [2, 3, 2], inputs: 3, outputs: 4 },
    { name: 'a single row', rows: [1], inputs: 8, outputs: 4 },
    { name: 'a single output', rows: [4], inputs: 4, outputs: 1 },
    { name: 'a single number', rows: [1], inputs: 1, outputs: 1 },
    { name: 'rows without an axis', rows: [], inputs: 8, outputs: 4 },
  ])('$name', ({ rows, inputs, outputs }) => check(rows, inputs, outputs, bias));
});

describe('with the tiles of a hardware adapter', () => {
  test.each([
    { name: 'within one tile', rows: [5], inputs: 8, outputs: 4 },
    { name: 'over several tiles', rows: [19], inputs: 12, outputs: 36 },
  ])('$name', ({ rows, inputs, outputs }) => check(rows, inputs, outputs, true, 'gpu'));
});

it('works for any sizes', () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 3 }),
      fc.integer({ min: 1, max: 9 }),
      fc.integer({ min: 1, max: 9 }),
      fc.boolean(),
      async (rows, inputs, outputs, bias) => {
        fc.pre(size(rows) <= 30);
        await check(rows, inputs, outputs, bias);
      },
    ),
    trials(8),
  ));

it('sums the bias gradient over many rows', () => check([17, 20], 1, 4, true));

it('refuses a weight of another width and names it', () =>
  expect(
    evaluate((_, leaf) => linear(leaf(noise(6, 0), [2, 3]), leaf(noise(8, 1), [2, 4], 'head.weight'), null)),
  ).rejects.toThrow('linear: weight (head.weight) of shape [2, 4] should be [outputs, 3]'));
