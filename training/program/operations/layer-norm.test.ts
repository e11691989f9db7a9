import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { trials } from '../../../contract/test-trials.ts';
import { adapterClasses, checkOperation, evaluate, expectClose, noise } from '../test-program.ts';
import { layerNorm } from './layer-norm.ts';

function layerNormReference(width: number, eps: number) {
  return (x: Float64Array, gain: Float64Array, shift: Float64Array): Float64Array => {
    const result = new Float64Array(x.length);
    for (let first = 0; first < x.length; first += width) {
      const row = x.subarray(first, first + width);
      const mean = row.reduce((sum, value) => sum + value, 0) / width;
      const variance = row.reduce((sum, value) => sum + (value - mean) ** 2, 0) / width;
      row.forEach((value, j) => {
        result[first + j] = ((value - mean) / Math.sqrt(variance + eps)) * gain[j]! + shift[j]!;
      });
    }
    return result;
  };
}

/** Dividing by a standard deviation below 1 magnifies the rounding of f32; `inverseSqrt` may lose 2 ulp besides. */
const tolerance = 5e-6;

describe.each(adapterClasses)('layer norm on class %s', (adapterClass) => {
  test.each([
    { name: 'quad width', shape: [5, 8], eps: 1e-5 },
    { name: 'odd width', shape: [5, 7], eps: 1e-5 },
    { name: 'three axes, quad width', shape: [2, 3, 12], eps: 1e-5 },
    { name: 'three axes, odd width', shape: [2, 3, 5], eps: 1e-5 },
    { name: 'more rows than one slice of the parameter gradients', shape: [41, 4], eps: 1e-5 },
    { name: 'the same with an odd width', shape: [67, 3], eps: 1e-5 },
    { name: 'rows too long for registers', shape: [3, 72], eps: 1e-5 },
    { name: 'a large eps', shape: [4, 6], eps: 0.5 },
    { name: 'a single row', shape: [1, 8], eps: 1e-5 },
  ])('$name', ({ shape, eps }) => {
    const width = shape.at(-1)!;
    return checkOperation({
      inputs: [{ shape }, { shape: [width] }, { shape: [width] }],
      build: (x, gain, shift) => layerNorm(x, gain, shift, eps),
      reference: (x, gain, shift) => layerNormReference(width, eps)(x, gain, shift),
      tolerance,
      adapterClass,
    });
  });

  it('normalises rows of any width', () =>
    fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 2, max: 40 }), (count, width) =>
        checkOperation({
          inputs: [{ shape: [count, width] }, { shape: [width] }, { shape: [width] }],
          build: (x, gain, shift) => layerNorm(x, gain, shift, 0.1),
          reference: (x, gain, shift) => layerNormReference(width, 0.1)(x, gain, shift),
          tolerance,
          adapterClass,
        }),
      ),
      trials(4),
    ));

  it('keeps its precision when the mean is large', async () => {
    const x = noise(4 * 16, 1).map((value) => Math.fround(1000 + value));
    const gain = noise(16, 2);
    const shift = noise(16, 3);
    const [result] = await evaluate(
      (_, leaf) => layerNorm(leaf(x, [4, 16]), leaf(gain, [16]), leaf(shift, [16])),
      adapterClass,
    );
    // One f32 step at 1000 is 6e-5 and the mean is off by as much; the one-pass variance would be off by 1e-1.
    expectClose(result!, layerNormReference(16, 1e-5)(x, gain, shift), 3e-4);
  });

  it('makes a constant row its shift', async () => {
    const constant = new Float64Array(8).fill(0.25);
    const [result] = await evaluate(
      (_, leaf) => layerNorm(leaf(constant, [1, 8]), leaf(noise(8, 1), [8]), leaf(noise(8, 2), [8])),
      adapterClass,
    );
    expect([...result!]).toEqual([...noise(8, 2)]);
  });
});
