import fc from 'fast-check';
import { expect, it, test } from 'vitest';
import { trials } from '../../../contract/test-trials.ts';
import { size } from '../graph.ts';
import { checkOperation, evaluate, expectClose, noise } from '../test-program.ts';
import { groupNorm } from './group-norm.ts';

function groupNormReference(shape: readonly number[], groups: number, eps: number) {
  const channels = shape.at(-1)!;
  const rows = size(shape.slice(1, -1));
  const length = channels / groups;
  return (x: Float64Array, gain: Float64Array, shift: Float64Array): Float64Array => {
    const result = new Float64Array(x.length);
    for (let n = 0; n < shape[0]!; n++)
      for (let group = 0; group < groups; group++) {
        const places = Array.from({ length: rows * length }, (_, i) => {
          const row = Math.floor(i / length);
          return (n * rows + row) * channels + group * length + (i % length);
        });
        const mean = places.reduce((sum, at) => sum + x[at]!, 0) / places.length;
        const variance = places.reduce((sum, at) => sum + (x[at]! - mean) ** 2, 0) / places.length;
        for (const at of places) {
          const c = at % channels;
          result[at] = ((x[at]! - mean) / Math.sqrt(variance + eps)) * gain[c]! + shift[c]!;
        }
      }
    return result;
  };
}

/** Dividing by a standard deviation below 1 magnifies the rounding of f32. */
const tolerance = 5e-6;

function check(shape: number[], groups: number, eps = 1e-5): Promise<void> {
  const channels = shape.at(-1)!;
  return checkOperation({
    inputs: [{ shape }, { shape: [channels] }, { shape: [channels] }],
    build: (x, gain, shift) => groupNorm(x, gain, shift, groups, eps),
    reference: (x, gain, shift) => groupNormReference(shape, groups, eps)(x, gain, shift),
    tolerance,
  });
}

test.each([
  { name: 'images, groups of quads', shape: [2, 3, 3, 8], groups: 2 },
  { name: 'images, groups across quads', shape: [2, 3, 2, 12], groups: 4 },
  { name: 'images, odd channels', shape: [3, 2, 3, 6], groups: 3 },
  { name: 'one group', shape: [2, 5, 7], groups: 1 },
  { name: 'groups of one channel', shape: [2, 9, 4], groups: 4 },
  { name: 'no positions', shape: [3, 8], groups: 2 },
  { name: 'a single example', shape: [1, 4, 4], groups: 2 },
  { name: 'more rows than one slice', shape: [2, 67, 4], groups: 2 },
  { name: 'more rows than one slice, odd', shape: [1, 71, 3], groups: 3 },
])('$name', ({ shape, groups }) => check(shape, groups));

it('takes a large eps', () => check([2, 4, 6], 2, 0.5));

it('normalises any shape', () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 2, maxLength: 3 }),
      fc.integer({ min: 1, max: 3 }),
      fc.integer({ min: 2, max: 5 }),
      // A large eps: groups of few numbers may have nearly no variance, which magnifies rounding without bound.
      (leading, groups, length) => check([...leading, groups * length], groups, 0.1),
    ),
    trials(5),
  ));

it('keeps its precision when the mean is large', async () => {
  const shape = [2, 40, 4];
  const x = noise(size(shape), 1).map((value) => Math.fround(1000 + value));
  const [gain, shift] = [noise(4, 2), noise(4, 3)];
  const [result] = await evaluate((_, leaf) =>
    groupNorm(leaf(x, shape), leaf(gain, [4]), leaf(shift, [4]), 2),
  );
  // One f32 step at 1000 is 6e-5 and the mean is off by as much; E[x^2] - E[x]^2 would be off by 1e-1.
  expectClose(result!, groupNormReference(shape, 2, 1e-5)(x, gain, shift), 3e-4);
});

it('makes constant groups their shift', async () => {
  const [result] = await evaluate((_, leaf) => {
    const x = leaf(new Float64Array(24).fill(0.1), [2, 3, 4]);
    return groupNorm(x, leaf(noise(4, 1), [4]), leaf(noise(4, 2), [4]), 2);
  });
  expect([...result!.subarray(0, 4)]).toEqual([...noise(4, 2)]);
});

it('refuses groups that do not divide the channels', () =>
  expect(
    evaluate((_, leaf) =>
      groupNorm(leaf(noise(12, 0), [2, 6]), leaf(noise(6, 1), [6]), leaf(noise(6, 2), [6]), 4),
    ),
  ).rejects.toThrow('group norm of [2, 6]: 4 groups do not divide 6 channels of examples'));
