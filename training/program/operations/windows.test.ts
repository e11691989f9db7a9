import { expect, it } from 'vitest';
import { evaluate } from '../test-program.ts';
import { windows } from './windows.ts';

it.each([
  { length: 1, shift: 0 },
  { length: 7, shift: 0 },
  { length: 7, shift: 1 },
  { length: 100, shift: 3 },
])('cuts $length tokens from $shift behind every start, overlapping or not', async ({ length, shift }) => {
  const stream = Uint32Array.from({ length: 150 }, (_, i) => i * 2654435761);
  const starts = Uint32Array.of(3, 0, 150 - length - shift, 3, 1);
  const [result] = await evaluate((_, leaf) => {
    const cut = windows(leaf(stream, [150]), leaf(starts, [5]), length, shift);
    expect(cut).toMatchObject({ shape: [5, length], type: 'u32' });
    return cut;
  });
  const expected = [...starts].flatMap((start) => [...stream.slice(start + shift, start + shift + length)]);
  expect([...new Uint32Array(result!.buffer)]).toEqual(expected);
});

it('cuts so many tokens that their workgroups make a grid', async () => {
  const stream = Uint32Array.from({ length: 4100 }, (_, i) => i);
  const starts = Uint32Array.from({ length: 1100 }, (_, i) => (i * 37) % 96);
  const [result] = await evaluate((_, leaf) => windows(leaf(stream, [4100]), leaf(starts, [1100]), 4000, 0));
  const tokens = new Uint32Array(result!.buffer);
  const wrong = tokens.findIndex((token, i) => token !== starts[Math.floor(i / 4000)]! + (i % 4000));
  expect(wrong).toBe(-1);
});
