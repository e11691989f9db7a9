import { expect, it } from 'vitest';
import { evaluate, noise } from '../test-program.ts';
import { rowMaximum } from './row-maximum.ts';

it.each([
  { shape: [1, 1] },
  { shape: [5, 3] },
  { shape: [70, 4] },
  { shape: [33, 300] },
  { shape: [4, 6, 5] },
])('is the largest number of each row of $shape', async ({ shape }) => {
  const width = shape.at(-1)!;
  const rows = shape.slice(0, -1).reduce((product, side) => product * side, 1);
  // All below zero, so that no untouched memory can pass for a maximum.
  const values = noise(rows * width, 3).map((x) => Math.fround(x - 2));
  const [result] = await evaluate((_, leaf) => {
    const largest = rowMaximum(leaf(values, shape));
    expect(largest.shape).toEqual([rows]);
    return largest;
  });
  const expected = Array.from({ length: rows }, (_, row) =>
    Math.max(...values.subarray(row * width, (row + 1) * width)),
  );
  expect([...result!]).toEqual(expected);
});
